package client

import "time"

// Whose question is it? Where all calls share a stream a request of the server names no call. Whom
// it is for is known when all that it may be for are of one party, and nobody is asked otherwise: a
// question that comes to the wrong person tells what is none of his.

// abandoned is a call that was given up. Its server may have asked before it heard of that, or may
// not care.
type abandoned struct {
	id    uint64
	party string
	at    int64 // by Mux.clock
}

const (
	// abandonedFor is for how long a server is thought to work at a call that was given up, unless
	// it answers before.
	abandonedFor = time.Minute
	// suspectsMax is among how many calls, and how many abandoned ones, it is told whose a request
	// of the server is.
	suspectsMax = 64
)

// abandon is take for a call that is given up, at now.
func (t *table) abandon(id uint64, now int64) (*Call, *job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slot(id)
	if s == nil {
		return nil, nil
	}
	if s.asker {
		t.outdate(now)
		one := abandoned{id, s.call.Party, now}
		if n := len(t.abandoned); n < suspectsMax {
			t.abandoned = append(t.abandoned, one)
		} else { // too many to know: nobody's, so that nobody is asked
			t.abandoned[n-1] = abandoned{at: now}
		}
	}
	return t.release(s, uint32(id&indexMask))
}

// answeredLate forgets an abandoned call, which its server has answered for all that.
func (t *table) answeredLate(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.abandoned {
		if t.abandoned[i].id == id {
			t.abandoned = append(t.abandoned[:i], t.abandoned[i+1:]...)
			return
		}
	}
}

// outdate forgets those that were abandoned long ago. mu is held.
func (t *table) outdate(now int64) {
	gone := 0
	for gone < len(t.abandoned) && now-t.abandoned[gone].at > int64(abandonedFor) {
		gone++
	}
	t.abandoned = append(t.abandoned[:0], t.abandoned[gone:]...)
}

// suspects returns the calls in flight one of which the server speaks of at now when it does not
// say of which: all of them are of one party. Nil: there are none, or it cannot be told.
func (t *table) suspects(now int64) (all []*Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.suspected(now)
}

// suspected is suspects. mu is held.
func (t *table) suspected(now int64) (all []*Call) {
	if t.outdate(now); t.askers == 0 || t.askers > suspectsMax {
		return nil
	}
	for i := range t.slots {
		if s := &t.slots[i]; s.call != nil && s.asker {
			all = append(all, s.call)
		}
	}
	party := all[0].Party
	for _, c := range all[1:] {
		if party == "" || c.Party != party {
			return nil
		}
	}
	for _, a := range t.abandoned {
		if party == "" || a.party != party {
			return nil
		}
	}
	return all
}

// waiter returns the call in flight that waits for the result of a task; nil when there is none.
func (t *table) waiter(task string) *Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.slots {
		if s := &t.slots[i]; s.call != nil && s.asker && s.call.Task == task {
			return s.call
		}
	}
	return nil
}

// suspect is the only one of suspects, nil when there are none or several, or when the server may
// speak of what another client listens to.
func (t *table) suspect(now int64) *Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.askers != 1 { // Fast path: log messages come often.
		return nil
	}
	all := t.suspected(now)
	if len(all) != 1 || t.subscribes() {
		return nil
	}
	return all[0]
}

// subscribes tells whether the server has not answered yet that somebody wants to be told of a
// resource, or no more. mu is held.
func (t *table) subscribes() bool {
	for i := range t.slots {
		if c := t.slots[i].call; c != nil &&
			(c.Method == "resources/subscribe" || c.Method == "resources/unsubscribe") {
			return true
		}
	}
	return false
}

// holds tells whether c is in flight.
func (t *table) holds(c *Call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slot(c.id)
	return s != nil && s.call == c
}
