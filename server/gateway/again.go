package gateway

import (
	"sync"

	"github.com/mcploop/mcploop/client"
)

// parking holds calls whose session the upstream did not know any more. It has not run them
// (2025-11-25, basic/transports, "Session Management"), so they are sent once more, in another
// session.
type parking struct {
	mu   sync.Mutex // guards list
	list []*forward
}

// sessionLost tells whether a says so of the call's first try.
func (f *forward) sessionLost(a client.Answer) bool {
	return !f.again && f.live.SessionLost(a)
}

// park keeps f until the supervisor has opened another session, or has failed to.
func (u *Upstream) park(f *forward) {
	u.parked.mu.Lock()
	u.parked.list = append(u.parked.list, f)
	u.parked.mu.Unlock()
	u.doubt()
}

// unpark empties the car park.
func (u *Upstream) unpark() []*forward {
	u.parked.mu.Lock()
	defer u.parked.mu.Unlock()
	list := u.parked.list
	u.parked.list = nil
	return list
}

// repeatParked sends them again: there is another session.
func (u *Upstream) repeatParked(c *client.Client) {
	for _, f := range u.unpark() {
		if f.caller.Ended() {
			u.count.cancelled.Add(1)
			f.caller.Release()
			continue
		}
		u.count.repeated.Add(1)
		next := f.item.forward(f.caller, c, f.method, f.Params, f.version, f.token)
		next.capabilities, next.again = f.capabilities, true
		next.hearLogs(f.level)
		next.begin()
	}
}

// failParked answers them with why there is no session.
func (u *Upstream) failParked(err error) {
	for _, f := range u.unpark() {
		if f.caller.Ended() {
			u.count.cancelled.Add(1)
		} else {
			u.count.failed.Add(1)
			f.caller.Fail(u.fault(err))
		}
		f.caller.Release()
	}
}
