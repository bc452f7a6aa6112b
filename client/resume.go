package client

import (
	"fmt"
	"time"

	"github.com/mcploop/mcploop/codec"
)

// resumption is what it takes to go on with the event stream of a legacy call that ended before its
// answer (2025-11-25, basic/transports, "Resumability and Redelivery"). It belongs to its job's
// exchange.
type resumption struct {
	lines []byte        // headers of the GET that its session needs; nil: it cannot be resumed
	last  []byte        // id of the last event; nil: none had one
	wait  time.Duration // what the server wants
	tries int           // since the last event
}

const (
	resumeTriesMax = 10
	resumeWait     = time.Second // when the server has not said
	resumeWaitMin  = 10 * time.Millisecond
	resumeWaitMax  = 30 * time.Second
	eventIDMax     = 1 << 10
)

// note keeps the id of an event. What no header can say is none.
func (r *resumption) note(id []byte, retry time.Duration) {
	if r.lines == nil || len(id) == 0 {
		return
	}
	r.tries, r.wait = 0, resumeWait
	if retry > 0 {
		r.wait = min(max(retry, resumeWaitMin), resumeWaitMax)
	}
	r.last = r.last[:0]
	if len(id) <= eventIDMax && plainValue(string(id)) {
		r.last = append(r.last, id...)
	}
}

// resumed tells whether r's exchange is a GET.
func (r *resumption) resumed() bool { return r.tries > 0 }

// resume asks for the rest of j's stream after the time that the server wants, unless it is
// answered or given up, or there is nothing to ask for. The call is not made again.
func (p *httpPool) resume(j *job) bool {
	r := &j.rest
	if len(r.last) == 0 || r.tries >= resumeTriesMax || p.m.table.peek(j.id) == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || j.dropped {
		return false
	}
	r.tries++
	if j.authorized {
		j.token, j.tokenAt = p.m.opt.Tokens.now(nil), len(p.heads.get)
	}
	request := append(append([]byte(nil), p.heads.get...), j.token.text()...)
	request = append(request, r.lines...)
	request = codec.AppendHeader(request, "Last-Event-ID", r.last)
	j.request = append(request, "\r\n"...)
	j.conn, j.repeatable, j.repeated, j.tries = nil, true, false, 0
	time.AfterFunc(r.wait, func() {
		if err := p.submit(j); err != nil {
			p.answer(j, err)
		}
	})
	return true
}

// notResumed is the error of a call whose GET was refused: it may have run, so that nobody makes it
// again.
func notResumed(status int) error {
	return fmt.Errorf("%w: the stream ended before its answer, and the rest of it was refused "+
		"with HTTP status %d", ErrGone, status)
}
