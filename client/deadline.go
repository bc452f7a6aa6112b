package client

import (
	"fmt"
	"time"
)

// A call has one timer for all its deadlines. What comes of the answer only notes when; the timer
// looks at that when it fires, and is set again to the deadline that is next.

// clock is monotonic, in nanoseconds, and never 0.
func (m *Mux) clock() int64 { return int64(time.Since(m.born)) + 1 }

// watched tells whether signs of c's answer have deadlines.
func (c *Call) watched() bool { return c.FirstByte > 0 || c.BetweenBytes > 0 }

// begin starts c's clock.
func (m *Mux) begin(c *Call) {
	c.began = 0
	if c.firstLook() > 0 {
		c.began = m.clock()
		c.sign.Store(0)
	}
}

// SetTimeout gives c another d from now on, or with 0 all the time there is, whatever its other
// deadlines say: while a person thinks about what the server asked. False when c was answered
// already. c must have been started.
func (m *Mux) SetTimeout(c *Call, d time.Duration) bool {
	return m.table.extend(c.id, d, m.clock(), m.expire)
}

// extend is SetTimeout at now.
func (t *table) extend(id uint64, d time.Duration, now int64, onTimeout func(id uint64)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slot(id)
	if s == nil {
		return false
	}
	c := s.call
	if c.expiry != nil {
		c.expiry.Stop()
		c.expiry = nil
	}
	if d > 0 {
		c.limit, c.began = d, now
		c.sign.Store(0)
		c.expiry = time.AfterFunc(c.firstLook(), func() { onTimeout(id) })
	}
	return true
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

// timeout ends a call whose deadline has passed. It runs when the timer fires.
func (m *Mux) timeout(id uint64) {
	if why := m.table.overdue(id, m.clock()); why != nil {
		m.cancel(id, why, true)
	}
}

// overdue says which deadline of the call has passed at now. Nil: none has, and its timer fires
// again.
func (t *table) overdue(id uint64, now int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slot(id)
	if s == nil {
		return nil
	}
	c := s.call
	if c.expiry == nil { // since the timer fired
		return nil
	}
	age, sign := time.Duration(now-c.began), c.sign.Load()
	if !c.watched() {
		if age < c.limit { // as before, and there is another timer
			return nil
		}
		return ErrTimeout
	}
	quiet := time.Duration(now - sign)
	switch {
	case c.limit > 0 && age >= c.limit:
		return ErrTimeout
	case sign == 0 && c.FirstByte > 0 && age >= c.FirstByte:
		return fmt.Errorf("%w: nothing of an answer came within %v", ErrTimeout, c.FirstByte)
	case sign != 0 && c.BetweenBytes > 0 && quiet >= c.BetweenBytes:
		return fmt.Errorf("%w: nothing more of the answer came within %v", ErrTimeout,
			c.BetweenBytes)
	}
	var next time.Duration
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
	if next > 0 {
		c.expiry.Reset(next)
	}
	return nil
}
