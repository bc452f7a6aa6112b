package client

import (
	"errors"
	"sync"
	"time"
)

// ear keeps the stream open on which a legacy server speaks of what belongs to no call: changed
// lists, updated resources, requests of its own (2025-11-25, basic/transports, "Listening for
// Messages from the Server"). Nothing waits for it: a server may answer the GET when it first has
// something to say, or refuse it.
type ear struct {
	m     *Mux
	facts *facts        // of the session
	wait  time.Duration // before the next attempt; belongs to open and ended, which take turns
	since time.Time     // when the last one began; as of wait

	mu      sync.Mutex // guards the rest
	call    Call
	stopped bool
}

// hear listens to the session of f, and not to the one before. It does nothing where nobody would
// be told, and where the wire is the stream already.
func (m *Mux) hear(f *facts) {
	_, overHTTP := m.wire.(*streamable)
	if !overHTTP || m.opt.OnNotification == nil && m.opt.OnRequest == nil {
		return
	}
	e := &ear{m: m, facts: f, wait: resumeWait}
	if old := m.ear.Swap(e); old != nil {
		old.stop()
	}
	e.open()
}

// open asks for the stream.
func (e *ear) open() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return
	}
	e.since = time.Now()
	e.call = Call{Method: "GET", verb: verbListen, Done: e.ended}
	if err := e.m.start(&e.call, e.facts); err != nil && !errors.Is(err, ErrClosed) {
		e.again()
	}
}

// ended is told that there is no stream, or none any more.
func (e *ear) ended(_ *Call, a Answer) {
	var refusal *HTTPError
	switch {
	case a.Err == nil, errors.Is(a.Err, ErrClosed):
		return // an answer that is no stream; or nobody listens any more
	case errors.As(a.Err, &refusal) && refusal.Status < 500:
		return // the server has no such stream (405), or not for us
	}
	e.again()
}

// again asks once more when the server has had time. What it said in between is lost, unless its
// events have ids: then resume has asked for it, and this is a new beginning.
func (e *ear) again() {
	if time.Since(e.since) > resumeWaitMax {
		e.wait = resumeWait
	}
	time.AfterFunc(e.wait, e.open)
	e.wait = min(2*e.wait, resumeWaitMax)
}

func (e *ear) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	e.m.cancel(e.call.id, ErrClosed, false)
}
