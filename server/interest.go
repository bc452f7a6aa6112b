package server

import (
	"maps"
	"slices"
	"sync"

	"github.com/mcploop/mcploop/server/gateway"
)

// interest is which resources clients listen to, on whatever loop: what the upstreams behind them
// are asked to tell of. It holds what audiences hold, each URI once for each view.
type interest struct {
	tasks taskInterest

	mu sync.Mutex               // guards of
	of map[string]map[*view]int // audiences that have somebody, by URI
}

// change counts an audience of a topic in, or out with by -1. Two loops may come in any order:
// only the sum counts.
func (n *interest) change(on topic, by int) {
	if on.task {
		n.tasks.change(on.name, by)
		return
	}
	if now := n.count(on, by); now == 0 || now == 1 && by == 1 {
		on.view.heed(on.name)
	}
}

// count adds to the audiences of a resource and returns how many there are.
func (n *interest) count(on topic, by int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = map[string]map[*view]int{}
	}
	all := n.of[on.name]
	if all == nil {
		all = map[*view]int{}
		n.of[on.name] = all
	}
	all[on.view] += by
	now := all[on.view]
	if now == 0 {
		delete(all, on.view)
	}
	if len(all) == 0 {
		delete(n.of, on.name)
	}
	return now
}

// views are those in which somebody listens to a resource.
func (n *interest) views(uri string) []*view {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.of[uri]))
}

// topics are all resources that somebody listens to.
func (n *interest) topics() []topic {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]topic, 0, len(n.of))
	for uri, all := range n.of {
		for v := range all {
			list = append(list, topic{view: v, name: uri})
		}
	}
	return list
}

// heed has the upstream that serves a URI ask for what clients listen to now.
func (v *view) heed(uri string) {
	if p := v.server(uri); p != nil {
		p.heed()
	}
}

// heed has the upstream ask for what clients listen to now.
func (p *place) heed() {
	p.mu.Lock()
	g := p.serving
	p.mu.Unlock()
	if g != nil {
		g.up.Heed()
	}
}

// wanted returns the URIs that clients listen to and that g serves.
func (g *guest) wanted() []string {
	p := g.at
	if !g.serves() {
		return nil
	}
	var list []string
	for _, on := range p.s.interest.topics() {
		if on.view.server(on.name) == p {
			list = append(list, on.name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list) // one may be listened to in several views
}

// wantedTasks returns g's ids of its tasks that clients listen to.
func (g *guest) wantedTasks() []string {
	if !g.serves() {
		return nil
	}
	return g.at.s.interest.tasks.wanted(g.at)
}

func (g *guest) serves() bool {
	g.at.mu.Lock()
	defer g.at.mu.Unlock()
	return g.at.serving == g
}

// server is the place of the upstream that serves a URI in the view; nil when none does.
func (v *view) server(uri string) *place {
	if r := v.findResource([]byte(uri)); r != nil {
		return r.foreign.at
	}
	return nil
}

// keeper is the upstream that serves a URI in the view, if it tells of it to those alone who have
// credentials there; nil else.
func (v *view) keeper(uri []byte) *gateway.Upstream {
	r := v.findResource(uri)
	if r == nil || r.foreign.at == nil {
		return nil
	}
	return r.foreign.at.keeper.Load()
}

// updated tells the listeners of a resource that it has changed, where it is the upstream's.
func (g *guest) updated(uri string) {
	for _, v := range g.at.s.interest.views(uri) {
		if r := v.findResource([]byte(uri)); r == nil || r.foreign.at == g.at {
			v.s.spread(v, 0, uri)
		}
	}
}
