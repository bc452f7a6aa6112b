package gateway

import (
	"errors"
	"strconv"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// With ShareCall a call has an instance to itself as long as it lasts. What a legacy upstream asks
// on a connection is for the only call there, so that its client is known also where clients cannot
// be told apart. An instance is used again when its call has been answered.

// coolFor is for how long an instance whose call was given up comes last: its server may ask for
// the sake of that call still, and then nobody is asked, see client.Ask.Among.
const coolFor = time.Minute

// lease sends a call by an instance that it has to itself; it waits until there is one.
func (u *Upstream) lease(w waiting) {
	t := &u.tenants
	t.mu.Lock()
	var err error
	switch {
	case t.closed:
		err = client.ErrClosed
	case len(t.queue) >= u.opt.Client.InFlightMax:
		err = client.ErrOverloaded
	default:
		t.queue = append(t.queue, w)
	}
	t.mu.Unlock()
	if err != nil {
		w.fail(u, u.fault(err))
		return
	}
	u.serveQueue()
}

// serveQueue gives instances that are free to the calls that have waited longest.
func (u *Upstream) serveQueue() {
	for {
		w, err := u.nextLease()
		switch {
		case w == nil:
			return
		case err != nil:
			w.fail(u, err)
		default:
			w.begin()
		}
	}
}

// nextLease takes the first call out of the queue for which there is an instance that is ready, or
// has failed to be; calls whose instance is on its way wait for that. Nil: there is none.
func (u *Upstream) nextLease() (*waiting, error) {
	t := &u.tenants
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) > 0 {
		i := u.spare()
		if i == nil {
			return nil, nil
		}
		w := t.queue[0]
		t.queue[0] = waiting{}
		t.queue = t.queue[1:]
		w.lease, i.leased = i, true
		i.uses++
		switch {
		case i.awake():
			return &w, nil
		case time.Now().Before(i.paused):
			return &w, u.notThere(StateWaiting, i.paused, i.reason)
		}
		i.waiting = append(i.waiting, w)
		i.doubt()
	}
	return nil, nil
}

// spare is an instance that no call has; nil when there are as many as may be. One that is ready is
// better than one that has to be started, and the first better than another, so that the last ones
// can go. tenants.mu is held.
func (u *Upstream) spare() (best *instance) {
	t := &u.tenants
	now := time.Now()
	var cool *instance
	asleep := false
	for _, i := range t.all {
		sleeps := !i.awake()
		switch {
		case i.leased:
		case !sleeps && now.Before(i.cool):
			if cool == nil || i.cool.Before(cool.cool) {
				cool = i
			}
		case best == nil || asleep && !sleeps || asleep == sleeps && i.slot < best.slot:
			best, asleep = i, sleeps
		}
	}
	switch {
	case best != nil:
		return best
	case len(t.all) >= u.opt.InstancesMax:
		return cool
	case t.closed:
		return nil
	}
	t.slots++
	i := u.newTenant("call "+strconv.Itoa(t.slots), nil)
	i.slot = t.slots
	return i
}

// awake tells whether there is a connection. tenants.mu is held.
func (i *instance) awake() bool {
	c := i.live.Load()
	return c != nil && c != i.gone && !ended(c)
}

// giveBack ends the lease of an instance. err is why its call was given up on live, or nil.
func (u *Upstream) giveBack(i *instance, live *client.Client, err error) {
	t := &u.tenants
	t.mu.Lock()
	i.leased = false
	switch {
	case errors.Is(err, client.ErrGone), errors.Is(err, client.ErrClosed):
		i.gone = live // as it will say itself in a moment, unless only a request was cut
		i.doubt()
	case err != nil:
		i.cool = time.Now().Add(coolFor)
	}
	t.mu.Unlock()
	u.serveQueue()
}

// thoughtLost returns the connection that a call was lost on, nil without one.
func (i *instance) thoughtLost() *client.Client {
	t := &i.up.tenants
	t.mu.Lock()
	defer t.mu.Unlock()
	return i.gone
}

// returns has calls go to an instance that has answered, though it was thoughtLost before: over
// HTTP a request's own connection may end while the server is there. What was lost since is looked
// after next.
func (i *instance) returns(lost *client.Client) {
	t := &i.up.tenants
	t.mu.Lock()
	same := i.gone == lost
	if same {
		i.gone = nil
	}
	t.mu.Unlock()
	if same {
		i.serve()
	}
}

// stays tells whether f keeps its instance: the server has forgotten the session, and f is sent
// once more in another one.
func (f *forward) stays(a client.Answer) bool {
	if f.lease == nil || f.caller.Ended() || !f.sessionLost(a) {
		return false
	}
	f.judged(a, nil)
	f.item.up.park(f)
	return true
}

// leave ends the lease of f, if it has one. Called once, when nothing of f is at the upstream any
// more; err is why it was given up, or nil.
func (f *forward) leave(err error) {
	if f.lease != nil {
		f.item.up.giveBack(f.lease, f.live, err)
	}
}

// failQueue answers the calls that wait for an instance which will not come.
func (u *Upstream) failQueue() {
	t := &u.tenants
	t.mu.Lock()
	left := t.queue
	t.queue = nil
	t.mu.Unlock()
	for n := range left {
		left[n].fail(u, u.fault(client.ErrClosed))
	}
}

// waiting is a call that waits for an instance.
type waiting struct {
	item   *Item
	caller Caller
	req    *mcp.Request
	method mcp.Method
	params []byte
	lease  *instance // that it has to itself; nil: with others
}
