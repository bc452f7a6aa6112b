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

func (p *parking) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.list)
}

// takeAll empties the car park.
func (p *parking) takeAll() []*forward {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.list
	p.list = nil
	return list
}

// take takes f out, unless somebody else has.
func (p *parking) take(f *forward) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.list, f)
	if at < 0 {
		return false
	}
	p.list = slices.Delete(p.list, at, at+1)
	return true
}

// park keeps f until its instance has opened another session, or has failed to.
func (u *Upstream) park(f *forward) { u.parkFor(f, f.left(), client.ErrTimeout) }

// parkFor does so for a time, after which f is answered with err.
func (u *Upstream) parkFor(f *forward, long time.Duration, err error) {
	if i := u.hold(f, long, err); i != nil {
		i.doubt()
	} else {
		u.doubt()
	}
}

// hold keeps f for so long, if its time lasts, and then answers it with err. It returns the
// instance if that is its client's own; any of those that are shared will do.
func (u *Upstream) hold(f *forward, long time.Duration, err error) (own *instance) {
	p := &u.parked
	if u.opt.Share != ShareAll {
		if own = f.home(); own == nil {
			f.giveUp(client.ErrGone)
			return nil
		}
		p = own.parked
	}
	p.add(f)
	if left := f.left(); left < long {
		long, err = left, client.ErrTimeout
	}
	time.AfterFunc(max(long, time.Millisecond), func() {
		if p.take(f) {
			f.giveUp(err)
		}
	})
	return own
}

// home is the instance that f goes to where clients have their own; nil: it has gone.
func (f *forward) home() *instance {
	if f.lease != nil {
		return f.lease
	}
	u := f.item.up
	return u.tenants.of(f.caller.Owner(u.opt.Share == ShareSession))
}

// repeatParked sends them again: there is another session. Those of shared instances are sent by
// the one that leads, which has asked for the lists before.
func (i *instance) repeatParked(c *client.Client) {
	if !i.private && !i.leads() {
		return
	}
	for _, f := range i.parked.takeAll() {
		f.repeat(c)
	}
}

// releaseParked sends them by another instance, or answers them with why there is no session.
func (i *instance) releaseParked(err error) {
	for _, f := range i.parked.takeAll() {
		if i.private || !f.repeat(i.up.leastLoaded()) {
			f.giveUp(err)
		}
	}
}

// repeat sends the call once more; false when there is no connection.
func (f *forward) repeat(c *client.Client) bool {
	if c == nil {
		return false
	}
	if !f.caller.Ended() {
		f.item.up.count.repeated.Add(1)
	}
	f.resend(c)
	return true
}
