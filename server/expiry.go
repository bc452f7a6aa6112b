package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// expiry ends the calls of one loop that take longer than Options.CallTimeout. All have the same
// time, so they end in the order in which they came: one timer serves them all, and a call costs no
// more than its place in a list.
type expiry struct {
	limit atomic.Int64 // as time.Duration; 0: none. Changed with mu held
	used  atomic.Bool  // there was one; then some calls are listed
	now   func() int64 // the clock that Call.began was read from; safe for concurrent use

	mu          sync.Mutex // guards what follows and Call.older, newer and timed
	first, last *Call
	timer       *time.Timer // runs while armed; it may find that nothing is due
	armed       bool
}

// bound sets the limit of all calls, also of those that are watched.
func (e *expiry) bound(limit time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Duration(e.limit.Swap(int64(limit))) == limit {
		return
	}
	if limit > 0 {
		e.used.Store(true)
	}
	if e.first != nil {
		e.arm(0) // it looks whose time is over now
	}
}

// add watches c, which was begun after all others.
func (e *expiry) add(c *Call) {
	limit := time.Duration(e.limit.Load())
	if limit <= 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c.timed = true
	if c.older = e.last; c.older != nil {
		c.older.newer = c
	} else {
		e.first = c
	}
	e.last = c
	if !e.armed {
		e.arm(limit)
	}
}

// remove ends the watch, if there is one.
func (e *expiry) remove(c *Call) {
	if !e.used.Load() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unlink(c)
}

// unlink takes c out of the list. mu must be held.
func (e *expiry) unlink(c *Call) {
	if !c.timed {
		return
	}
	c.timed = false
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		e.first = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		e.last = c.older
	}
	c.older, c.newer = nil, nil
}

// arm makes end run in d. mu must be held.
func (e *expiry) arm(d time.Duration) {
	e.armed = true
	if e.timer == nil {
		e.timer = time.AfterFunc(d, e.end)
		return
	}
	e.timer.Reset(d)
}

// end ends what is due.
func (e *expiry) end() {
	for c := e.due(); c != nil; c = e.due() {
		c.expire()
		c.release()
	}
}

// due takes the oldest call out of the list when its time is over, else it sets the timer for it.
func (e *expiry) due() *Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, limit := e.first, time.Duration(e.limit.Load())
	if c == nil || limit <= 0 {
		e.armed = false
		return nil
	}
	if left := time.Duration(c.began-e.now()) + limit; left > 0 {
		e.arm(left)
		return nil
	}
	e.unlink(c)
	c.refs.Add(1) // what is watched has not been let go of
	return c
}

// stop is the end of the server: nothing is watched any more.
func (e *expiry) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
	}
}
