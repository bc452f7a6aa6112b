package server

import (
	"sync"
	"sync/atomic"
)

// inflight finds calls by their id while they wait for an answer. The zero value is ready.
type inflight struct {
	mu    sync.Mutex // guards calls
	calls map[string]*Call
	heavy atomic.Int64 // bytes of their requests: see load
}

// add registers a call; false when its id is in flight already.
func (f *inflight) add(c *Call) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = make(map[string]*Call)
	}
	if _, twice := f.calls[string(c.id)]; twice {
		return false
	}
	f.calls[string(c.id)] = c
	return true
}

func (f *inflight) remove(c *Call) {
	f.mu.Lock()
	if f.calls[string(c.id)] == c {
		delete(f.calls, string(c.id))
	}
	if len(f.calls) == 0 {
		f.calls = nil // an idle connection owns no map
	}
	f.mu.Unlock()
}

// cancel stops the call with that raw id; unknown and late ids are ignored.
func (f *inflight) cancel(id []byte) {
	f.mu.Lock()
	c := f.calls[string(id)]
	f.mu.Unlock()
	if c != nil {
		c.stop(ErrCancelled)
	}
}

func (f *inflight) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// cancelAll stops every call.
func (f *inflight) cancelAll(cause error) {
	f.mu.Lock()
	calls := make([]*Call, 0, len(f.calls))
	for _, c := range f.calls {
		calls = append(calls, c)
	}
	f.mu.Unlock()
	for _, c := range calls {
		c.stop(cause)
	}
}
