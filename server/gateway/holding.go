package gateway

import (
	"fmt"
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Holds tells whether a call is held that its client knows by id. It takes a lock of its own.
func (u *Upstream) Holds(id string) bool { return u.held.find(id) != nil }

// Released returns what is closed when no call is held, such as those whose modern clients have
// been asked something and will call again.
func (u *Upstream) Released() <-chan struct{} { return u.held.released() }

// holding are the held calls of an upstream. Safe for concurrent use.
type holding struct {
	mu     sync.Mutex // guards the rest
	max    int
	calls  map[string]*held
	closed bool
	free   chan struct{} // see released; nil before it is asked for
}

func (t *holding) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.calls)
}

func (t *holding) find(id string) *held {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[id]
}

func (t *holding) add(h *held) *mcp.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.calls) >= t.max || t.closed {
		return &mcp.Error{Code: codec.ErrOverloaded.Code, Message: fmt.Sprintf(
			"%d calls wait for their clients' answers; asks of this upstream is %d",
			len(t.calls), t.max)}
	}
	if t.calls == nil {
		t.calls = map[string]*held{}
	}
	t.calls[h.id] = h
	return nil
}

func (t *holding) remove(h *held) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.calls, h.id)
	t.tell()
}

// released returns what is closed when no call is held.
func (t *holding) released() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == nil {
		t.free = make(chan struct{})
	}
	free := t.free
	t.tell()
	return free
}

// tell tells who waits when no call is held. mu is held.
func (t *holding) tell() {
	if len(t.calls) == 0 && t.free != nil {
		close(t.free)
		t.free = nil
	}
}

// close forgets all of them; their calls have ended with the connection.
func (t *holding) close() {
	t.mu.Lock()
	left := t.calls
	t.calls, t.closed = nil, true
	t.tell()
	t.mu.Unlock()
	for _, h := range left {
		h.mu.Lock()
		h.end()
		h.forsake()
		h.mu.Unlock()
	}
}

// resume goes on with a held call for the client that has come back.
func (t *holding) resume(u *Upstream, id string, c Caller, req *mcp.Request) {
	h := t.find(id)
	if h == nil && u.host.Holder != nil {
		if before := u.host.Holder(id); before != nil {
			h = before.held.find(id)
		}
	}
	if h == nil && c.Ended() {
		return // a legacy client's call: answered while it came back for another call's question
	}
	if h == nil || !h.enter(c, req) {
		u.failUnsent(c, &mcp.Error{
			Code: codec.ErrInvalidParams.Code,
			Message: fmt.Sprintf("invalid params: the call of upstream %q that requestState is "+
				"about has ended, or was answered before; it may have run in part", u.opt.Name),
			Data: upstreamData{Upstream: u.opt.Name, State: u.stateNow().String()},
		})
	}
}
