package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Share says which clients use an instance together.
type Share uint8

// The ways to share.
const (
	ShareAll       Share = iota // all clients share all instances
	SharePrincipal              // clients with the same credentials share one
	ShareSession                // a legacy session has its own; other clients: as SharePrincipal
	ShareCall                   // nobody: a call has one to itself while it lasts
)

// ParseShare returns the way named s; "" is ShareAll.
func ParseShare(s string) (Share, error) {
	switch s {
	case "", "all":
		return ShareAll, nil
	case "principal":
		return SharePrincipal, nil
	case "session":
		return ShareSession, nil
	case "call":
		return ShareCall, nil
	}
	return ShareAll, fmt.Errorf(
		`cannot use share %q; say "all", "principal", "session" or "call"`, s)
}

// tenants are the instances of single clients, by owner. They are made by the first call of their
// owner, which waits for them, and end when they are idle or their owner has gone.
type tenants struct {
	mu      sync.Mutex // guards the rest, and the tenancy of each
	all     map[string]*instance
	sweeper *time.Timer // nil while there are none
	queue   []waiting   // with ShareCall: calls, until an instance is free
	slots   int         // instances that were made for these
	closed  bool
}

// tenancy is what an instance of a single client has beside others. It is guarded by tenants.mu.
type tenancy struct {
	stop    context.CancelFunc
	who     *identity      // what it connects with, never changed; nil: with what all do
	waiting []waiting      // calls, until it is ready or has failed
	uses    uint64         // calls so far
	swept   uint64         // uses at the last sweep
	paused  time.Time      // until then no call waits for it, as it
	reason  error          // has failed
	slot    int            // with ShareCall
	leased  bool           // a call has it
	gone    *client.Client // that was lost
	cool    time.Time      // until then it comes last
}

// live returns the connection of the owner's instance, nil without one, and counts a use.
func (t *tenants) live(owner string) *client.Client {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.all[owner]
	if i == nil {
		return nil
	}
	i.uses++
	return i.live.Load()
}

// of returns the owner's instance, nil without one.
func (t *tenants) of(owner string) *instance {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[owner]
}

// list returns all of them.
func (t *tenants) list() []*instance {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*instance, 0, len(t.all))
	for _, i := range t.all {
		list = append(list, i)
	}
	return list
}

// close lets no more of them be made. Those that are there end with the upstream.
func (t *tenants) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	clear(t.all)
	if t.sweeper != nil {
		t.sweeper.Stop()
	}
}

// await has a call wait for the instance of its client, which is made when there is none. False:
// there is nothing to wait for. Otherwise the call is sent or answered later, or was answered.
func (u *Upstream) await(w waiting) bool {
	if u.opt.Share == ShareAll {
		return false
	}
	owner := w.caller.Owner(u.opt.Share == ShareSession)
	t := &u.tenants
	t.mu.Lock()
	i, err := u.tenant(owner, w.caller)
	ready := false
	if err == nil {
		switch {
		case i.live.Load() != nil:
			ready = true
		case time.Now().Before(i.paused):
			err = u.notThere(StateWaiting, i.paused, i.reason)
		case len(i.waiting) >= u.opt.Client.InFlightMax:
			err = u.fault(client.ErrOverloaded)
		default:
			i.uses++
			i.waiting = append(i.waiting, w)
			i.doubt()
		}
	}
	t.mu.Unlock()
	if err != nil {
		w.fail(u, err)
	}
	return !ready
}

// tenant returns the owner's instance, a new one if there is none. tenants.mu is held.
// c is a call of it.
func (u *Upstream) tenant(owner string, c Caller) (*instance, error) {
	t := &u.tenants
	if i := t.all[owner]; i != nil {
		return i, nil
	}
	who, err := u.identityOf(c)
	if err != nil {
		return nil, err
	}
	switch {
	case t.closed:
		return nil, u.fault(client.ErrClosed)
	case len(t.all) >= u.opt.InstancesMax:
		return nil, &mcp.Error{
			Code: codec.ErrOverloaded.Code,
			Message: fmt.Sprintf("upstream %q has all of its %d instances for clients; raise "+
				"instances_max, or lower instance_idle", u.opt.Name, u.opt.InstancesMax),
			Data: upstreamData{Upstream: u.opt.Name, State: "full"},
		}
	}
	return u.newTenant(owner, who), nil
}

// newTenant makes an instance. tenants.mu is held, and it is not closed.
func (u *Upstream) newTenant(owner string, who *identity) *instance {
	t := &u.tenants
	g := newGate(u.opt.BackoffMin, u.opt.BackoffMax)
	i := u.newInstance(0, g, &parking{})
	i.who = who
	ctx, stop := context.WithCancel(u.life)
	i.stop = stop
	t.all[owner] = i
	if t.sweeper == nil {
		t.sweeper = time.AfterFunc(u.opt.InstanceIdle/2, u.sweepTenants)
	}
	u.all.Go(func() {
		defer stop()
		i.run(ctx)
	})
	return i
}

// isWanted reports whether the instance shall be connected; a tenant waits for a call before.
func (i *instance) isWanted(ctx context.Context) bool {
	t := &i.up.tenants
	for i.private {
		t.mu.Lock()
		n := len(i.waiting) + i.parked.len()
		t.mu.Unlock()
		if n > 0 {
			break
		}
		select {
		case <-i.wake:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// serve sends the calls that have waited for a tenant.
func (i *instance) serve() {
	for _, w := range i.unwait(nil, 0) {
		w.begin()
	}
}

// turnAway answers the calls that wait for a tenant with why it is not there. Until the pause is
// over no more of them wait.
func (i *instance) turnAway(err error, pause time.Duration) {
	for _, w := range i.unwait(err, pause) {
		w.fail(i.up, i.up.fault(err))
	}
}

// unwait takes those that wait.
func (i *instance) unwait(err error, pause time.Duration) []waiting {
	if !i.private {
		return nil
	}
	t := &i.up.tenants
	t.mu.Lock()
	defer t.mu.Unlock()
	list := i.waiting
	i.waiting, i.reason, i.paused = nil, err, time.Now().Add(pause)
	return list
}

func (w *waiting) begin() {
	if w.caller.Ended() {
		w.item.up.count.unsent.Add(1)
		w.item.up.count.cancelled.Add(1)
		w.caller.Release()
		w.giveBack()
		return
	}
	if w.lease == nil {
		w.item.begin(newForward(), w.caller, w.req, w.method, w.params)
		return
	}
	w.item.send(newForward(), w)
}

// giveBack ends its lease, if it has one.
func (w *waiting) giveBack() {
	if w.lease != nil {
		w.item.up.giveBack(w.lease, nil, nil)
	}
}

func (w *waiting) fail(u *Upstream, err error) {
	if w.caller.Ended() {
		u.count.unsent.Add(1)
		u.count.cancelled.Add(1)
	} else {
		u.failUnsent(w.caller, err)
	}
	w.caller.Release()
	w.giveBack()
}

// sweepTenants ends those that were not used since the sweep before.
func (u *Upstream) sweepTenants() {
	t := &u.tenants
	t.mu.Lock()
	defer t.mu.Unlock()
	for owner, i := range t.all {
		if i.uses == i.swept && i.isIdle() {
			u.oust(owner)
		}
		i.swept = i.uses
	}
	t.sweeper = nil
	if len(t.all) > 0 && !t.closed {
		t.sweeper = time.AfterFunc(u.opt.InstanceIdle/2, u.sweepTenants)
	}
}

// isIdle tells whether no call waits for a tenant or its answers. tenants.mu is held.
func (i *instance) isIdle() bool {
	c := i.live.Load()
	return !i.leased && len(i.waiting) == 0 &&
		i.parked.len() == 0 && (c == nil || c.Mux().InFlight() == 0)
}

// oust ends a tenant. tenants.mu is held.
func (u *Upstream) oust(owner string) {
	i := u.tenants.all[owner]
	delete(u.tenants.all, owner)
	u.count.ousted.Add(1)
	i.stop()
}

// Leave ends the instance of a client that has gone, if it has one. It does not wait for its end.
func (u *Upstream) Leave(owner string) {
	t := &u.tenants
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[owner] != nil {
		u.oust(owner)
	}
}
