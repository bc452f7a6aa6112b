package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// httpConn is one connection of an httpPool. What is not marked belongs to its loop.
type httpConn struct {
	p    *httpPool
	home *loop.Loop // where it lives

	// Guarded by p.mu.
	conn   *loop.Conn // nil until Dial returned or Open came; then it stays
	job    *job       // whose exchange is under way; nil: idle
	opened bool
	doomed bool // it will end; no more jobs
	reused bool // job is not its first one
	swept  bool // idle since the last sweep
	began  bool // bytes of the answer came

	read    reader
	parser  codec.ResponseParser
	head    codec.Response
	body    codec.Body
	events  codec.EventReader
	phase   httpPhase
	interim int    // 1xx heads before the final one
	noise   int    // events that were no message
	data    []byte // decoded bytes of the body that were not used yet
	view    []byte // the whole body, when it came in one piece; valid until Data returns
	session string // Mcp-Session-Id of this head
}

type httpPhase uint8

const (
	phaseHead httpPhase = iota
	phaseWhole
	phaseEvents
)

const (
	interimMax   = 8
	dataBytesMax = 64 << 10        // a larger buffer is not kept for the next answer
	streamLinger = 2 * time.Second // from the answer to the end of its stream
)

func newHTTPConn(p *httpPool) *httpConn {
	h := &httpConn{p: p, read: reader{m: p.m}}
	h.parser.Limits = &p.limits
	return h
}

// carryOn begins the exchange of j on a connection that had others. p.mu is held.
func (h *httpConn) carryOn(j *job) {
	h.job, j.conn = j, h
	h.reused, h.began = true, false
}

// dispatch sends the request that j had under p.mu; one that is resumed gets another. When that
// fails nothing of it was sent: the server ended an idle connection, and j goes to another one.
func (h *httpConn) dispatch(j *job, request []byte) {
	p := h.p
	if h.send(j, request) == nil {
		p.sent(j)
		return
	}
	p.mu.Lock()
	mine := h.job == j
	if mine {
		h.job, h.doomed = nil, true
	}
	repeat := mine && h.elsewhere(j)
	p.mu.Unlock()
	switch {
	case repeat:
		if err := p.submit(j); err != nil {
			p.answer(j, err)
		}
	case mine:
		p.answer(j, ErrGone)
	}
}

// Open, Data, EOF, Expired and Closed are loop.Handler.

// Open sends the job that the connection was made for, or another one that waits.
func (h *httpConn) Open(c *loop.Conn) {
	h.p.mu.Lock()
	if h.conn == nil {
		h.conn = c
	}
	h.opened = true
	j := h.job
	if j == nil {
		j = h.p.park(h)
	}
	doomed, request := h.doomed, j.take()
	h.p.mu.Unlock()
	switch {
	case doomed:
		c.Close(nil)
	case j != nil:
		h.dispatch(j, request)
	}
}

// current returns the job whose answer comes, nil when none is due, and notes that it began.
func (h *httpConn) current() (j *job, doomed bool) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	h.began = true
	return h.job, h.doomed
}

// Data reads the answer of one exchange after the other.
func (h *httpConn) Data(c *loop.Conn, buf, out []byte) (n int, reply []byte) {
	j, doomed := h.current()
	if j != nil && j.signs != nil && j.posts == nil {
		j.signs.sign.Store(h.p.m.clockOf(c.Loop()))
	}
	h.read.begin()
	for j != nil && n < len(buf) && !h.read.enough() {
		var used int
		var done bool
		var err error
		if h.phase == phaseHead {
			used, done, err = h.takeHead(buf[n:])
		} else {
			used, done, err = h.takeBody(c, j, buf[n:])
		}
		n += used
		switch {
		case err != nil:
			h.refuse(c, j, err)
			return len(buf), out
		case done:
			h.finish(c, j, h.head.KeepAlive && n == len(buf))
			return len(buf), out
		case used == 0:
			return n, out
		}
	}
	switch {
	case j != nil:
		if h.phase == phaseEvents {
			h.read.pace(c)
		}
		return n, out
	case !doomed: // nobody asked for this
		h.p.m.stray()
		h.retire(c)
	}
	return len(buf), out
}

// retire ends a connection that must have no more jobs.
func (h *httpConn) retire(c *loop.Conn) {
	h.p.mu.Lock()
	h.doomed = true
	h.p.mu.Unlock()
	c.Close(nil)
}

// refuse ends the exchange and the connection with it.
func (h *httpConn) refuse(c *loop.Conn, j *job, err error) {
	var fault *codec.HTTPError
	switch {
	case errors.As(err, &fault) && fault.Status == 413, errors.Is(err, codec.ErrEventTooLong):
		h.p.m.tooLarge()
		err = fmt.Errorf("%w: above %d bytes; raise Options.MessageBytesMax", ErrTooLarge,
			h.p.m.opt.MessageBytesMax)
	case errors.As(err, &fault):
		err = fmt.Errorf("%w: %s", ErrAnswer, fault.Reason)
	}
	h.retire(c)
	h.p.answer(j, err)
}

// takeHead reads one response head. done: it had no body.
func (h *httpConn) takeHead(buf []byte) (n int, done bool, err error) {
	n, fault := h.parser.Head(buf, &h.head)
	if fault != nil {
		return 0, false, fault
	}
	if n == 0 {
		return 0, false, nil
	}
	r := &h.head
	if r.Interim() {
		if h.interim++; h.interim > interimMax {
			return n, false, fmt.Errorf("%w: too many interim answers", ErrAnswer)
		}
		return n, false, nil
	}
	h.interim, h.noise, h.session = 0, 0, string(r.SessionID)
	h.data, h.view = h.data[:0], nil
	h.phase = phaseWhole
	limits := &h.p.limits
	if r.Status == 200 && mediaType(r.ContentType, "text/event-stream") {
		h.phase, limits = phaseEvents, &h.p.streams
		h.events = codec.EventReader{Max: h.p.m.opt.MessageBytesMax}
	}
	h.body.StartResponse(r, false, limits)
	if r.Status < 200 {
		r.KeepAlive = false
	}
	_, _, empty, _ := h.body.Decode(nil, nil)
	return n, empty, nil
}

// takeBody reads what came of the body. done: it is complete.
func (h *httpConn) takeBody(c *loop.Conn, j *job, buf []byte) (n int, done bool, err error) {
	length := int(h.head.ContentLength)
	if h.phase == phaseWhole && length > 0 && length <= len(buf) && len(h.data) == 0 {
		h.view = buf[:length] // Fast path: no copy.
		return length, true, nil
	}
	if h.phase == phaseEvents {
		buf = buf[:min(len(buf), eventsPiece)]
	}
	data, n, done, fault := h.body.Decode(h.data, buf)
	h.data = data
	if fault != nil {
		return n, false, fault
	}
	if h.phase == phaseEvents {
		err = h.takeEvents(c, j)
	}
	return n, done, err
}

// takeEvents brings the events of a stream to whom they belong.
func (h *httpConn) takeEvents(c *loop.Conn, j *job) error {
	var event codec.Event
	used := 0
	for {
		n, ok, err := h.events.Next(h.data[used:], &event)
		used += n
		if err != nil {
			return err
		}
		if !ok {
			h.read.idled(&h.events)
			h.data = leftOf(h.data, used)
			return nil
		}
		j.rest.note(event.ID, h.events.Retry)
		if len(event.Data) == 0 || len(event.Type) > 0 && string(event.Type) != "message" {
			h.read.noticed(len(event.Data)) // the priming event of a legacy stream, or none of ours
			continue
		}
		if err := h.takeEvent(c, j, event.Data); err != nil {
			return err
		}
	}
}

func (h *httpConn) takeEvent(c *loop.Conn, j *job, frame []byte) error {
	m := h.p.m
	owner := j.id
	if j.verb == verbListen {
		owner = noCall
	}
	reply, ok := h.read.take(frame, owner, Answer{Status: 200, SessionID: h.session}, nil)
	if len(reply) > 0 {
		_ = m.reply(reply) // else the server asks again, or not
	}
	if !ok {
		if h.noise++; h.noise > m.opt.NoiseMax {
			return fmt.Errorf("%w: %d events that are no message", ErrAnswer, h.noise)
		}
		return nil
	}
	if m.table.peek(j.id) == nil {
		c.SetDeadline(streamLinger) // answered: what is left is the end of the stream
		if h.p.answered(h) {
			c.Close(nil)
		}
	}
	return nil
}

// finish ends an exchange whose answer is complete. The connection goes to the next job before
// the caller hears, so that a call made from Done finds it; h.data and the buffer stay as they
// are until Data returns.
func (h *httpConn) finish(c *loop.Conn, j *job, keep bool) {
	phase, head, body := h.phase, &h.head, h.data
	if h.view != nil {
		body, h.view = h.view, nil
	}
	h.phase = phaseHead
	p := h.p
	if phase == phaseEvents {
		c.SetDeadline(0)
		p.accepted(j)
	}
	p.mu.Lock()
	h.doomed = h.doomed || !keep
	var next *job
	if h.job == j { // else it was dropped
		next = p.park(h)
	}
	doomed, request := h.doomed, next.take()
	p.mu.Unlock()
	switch {
	case doomed:
		c.Close(nil)
	case next != nil:
		h.dispatch(next, request)
	}
	switch {
	case phase != phaseEvents:
		h.conclude(j, head, body)
	case !p.resume(j):
		p.answer(j, fmt.Errorf("%w: the stream ended before its answer", ErrGone))
	}
	if cap(h.data) > dataBytesMax {
		h.data = nil
	}
	if h.read.settled == j {
		p.m.letGo(j)
	}
	h.read.settled = nil
}

// conclude answers j with a body that came whole.
func (h *httpConn) conclude(j *job, head *codec.Response, body []byte) {
	p := h.p
	success := head.Status >= 200 && head.Status < 300
	if !success && p.refused(j, head, body) {
		return
	}
	p.accepted(j)
	j.taken()
	switch {
	case j.rest.resumed() && (!success || len(body) == 0):
		p.answer(j, notResumed(head.Status))
		return
	case j.posts != nil && j.verb == verbRequest && success:
		return
	case j.verb != verbRequest && success:
		if c, _ := p.m.table.take(j.id); c != nil {
			c.Done(c, Answer{Status: head.Status})
		}
		return
	case success && len(body) > 0:
		a := Answer{Status: head.Status, SessionID: h.session}
		h.read.take(body, j.id, a, nil)
		if p.m.table.peek(j.id) != nil { // it was no answer
			p.answer(j, fmt.Errorf("%w: HTTP status %d with content type %.64q", ErrAnswer,
				head.Status, head.ContentType))
		}
		return
	}
	if s, ok := p.m.wire.(*sse); ok && head.Status == statusNotFound {
		s.forgotten(p, j, refusal(head, body))
		return
	}
	fault := h.read.scanner.Scan(body, &h.read.msg)
	if fault == nil && h.read.msg.Kind == codec.KindError && !success {
		h.read.answer(j.id, Answer{
			Status: head.Status, Error: h.read.msg.Error,
			RetryAfter: retryAfter(head.Headers, time.Now()),
		})
	}
	why := refusal(head, body)
	why.RetryAfter = retryAfter(head.Headers, time.Now())
	p.answer(j, why)
}

// EOF is the end of an answer that has no other, or of the connection.
func (h *httpConn) EOF(c *loop.Conn) {
	if h.phase != phaseHead && h.body.UntilClose() {
		if j, _ := h.current(); j != nil {
			h.finish(c, j, false)
			return
		}
	}
	h.retire(c)
}

// Expired is the end of a stream that goes on after its answer.
func (h *httpConn) Expired(_ *loop.Conn, out []byte) []byte { return out }

// Closed gives the job to another connection, or fails it.
func (h *httpConn) Closed(c *loop.Conn, err error) {
	h.p.m.notices.leave(c)
	h.p.lost(h, err, c.Unsent())
}
