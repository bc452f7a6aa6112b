package gateway

import (
	"fmt"
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// holding are the held calls of an upstream. Safe for concurrent use.
type holding struct {
	mu     sync.Mutex // guards the rest
	max    int
	calls  map[string]*held
	closed bool
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
}

// close forgets all of them; their calls have ended with the connection.
func (t *holding) close() {
	t.mu.Lock()
	left := t.calls
	t.calls, t.closed = nil, true
	t.mu.Unlock()
	for _, h := range left {
		h.mu.Lock()
		h.end()
		h.mu.Unlock()
	}
}

// resume goes on with a held call for the client that has come back.
func (t *holding) resume(u *Upstream, id string, c Caller, req *mcp.Request) {
	h := t.find(id)
	if h == nil && c.Ended() {
		return // a legacy client's call: answered while it came back for another call's question
	}
	if h == nil || !h.enter(c, req) {
		u.count.failed.Add(1)
		c.Fail(&mcp.Error{
			Code: codec.ErrInvalidParams.Code,
			Message: fmt.Sprintf("invalid params: the call of upstream %q that requestState is "+
				"about has ended, or was answered before; it may have run in part", u.opt.Name),
			Data: upstreamData{Upstream: u.opt.Name, State: u.stateNow().String()},
		})
	}
}
