package server

import (
	"fmt"
	"slices"
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// foreign is what the lists keep of an upstream's item beside how it is called; zero for what is
// this server's own.
type foreign struct {
	item     *gateway.Item
	at       *place
	complete *work // completion/complete about it
}

// foreignKey is what an item is found by. Two upstreams may both want to offer it.
type foreignKey struct {
	kind mcp.Kind
	name string
}

// names keeps each name with who had it first.
type names struct {
	mu    sync.Mutex // held while an item comes or goes, within place.mu; guards taken
	taken map[foreignKey][]*gateway.Upstream
}

// offerForeign puts an item of g into its list, without telling anybody. What clients send for it
// is the upstream's to check. A name that another place has, or the server itself, stays there.
func (s *Server) offerForeign(g *guest, i *gateway.Item) error {
	n := &s.upstreams.names
	n.mu.Lock()
	defer n.mu.Unlock()
	key := foreignKey{i.Kind, i.Name}
	if holder, there := s.holder(key); there && holder != g.at {
		n.note(key, g.up)
		if holder == nil {
			return fmt.Errorf("%w: by this server", gateway.ErrTaken)
		}
		return fmt.Errorf("%w: by upstream %q", gateway.ErrTaken, holder.name)
	}
	if err := s.addForeign(g, i); err != nil {
		return err
	}
	if i.Completes() {
		s.offers(abilities{completions: true})
	}
	return nil
}

// addForeign adds the item to its list.
func (s *Server) addForeign(g *guest, i *gateway.Item) error {
	raw := &mcp.RawDefinition{Kind: i.Kind, Name: i.Name, Raw: i.Raw}
	run := work{async: func(c *Call) { g.carry(c, i, (*gateway.Item).Call) }}
	own := foreign{item: i, at: g.at, complete: &work{
		async: func(c *Call) { g.carry(c, i, (*gateway.Item).Complete) },
	}}
	switch i.Kind {
	case mcp.KindTool:
		entry := &tool{work: run, foreign: own}
		var err error
		if entry.mirrored, err = (&mcp.RawTool{Name: i.Name, Raw: i.Raw}).Mirrors(); err != nil {
			return err
		}
		entry.duration = s.toolHistogram(i.Name)
		entry.large = entry.work
		return s.tools.Add(raw, entry)
	case mcp.KindResource:
		return s.resources.Add(raw, &resource{work: run, foreign: own})
	case mcp.KindTemplate:
		template, err := mcp.CompileTemplate(i.Name)
		if err != nil {
			return err
		}
		return s.templates.Add(raw, &resource{work: run, foreign: own, template: template})
	}
	return s.prompts.Add(raw, &prompt{work: run, foreign: own})
}

// withdrawForeign takes an item of p out, and what was measured of it. Others that would have
// offered one of that name may do so now.
func (s *Server) withdrawForeign(p *place, key foreignKey) {
	n := &s.upstreams.names
	n.mu.Lock()
	defer n.mu.Unlock()
	if holder, _ := s.holder(key); holder != p {
		return // this server offers it itself now
	}
	switch key.kind {
	case mcp.KindTool:
		s.tools.Remove(key.name)
		s.set.UnregisterMetric(toolHistogramName(key.name))
	case mcp.KindResource:
		s.resources.Remove(key.name)
	case mcp.KindTemplate:
		s.templates.Remove(key.name)
	case mcp.KindPrompt:
		s.prompts.Remove(key.name)
	}
	for _, other := range n.taken[key] {
		other.OfferAgain()
	}
	delete(n.taken, key)
}

// holder returns whose item has a name, and whether anybody's has; nil is this server itself.
func (s *Server) holder(key foreignKey) (p *place, there bool) {
	switch key.kind {
	case mcp.KindTool:
		if e := s.tools.Get(key.name); e != nil {
			return e.Handler.foreign.at, true
		}
	case mcp.KindResource:
		if e := s.resources.Get(key.name); e != nil {
			return e.Handler.foreign.at, true
		}
	case mcp.KindTemplate:
		if e := s.templates.Get(key.name); e != nil {
			return e.Handler.foreign.at, true
		}
	case mcp.KindPrompt:
		if e := s.prompts.Get(key.name); e != nil {
			return e.Handler.foreign.at, true
		}
	}
	return nil, false
}

// takenMax bounds the names that upstreams wait for. Who is not remembered offers his own at the
// next look at his lists.
const takenMax = 10_000

// note remembers that u would offer what has that name. mu is held.
func (n *names) note(key foreignKey, u *gateway.Upstream) {
	if n.taken == nil {
		n.taken = map[foreignKey][]*gateway.Upstream{}
	}
	all, known := n.taken[key]
	if slices.Contains(all, u) || !known && len(n.taken) >= takenMax {
		return
	}
	n.taken[key] = append(all, u)
}

// listOf is the list that shows things of a kind.
func listOf(kind mcp.Kind) listKind {
	switch kind {
	case mcp.KindTool:
		return listTools
	case mcp.KindPrompt:
		return listPrompts
	}
	return listResources
}

// foreignReference finds the upstream's item that a completion is about, and what completes it; nil
// when it is not an upstream's.
func (v *view) foreignReference(ref []byte) (*gateway.Item, *work) {
	kind, _ := codec.StringContent(codec.Find(ref, "type"))
	var found *foreign
	switch string(kind) {
	case "ref/prompt":
		name, _ := codec.StringContent(codec.Find(ref, "name"))
		if e := v.prompts.Lookup(name); e != nil {
			found = &e.Handler.foreign
		}
	case "ref/resource":
		uri, _ := codec.StringContent(codec.Find(ref, "uri"))
		if e := v.templates.Lookup(uri); e != nil {
			found = &e.Handler.foreign
		} else if r := v.findResource(uri); r != nil {
			found = &r.foreign
		}
	}
	if found == nil || found.item == nil {
		return nil, nil
	}
	return found.item, found.complete
}
