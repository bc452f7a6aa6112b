package client

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"
)

// table holds the calls in flight under the ids that went out. An id is a slot's index and the
// count of its uses, so that a late, a repeated and an invented id all miss. Ids stay below
// 2^52: a server that reads numbers as doubles brings them back exactly.
type table struct {
	mu     sync.Mutex // guards the rest; no callback runs under it
	slots  []slot
	free   []uint32
	inUse  int
	busy   atomic.Int64 // as inUse, for who has no lock
	askers int          // of these, requests that the server may ask on behalf of
	spares int          // of these, such as are none of max
	// abandoned are such that were given up, the oldest first; at most suspectsMax.
	abandoned []abandoned
	max       int
	closed    error // not nil: no more calls
}

type slot struct {
	call  *Call
	job   *job        // of the HTTP wire; nil elsewhere
	timer *time.Timer // nil until a call had a deadline
	fires int64       // when timer does, by Mux.clock; 0: it does not
	uses  uint32
	asker bool
	spare bool
}

const (
	indexBits = 20
	indexMask = 1<<indexBits - 1
)

// reopen undoes close, for a wire that was never used.
func (t *table) reopen() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = nil
}

// put takes c in, which has begun, and gives it its id. onTimer runs with its slot's index when a
// deadline of it may have passed.
func (t *table) put(c *Call, j *job, onTimer func(index uint32)) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed != nil:
		return 0, t.closed
	case t.inUse-t.spares >= t.max && c.counts() && !t.spare(c):
		return 0, ErrOverloaded
	}
	if len(t.free) == 0 {
		t.slots = append(t.slots, slot{})
		t.free = append(t.free, uint32(len(t.slots)-1))
	}
	index := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	s := &t.slots[index]
	s.uses++
	s.call, s.job, s.asker, s.spare = c, j, c.mayAsk(), t.spare(c)
	t.count(s, 1)
	id := uint64(s.uses)<<indexBits | uint64(index)
	c.id = id
	if d := c.firstLook(); d > 0 {
		t.wake(index, d, c.began, onTimer)
	}
	return id, nil
}

// counts tells whether c is one of InFlightMax. What ends a call, or lets one go on, never waits
// for another one.
func (c *Call) counts() bool { return c.verb != verbReply && c.verb != verbListen && !c.Aside }

// sparesMax is how many requests there may be that are none of InFlightMax.
const sparesMax = 16

// spare tells whether c asks what the server is, or has: it is not refused because there are many
// calls, and no call is refused because of it. mu is held.
func (t *table) spare(c *Call) bool {
	return c.verb == verbRequest && !c.Aside && t.spares < sparesMax && repeatable(c.Method)
}

// mayAsk tells whether a server may ask for input on behalf of c (2026-07-28, basic/patterns/mrtr,
// "Supported requests"; the features of earlier revisions are tied to no others in practice, but
// for what a task of 2025-11-25 asks while its result is waited for).
func (c *Call) mayAsk() bool {
	return c.verb == verbRequest && (mayAsk(c.Method) || c.Method == "tasks/result")
}

func mayAsk(method string) bool {
	return method == "tools/call" || method == "prompts/get" || method == "resources/read"
}

// count adds one call, or -1. mu is held.
func (t *table) count(s *slot, one int) {
	if s.call.counts() {
		t.inUse += one
		t.busy.Store(int64(t.inUse))
	}
	if s.asker {
		t.askers += one
	}
	if s.spare {
		t.spares += one
	}
}

// take takes the call out; nil when it is not, or no longer, in flight. Who takes it answers it.
func (t *table) take(id uint64) (*Call, *job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slot(id)
	if s == nil {
		return nil, nil
	}
	return t.release(s, uint32(id&indexMask))
}

// takeOnly takes the call out that is alone in flight; nil when there are none or several.
func (t *table) takeOnly() (*Call, *job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inUse != 1 {
		return nil, nil
	}
	for i := range t.slots {
		if c := t.slots[i].call; c != nil && c.counts() {
			return t.release(&t.slots[i], uint32(i))
		}
	}
	return nil, nil
}

// peek returns the call without taking it out.
func (t *table) peek(id uint64) *Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.slot(id); s != nil {
		return s.call
	}
	return nil
}

// close takes all calls out and lets no more in; the error of the first close stays.
func (t *table) close(err error) []*Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed == nil {
		t.closed = err
	}
	var left []*Call
	for i := range t.slots {
		if t.slots[i].call != nil {
			c, _ := t.release(&t.slots[i], uint32(i))
			left = append(left, c)
		}
		t.slots[i].sleep()
	}
	return left
}

// ids returns the ids in use.
func (t *table) ids() []uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make([]uint64, 0, t.inUse)
	for i := range t.slots {
		if c := t.slots[i].call; c != nil {
			ids = append(ids, c.id)
		}
	}
	return ids
}

func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inUse
}

// slot returns the slot of id in use, or nil. mu is held.
func (t *table) slot(id uint64) *slot {
	index, uses := id&indexMask, id>>indexBits
	if index >= uint64(len(t.slots)) {
		return nil
	}
	s := &t.slots[index]
	if s.call == nil || uint64(s.uses) != uses {
		return nil
	}
	return s
}

// release empties s. mu is held.
func (t *table) release(s *slot, index uint32) (*Call, *job) {
	c, j := s.call, s.job
	t.count(s, -1)
	s.call, s.job = nil, nil
	t.free = append(t.free, index)
	return c, j
}

// parseID reads an id as the wire brings it back: the digits that went out, with ".0" behind them
// when the server holds its numbers as doubles.
func parseID(raw []byte) (uint64, bool) {
	raw = bytes.TrimSuffix(raw, []byte(".0"))
	if len(raw) == 0 || len(raw) > 16 {
		return 0, false
	}
	var id uint64
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		id = id*10 + uint64(c-'0')
	}
	return id, true
}
