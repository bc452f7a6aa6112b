package gateway

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/client"
)

// instance is one connection to an upstream, or one process of it, that is made again whenever it
// is lost. Those that all clients share are there from Start to Close; that of a single client, a
// tenant, is made when the client calls something.
type instance struct {
	up      *Upstream
	number  int  // 1.. of those that are shared
	private bool // a tenant
	gate    *gate
	parked  *parking
	live    atomic.Pointer[client.Client] // nil while there is no connection
	wake    chan struct{}                 // has one element when somebody doubts it, or needs it

	served bool // its last connection was ready; belongs to run

	state State // guarded by up.mu
	tenancy
}

// newInstance makes one that is shared; number 0 makes a tenant.
func (u *Upstream) newInstance(number int, g *gate, p *parking) *instance {
	return &instance{
		up: u, number: number, private: number == 0, gate: g, parked: p,
		wake: make(chan struct{}, 1),
	}
}

// doubt has the instance look after its connection.
func (i *instance) doubt() {
	select {
	case i.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run keeps the instance connected until ctx ends; a tenant when somebody waits for it.
func (i *instance) run(ctx context.Context) {
	u := i.up
	for begun := false; i.isWanted(ctx); begun = true {
		a := i.gate.enter(ctx)
		if a == nil {
			break
		}
		i.enter(StateStarting)
		u.count.starts.Add(1)
		if begun {
			u.count.restarts.Add(1)
		}
		changed := u.keys.next()
		i.served = false
		err := u.withCure(i.session(ctx, a))
		pause := a.over()
		i.lost(err, pause)
		i.releaseParked(err)
		if u.opt.Share != ShareCall || !i.served { // else who waits has come since
			i.turnAway(err, pause)
		}
		i.awaitLogin(ctx, err, changed)
	}
	i.releaseParked(client.ErrClosed)
	i.turnAway(client.ErrClosed, 0)
	i.enter(StateClosed)
}

// options are those of its connection.
func (i *instance) options() client.Options {
	opt := i.up.opt.Client
	if i.who != nil {
		opt.Headers = i.who.headers
	}
	opt.Tokens = i.up.keys.tokens(opt.Headers)
	if i.up.stderr != nil {
		opt.Stderr = &stderrLog{rate: i.up.stderr}
	}
	return opt
}

// session is one connection from its beginning to its end, which the error explains.
func (i *instance) session(ctx context.Context, a *attempt) error {
	u := i.up
	if u.opt.Provider != nil {
		return i.attendProvider(ctx, a)
	}
	select {
	case <-i.wake: // it will look anyway
	default:
	}
	start, cancel := context.WithTimeout(ctx, u.opt.StartTimeout)
	defer cancel()
	c, err := client.Connect(start, i.options())
	if err != nil {
		return err
	}
	var f *feed // of the one that leads
	defer func() {
		i.live.Store(nil)
		i.follows()
		if f != nil {
			f.close()
		}
		_ = c.Close() // of a connection that has ended there is nothing to tell
	}()
	if i.leads() {
		if err := u.refresh(start, i, c); err != nil {
			return err
		}
	}
	i.ready(c, a)
	if i.leads() && u.host.Ready != nil {
		u.host.Ready()
	}
	f = i.follow(c, f)
	i.repeatParked(c) // of a session that ended at a bad moment
	i.served = true
	i.serve()
	return i.attend(ctx, c, &f)
}

// busyPause is the time until an instance with Client.InFlightMax calls is looked after again.
const busyPause = time.Second

// attend looks after the connection when it is doubted and now and then, until it ends.
func (i *instance) attend(ctx context.Context, c *client.Client, f **feed) error {
	u := i.up
	tick := time.NewTicker(u.opt.Refresh)
	defer tick.Stop()
	for {
		heed := u.heed
		if *f == nil {
			heed = nil // it is for the one that leads
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.Gone():
			return client.ErrGone
		case <-heed:
			(*f).follow()
			continue
		case <-i.wake:
		case <-tick.C:
		}
		lost := i.thoughtLost()
		look, cancel := context.WithTimeout(ctx, u.opt.Timeout)
		err := i.look(look, c)
		cancel()
		if errors.Is(err, client.ErrOverloaded) { // it is there, and busy
			time.AfterFunc(busyPause, i.doubt)
			continue
		}
		if err != nil {
			return err
		}
		// Another session knows of no subscription, and there may be other resources.
		*f = i.follow(c, *f)
		i.repeatParked(c)
		i.returns(lost)
	}
}

// look shows whether the upstream is still there. The one that leads asks for the lists.
func (i *instance) look(ctx context.Context, c *client.Client) error {
	if i.leads() {
		return i.up.refresh(ctx, i, c)
	}
	return c.Ping(ctx)
}

// follow has the one that leads be told of changes. f is its feed, nil until it leads.
func (i *instance) follow(c *client.Client, f *feed) *feed {
	u := i.up
	if !i.leads() {
		return nil
	}
	if f == nil {
		f = u.newFeed(c, u.feed.Load())
		u.feed.Store(f)
	}
	f.follow()
	return f
}

// leads tells whether the instance leads, which the first does that wants to while no other does.
func (i *instance) leads() bool {
	u := i.up
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.lead == nil && !i.private {
		u.lead = i
	}
	return u.lead == i
}

// follows has another instance lead, if this one does: it is lost.
func (i *instance) follows() {
	u := i.up
	u.mu.Lock()
	if i.state == StateReady {
		i.state = StateLost
		u.settle(i)
	}
	led := u.lead == i
	if led {
		u.lead = nil
		u.live.Store(nil)
	}
	u.mu.Unlock()
	if led {
		u.doubt()
	}
}

// teach has the other instances know what the one that leads has learnt of the tools.
func (u *Upstream) teach(lead *client.Client) {
	for _, i := range u.shared {
		if c := i.live.Load(); c != nil && c != lead {
			c.LearnFrom(lead)
		}
	}
	for _, i := range u.tenants.list() {
		if c := i.live.Load(); c != nil {
			c.LearnFrom(lead)
		}
		if i.parked.len() > 0 { // calls that wait for that
			i.doubt()
		}
	}
}

// pick returns the connection that a client's call goes to: of the shared instances that one with
// the fewest calls in flight. Nil: there is none, or the client has to wait for it.
func (u *Upstream) pick(c Caller) *client.Client {
	switch {
	case u.opt.Share != ShareAll:
		return u.tenants.live(c.Owner(u.opt.Share == ShareSession))
	case len(u.shared) == 1: // Fast path.
		return u.shared[0].live.Load()
	}
	return u.leastLoaded()
}

func (u *Upstream) leastLoaded() (best *client.Client) {
	least := 0
	for _, i := range u.shared {
		c := i.live.Load()
		if c == nil {
			continue
		}
		if n := c.Mux().InFlight(); best == nil || n < least {
			best, least = c, n
		}
		if least == 0 {
			break
		}
	}
	return best
}
