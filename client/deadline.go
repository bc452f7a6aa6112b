package client

import (
	"fmt"
	"time"

	"github.com/mcploop/mcploop/loop"
)

// A slot of the table has one timer for all deadlines of all calls that it will hold: one for each
// call would cost more than all else that a call does here. What comes of the answer only notes
// when, and the end of a call leaves the timer alone. It looks at the call that it finds when it
// fires, and is set again to the deadline that is next.

// clock is monotonic, in nanoseconds, and never 0.
func (m *Mux) clock() int64 { return int64(time.Since(m.born)) + 1 }

// clockOf is what clock was when l woke up. Called only on l.
func (m *Mux) clockOf(l *loop.Loop) int64 { return l.Now() + 1 }

// watched tells whether signs of c's answer have deadlines.
func (c *Call) watched() bool { return c.FirstByte > 0 || c.BetweenBytes > 0 }

// begin starts c's clock.
func (m *Mux) begin(c *Call) {
	c.began, c.limit, c.endless = 0, c.Timeout, false
	if c.firstLook() > 0 {
		c.began = m.clock()
		c.sign.Store(0)
	}
}

// Age is how long ago c was started, 0 if it has no deadline. Called by who had c started, when it
// has ended.
func (m *Mux) Age(c *Call) time.Duration {
	if c.began == 0 {
		return 0
	}
	return time.Duration(m.clock() - c.began)
}

// SetTimeout gives c another d from now on, or with 0 all the time there is, whatever its other
// deadlines say: while a person thinks about what the server asked. False when c was answered
// already. c must have been started.
func (m *Mux) SetTimeout(c *Call, d time.Duration) bool {
	return m.table.extend(c.id, d, m.clock(), m.look)
}

// extend is SetTimeout at now.
func (t *table) extend(id uint64, d time.Duration, now int64, onTimer func(index uint32)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slot(id)
	if s == nil {
		return false
	}
	c := s.call
	if c.endless = d <= 0; !c.endless {
		c.limit, c.began = d, now
		c.sign.Store(0)
		t.wake(uint32(id&indexMask), c.firstLook(), now, onTimer)
	}
	return true
}

// wake has the slot's timer fire in d from now on, or before. mu is held.
func (t *table) wake(index uint32, d time.Duration, now int64, onTimer func(index uint32)) {
	s := &t.slots[index]
	due := now + int64(d)
	if s.fires != 0 && s.fires <= due {
		return // Fast path: it was set for a call before.
	}
	s.fires = due
	if s.timer == nil {
		s.timer = time.AfterFunc(d, func() { onTimer(index) })
	} else {
		s.timer.Reset(d)
	}
}

// sleep stops the slot's timer. mu is held.
func (s *slot) sleep() {
	if s.timer != nil {
		s.timer.Stop()
		s.fires = 0
	}
}

// sooner returns the shorter one of two times; 0 is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// firstLook is when a deadline of c may have passed; 0: it has none.
func (c *Call) firstLook() time.Duration {
	return sooner(c.limit, sooner(c.FirstByte, c.BetweenBytes))
}

// timeout ends the call in the slot if a deadline of it has passed. It runs when the timer fires.
func (m *Mux) timeout(index uint32) {
	id, why := m.table.overdue(index, m.clock())
	if why == nil {
		return
	}
	m.cancel(id, why, true)
	if w, ok := m.wire.(shared); ok {
		w.base().doubt()
	}
}

// overdue says which deadline of the call in the slot has passed at now, and its id. Nil: none has,
// and the timer fires again if there is one.
func (t *table) overdue(index uint32, now int64) (id uint64, why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.slots[index]
	s.fires = 0
	c := s.call
	if c == nil || c.endless {
		return 0, nil
	}
	next, why := c.look(now)
	if next > 0 {
		s.fires = now + int64(next)
		s.timer.Reset(next)
	}
	return c.id, why
}

// look says which deadline of c has passed at now. Nil: none has, and it is time to look again in
// next; 0: never.
func (c *Call) look(now int64) (next time.Duration, why error) {
	age, sign := time.Duration(now-c.began), c.sign.Load()
	quiet := time.Duration(now - sign)
	switch {
	case c.limit > 0 && age >= c.limit:
		return 0, ErrTimeout
	case sign == 0 && c.FirstByte > 0 && age >= c.FirstByte:
		return 0, fmt.Errorf("%w: nothing of an answer came within %v", ErrTimeout, c.FirstByte)
	case sign != 0 && c.BetweenBytes > 0 && quiet >= c.BetweenBytes:
		return 0, fmt.Errorf("%w: nothing more of the answer came within %v", ErrTimeout,
			c.BetweenBytes)
	}
	if c.limit > 0 {
		next = c.limit - age
	}
	switch {
	case sign == 0 && c.FirstByte > 0:
		next = sooner(next, c.FirstByte-age)
	case sign != 0 && c.BetweenBytes > 0:
		next = sooner(next, c.BetweenBytes-quiet)
	}
	if sign == 0 {
		next = sooner(next, c.BetweenBytes) // from whenever the first sign comes
	}
	return next, nil
}
