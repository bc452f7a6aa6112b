package server

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// place is a name behind which an upstream stands: the one whose items are listed, the one that
// will follow it once it is ready, and those before it that still have calls to answer.
type place struct {
	s        *Server
	name     string
	part     *view                            // of what it offers alone
	metrics  []string                         // that are registered for it
	scraped  atomic.Pointer[gateway.Stats]    // see seen
	said     atomic.Bool                      // an upstream has said what it can do
	unlisted resource                         // what reads its resources that are in no list
	keeper   atomic.Pointer[gateway.Upstream] // the one that serves, if it admits not everybody

	// mu guards the rest. The gateway may hold the lock of an upstream meanwhile, so no method of
	// one is called under it.
	mu      sync.Mutex
	serving *guest // nil once the place was given up
	next    *guest // mostly nil
	leaving []*guest
	past    gateway.Stats // of those that have left
}

// guest is one upstream behind a place's name.
type guest struct {
	at    *place
	opt   gateway.Options // as they were given
	up    *gateway.Upstream
	items map[foreignKey]*gateway.Item // that it offers now; guarded by at.mu
	open  turnstile                    // of clients' calls
	begun atomic.Bool
}

func (g *guest) start() {
	g.begun.Store(true)
	g.up.Start()
}

// newGuest makes an upstream that does nothing yet.
func (p *place) newGuest(opt gateway.Options) (*guest, error) {
	g := &guest{at: p, opt: opt, items: map[foreignKey]*gateway.Item{}}
	g.open.empty = make(chan struct{}, 1)
	up, err := gateway.New(opt, gateway.Host{
		Group: p.s.group, Log: p.s.opt.Log,
		Offer: g.offer, Withdraw: g.withdraw, Ready: g.ready, Updated: g.updated,
		Wanted: g.wanted, Cached: p.s.recache, Settled: p.s.views.tell,
		TaskChanged: g.taskChanged, WantedTasks: g.wantedTasks,
		Changed: g.changed, Holder: p.holder,
	})
	g.up = up
	return g, err
}

// offer takes note of an item, and lists it unless g waits for its turn.
func (g *guest) offer(i *gateway.Item) error {
	p := g.at
	p.mu.Lock()
	defer p.mu.Unlock()
	switch g {
	case p.serving:
		if err := p.s.offerForeign(g, i); err != nil {
			return err
		}
	case p.next:
	default:
		return nil // it has had its turn
	}
	g.items[foreignKey{i.Kind, i.Name}] = i
	return nil
}

// changed has those told who see all that g offers: it says that a list is another one.
func (g *guest) changed(kind mcp.Kind) {
	p := g.at
	p.mu.Lock()
	defer p.mu.Unlock()
	if g != p.serving {
		return
	}
	vs := &p.s.views
	vs.mu.Lock()
	defer vs.mu.Unlock()
	p.part.changes(listOf(kind))
	p.s.changes(listOf(kind))
}

func (g *guest) withdraw(kind mcp.Kind, name string) {
	p, key := g.at, foreignKey{kind, name}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := g.items[key]
	if i == nil {
		return
	}
	delete(g.items, key)
	if g == p.serving {
		p.s.withdrawForeign(p, i)
	}
}

// ready is told when g has listed what it has: its turn may have come.
func (g *guest) ready() {
	p := g.at
	p.mu.Lock()
	var old *guest
	if g == p.next {
		old = p.promote()
	}
	if about := g.up.About(); g == p.serving && about != nil {
		p.part.become(about)
		p.said.Store(true)
	}
	p.mu.Unlock()
	if old != nil {
		p.s.opt.Log.Info("upstream was replaced", "upstream", p.name)
		p.s.see(old)
		p.s.recache()
	}
}

// promote puts next in the place of serving, which is returned: see has to see it off. Clients are
// told of what they can tell apart. mu is held.
func (p *place) promote() *guest {
	old, g := p.serving, p.next
	p.seat(g)
	p.next = nil
	for key, i := range g.items {
		if err := p.s.offerForeign(g, i); err != nil {
			p.s.opt.Log.Warn(key.kind.String()+" is left out", "upstream", p.name,
				"name", key.name, "reason", err)
			delete(g.items, key)
		}
	}
	p.strike(old, g)
	p.s.views.tell()
	p.leaving = append(p.leaving, old)
	g.up.Follows(old.up) // it takes no lock, nor does Heed
	g.up.Heed()
	return old
}

// strike takes out of the lists what old offered and g, which may be nil, does not. mu is held.
func (p *place) strike(old, g *guest) {
	for key, i := range old.items {
		if g == nil || g.items[key] == nil {
			p.s.withdrawForeign(p, i)
		}
	}
	clear(old.items)
}

// seat makes g, nil for nobody, the one that serves. mu is held, but for a place that nobody knows.
func (p *place) seat(g *guest) {
	p.serving = g
	if g != nil && !g.up.Admits("") {
		p.keeper.Store(g.up)
	} else {
		p.keeper.Store(nil)
	}
}

// vacate gives the place up and returns whom see has to see off.
func (p *place) vacate() []*guest {
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []*guest
	for _, g := range []*guest{p.serving, p.next} {
		if g != nil {
			left = append(left, g)
		}
	}
	p.strike(p.serving, nil)
	p.seat(nil)
	p.next = nil
	p.leaving = append(p.leaving, left...)
	return left
}

// left takes note that g has ended.
func (p *place) left(g *guest) {
	stats := g.up.Stats()
	p.mu.Lock()
	defer p.mu.Unlock()
	addCounters(&p.past, &stats)
	p.leaving = slices.DeleteFunc(p.leaving, func(l *guest) bool { return l == g })
}

// find returns who offers the item now.
func (p *place) find(key foreignKey) (*guest, *gateway.Item) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serving == nil {
		return nil, nil
	}
	return p.serving, p.serving.items[key]
}

// guests are those that are known: the first is the one that serves, if any does.
func (p *place) guests() []*guest {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*guest, 0, 2+len(p.leaving))
	for _, g := range []*guest{p.serving, p.next} {
		if g != nil {
			all = append(all, g)
		}
	}
	return append(all, p.leaving...)
}

// stats are those of the one that serves; counters go on from those before it.
func (p *place) stats() gateway.Stats {
	p.mu.Lock()
	sum := p.past
	p.mu.Unlock()
	for i, g := range p.guests() {
		stats := g.up.Stats()
		if i == 0 {
			addCounters(&stats, &sum)
			sum = stats
			continue
		}
		addCounters(&sum, &stats)
		sum.InFlight += stats.InFlight
		sum.Held += stats.Held
		sum.Instances += stats.Instances
	}
	return sum
}

// holder returns the upstream that holds a call, of those that have left the place to another one.
func (p *place) holder(id string) *gateway.Upstream {
	for _, g := range p.guests() {
		if g.up.Holds(id) {
			return g.up
		}
	}
	return nil
}

// limit is one of the upstream that serves, 0 without one.
func (p *place) limit(of func(*gateway.Upstream) int) int {
	if all := p.guests(); len(all) > 0 {
		return of(all[0].up)
	}
	return 0
}

// addCounters adds what only grows.
func addCounters(sum, more *gateway.Stats) {
	to, from := reflect.ValueOf(sum).Elem(), reflect.ValueOf(more).Elem()
	for i := range to.NumField() {
		if f := to.Field(i); f.CanUint() && f.Kind() == reflect.Uint64 {
			f.SetUint(f.Uint() + from.Field(i).Uint())
		}
	}
}

// carry hands a client's call to the upstream behind g that offers i, or to the one that has taken
// its place since the item was looked up. do is what is asked of it.
func (g *guest) carry(
	c *Call, i *gateway.Item, do func(*gateway.Item, gateway.Caller, *mcp.Request),
) {
	key := foreignKey{i.Kind, i.Name}
	if c.guest.Load() == g { // it is counted in: its client has answered what g asked
		do(i, c, c.Request)
		return
	}
	for !g.admit(c) { // Slow path: it was replaced or removed.
		at := g.at
		if g, i = at.find(key); i == nil {
			c.Fail(goneError(at.name))
			return
		}
	}
	do(i, c, c.Request)
}

// admit counts the call in until it ends; false when g takes no more.
func (g *guest) admit(c *Call) bool {
	if !g.open.enter() {
		return false
	}
	c.guest.Store(g)
	if c.state.Load() != callPending {
		c.depart() // it has ended before it was counted
	}
	return true
}

// depart is called when the call has ended.
func (c *Call) depart() {
	if g := c.guest.Load(); g != nil && c.guest.CompareAndSwap(g, nil) {
		g.open.leave()
	}
}

// goneError is the answer to a call whose item was there a moment ago.
func goneError(upstream string) error {
	return &mcp.Error{
		Code:    codec.ErrUpstream.Code,
		Message: "upstream \"" + upstream + "\" does not offer this any more; list again",
		Data:    map[string]string{"upstream": upstream, "state": "removed"},
	}
}
