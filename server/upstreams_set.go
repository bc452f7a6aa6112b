package server

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// upstreams are the servers behind this one. Their connections live on the server's own loops, so
// that a call goes there and back without a hop.
type upstreams struct {
	changing sync.Mutex // held while the set changes; none but closeUpstreams waits under it

	mu     sync.Mutex        // guards what follows
	places map[string]*place // by name
	begun  bool              // they are started as they come

	hurry    chan struct{} // closed when the server ends: nobody waits for calls any more
	hurrying sync.Once
	leaving  sync.WaitGroup // upstreams that are being seen off
}

// UpstreamChanges say what has become of each upstream, by name, sorted.
type UpstreamChanges struct {
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Changed []string `json:"changed,omitempty"`
	Kept    []string `json:"kept,omitempty"` // with their connections, processes and calls
}

// AddUpstream puts another MCP server behind this one. It is connected to when the server starts,
// or now if it has, and again whenever it is lost; nothing waits for it. Its tools and
// prompts are offered as NAME__TOOL, its resources under their URIs. Safe for concurrent use, also
// while the server serves.
func (s *Server) AddUpstream(opt gateway.Options) error {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	if s.placeOf(opt.Name) != nil {
		return fmt.Errorf("cannot add upstream %q: there is one of that name", opt.Name)
	}
	g, err := s.newUpstream(opt, s.hasSubset)
	if err != nil {
		return fmt.Errorf("cannot add an upstream: %w", err)
	}
	s.settle(g)
	return nil
}

// RemoveUpstream takes an upstream away: its tools leave the lists at once, calls in flight are
// answered for Options.DrainTimeout at most, then its connection or process ends. It does not wait
// for that. Safe for concurrent use.
func (s *Server) RemoveUpstream(name string) error {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	p := s.placeOf(name)
	if p == nil {
		return fmt.Errorf("cannot remove upstream %q: there is none of that name", name)
	}
	s.unsettle(p)
	return nil
}

// UpdateUpstream gives the upstream of that name other options. Equal ones change nothing.
// Otherwise another upstream is started beside it, takes its name and its place in the lists when
// it is ready, and the old one ends as RemoveUpstream says. An old one that is not ready itself
// gives way at once. Other patterns and names alone (Allow, Deny, Rename) are taken over in place.
// Safe for concurrent use.
func (s *Server) UpdateUpstream(opt gateway.Options) error {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	p := s.placeOf(opt.Name)
	if p == nil {
		return fmt.Errorf("cannot change upstream %q: there is none of that name", opt.Name)
	}
	g, err := p.follower(s.adapted(opt))
	if err != nil {
		return fmt.Errorf("cannot change an upstream: %w", err)
	}
	p.follow(g)
	return nil
}

// SetUpstreams makes the upstreams those of list: it adds, removes and changes what differs as
// AddUpstream and its kin do, and leaves the rest alone. With an error, which names every fault,
// nothing was changed. Safe for concurrent use.
func (s *Server) SetUpstreams(list []gateway.Options) (UpstreamChanges, error) {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	plan, err := s.planUpstreams(list, s.hasSubset)
	if err != nil {
		return UpstreamChanges{}, err
	}
	s.carryOut(plan)
	return plan.changes, nil
}

// carryOut is the second half of SetUpstreams. changing is held.
func (s *Server) carryOut(plan upstreamPlan) {
	for _, name := range plan.changes.Removed {
		s.unsettle(s.placeOf(name))
	}
	for _, g := range plan.guests {
		if p := s.placeOf(g.opt.Name); p != nil {
			p.follow(g)
		} else {
			s.settle(g)
		}
	}
}

// upstreamPlan is what will change.
type upstreamPlan struct {
	changes UpstreamChanges
	guests  []*guest // new ones, and those with other options
}

// planUpstreams makes all that is new and starts none of it. isView tells what names views have.
// changing is held.
func (s *Server) planUpstreams(
	list []gateway.Options, isView func(name string) bool,
) (plan upstreamPlan, err error) {
	var faults []error
	wanted := map[string]bool{}
	c := &plan.changes
	for _, opt := range list {
		name := opt.Name
		if wanted[name] {
			faults = append(faults, fmt.Errorf("cannot use two upstreams named %q", name))
			continue
		}
		wanted[name] = true
		p := s.placeOf(name)
		var g *guest
		var err error
		kind := &c.Added
		if p == nil {
			g, err = s.newUpstream(opt, isView)
		} else if p.wants(s.adapted(opt)) {
			kind = &c.Kept
		} else {
			kind = &c.Changed
			g, err = p.follower(s.adapted(opt))
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		*kind = append(*kind, name)
		if g != nil {
			plan.guests = append(plan.guests, g)
		}
	}
	for _, p := range s.placesNow() {
		if !wanted[p.name] {
			c.Removed = append(c.Removed, p.name)
		}
	}
	for _, names := range [][]string{c.Added, c.Removed, c.Changed, c.Kept} {
		slices.Sort(names)
	}
	return plan, errors.Join(faults...)
}

// adapted are the options with what the server adds to them.
func (s *Server) adapted(opt gateway.Options) gateway.Options {
	if opt.Client.ClientInfo.Name == "" {
		opt.Client.ClientInfo = mcp.Implementation{Name: s.opt.Name, Version: s.opt.Version}
	}
	if opt.Client.Keeper == nil {
		opt.Client.Keeper = s.opt.Keeper
	}
	return opt
}

// newUpstream makes an upstream with a place of its own, which settle puts into the set. isView
// tells what names views have. changing is held.
func (s *Server) newUpstream(
	opt gateway.Options, isView func(name string) bool,
) (*guest, error) {
	if s.draining.Load() {
		return nil, errors.New("cannot add an upstream to a server that ends")
	}
	if isView(opt.Name) {
		return nil, fmt.Errorf("cannot add upstream %q: a view has that name", opt.Name)
	}
	p := &place{s: s, name: opt.Name}
	p.part = s.newPart(p.name)
	p.makeUnlisted()
	return p.newGuest(s.adapted(opt))
}

func (s *Server) placeOf(name string) *place {
	s.upstreams.mu.Lock()
	defer s.upstreams.mu.Unlock()
	return s.upstreams.places[name]
}

func (u *upstreams) areBegun() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.begun
}

// placesNow are all places, by name.
func (s *Server) placesNow() []*place {
	u := &s.upstreams
	u.mu.Lock()
	defer u.mu.Unlock()
	list := make([]*place, 0, len(u.places))
	for _, name := range slices.Sorted(maps.Keys(u.places)) {
		list = append(list, u.places[name])
	}
	return list
}

// settle puts a new upstream's place into the set. changing is held.
func (s *Server) settle(g *guest) {
	p, u := g.at, &s.upstreams
	// Who comes before it has answered must learn that there will be lists.
	s.offers(abilities{prompts: true, resources: true, subscribe: true})
	p.seat(g)
	s.registerUpstream(p)
	s.openPart(p.part)
	u.mu.Lock()
	if u.places == nil {
		u.places = map[string]*place{}
	}
	u.places[p.name] = p
	u.mu.Unlock()
	if u.areBegun() {
		g.start()
	}
}

// unsettle takes a place out of the set. changing is held.
func (s *Server) unsettle(p *place) {
	u := &s.upstreams
	u.mu.Lock()
	delete(u.places, p.name)
	u.mu.Unlock()
	s.unregisterUpstream(p)
	left := p.vacate()
	s.closePart(p.part)
	for _, g := range left {
		s.see(g)
	}
	s.recache()
}

// wants tells whether the upstream that has the place, or is about to, was made from such options.
func (p *place) wants(opt gateway.Options) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.serving
	if p.next != nil {
		g = p.next
	}
	return g.opt.Equal(&opt)
}

// follower makes an upstream that shall take the place, or nil when nothing changes.
func (p *place) follower(opt gateway.Options) (*guest, error) {
	if p.wants(opt) {
		return nil, nil
	}
	if p.s.draining.Load() {
		return nil, errors.New("cannot change an upstream of a server that ends")
	}
	return p.newGuest(opt)
}

// follow lets g, which follower has made, take the place. changing is held.
func (p *place) follow(g *guest) {
	if g == nil || p.retune(g) {
		return
	}
	begun, done := p.s.upstreams.areBegun(), false
	var over []*guest
	for !done {
		over, done = p.line(g)
	}
	for _, o := range over {
		p.s.see(o)
	}
	p.s.recache()
	if begun && !slices.Contains(over, g) {
		g.start()
	}
}

// retune lets the one that has the place, or is about to, take over the options of g where it can.
// changing is held, which guards opt.
func (p *place) retune(g *guest) bool {
	p.mu.Lock()
	holder := p.serving
	if p.next != nil {
		holder = p.next
	}
	p.mu.Unlock()
	if !holder.opt.Tunes(&g.opt) {
		return false
	}
	holder.up.Retune(&g.opt)
	holder.opt.Tune(&g.opt)
	return true
}

// line puts g where it belongs and returns whom to see off: who waited for the place before g; who
// has it, when it serves nobody; or g itself, when options went back to what serves. It is not
// done when somebody else took the place meanwhile.
func (p *place) line(g *guest) (over []*guest, done bool) {
	p.mu.Lock()
	old, given := p.serving, p.next
	p.mu.Unlock()
	back := old.opt.Equal(&g.opt)
	dead := !back && old.up.Stats().State != gateway.StateReady
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serving != old || p.next != given {
		return nil, false
	}
	p.next = g
	if given != nil {
		over = append(over, given)
	}
	if back {
		over, p.next = append(over, g), nil
	}
	p.leaving = append(p.leaving, over...)
	if dead {
		over = append(over, p.promote())
	}
	return over, true
}
