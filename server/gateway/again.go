package gateway

import (
	"slices"
	"sync"
	"time"

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

// add keeps f.
func (p *parking) add(f *forward) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, f)
}

// park keeps f until the supervisor has opened another session, or has failed to.
func (u *Upstream) park(f *forward) {
	u.hold(f)
	u.doubt()
}

// hold keeps f for as long as its time lasts.
func (u *Upstream) hold(f *forward) {
	u.parked.add(f)
	time.AfterFunc(max(f.left(), time.Millisecond), func() {
		if u.unparkOne(f) {
			f.giveUp(client.ErrTimeout)
		}
	})
}

// unpark empties the car park.
func (u *Upstream) unpark() []*forward {
	u.parked.mu.Lock()
	defer u.parked.mu.Unlock()
	list := u.parked.list
	u.parked.list = nil
	return list
}

// unparkOne takes f out, unless somebody else has.
func (u *Upstream) unparkOne(f *forward) bool {
	u.parked.mu.Lock()
	defer u.parked.mu.Unlock()
	at := slices.Index(u.parked.list, f)
	if at < 0 {
		return false
	}
	u.parked.list = slices.Delete(u.parked.list, at, at+1)
	return true
}

// repeatParked sends them again: there is another session.
func (u *Upstream) repeatParked(c *client.Client) {
	for _, f := range u.unpark() {
		if !f.caller.Ended() {
			u.count.repeated.Add(1)
		}
		f.resend(c)
	}
}

// failParked answers them with why there is no session.
func (u *Upstream) failParked(err error) {
	for _, f := range u.unpark() {
		f.giveUp(err)
	}
}
