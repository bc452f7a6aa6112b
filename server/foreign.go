package server

import (
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

func (t *tool) origin() *foreign     { return &t.foreign }
func (r *resource) origin() *foreign { return &r.foreign }
func (p *prompt) origin() *foreign   { return &p.foreign }

// foreignKey is what an item is found by. Two upstreams may both want to offer it.
type foreignKey struct {
	kind mcp.Kind
	name string
}

// offerForeign puts an item of g into every view that shows it. What clients send for it is the
// upstream's to check. at.mu is held.
func (s *Server) offerForeign(g *guest, i *gateway.Item) error {
	raw := &mcp.RawDefinition{Kind: i.Kind, Name: i.Name, Raw: i.Raw}
	run := work{
		async: func(c *Call) { g.carry(c, i, (*gateway.Item).Call) }, reuse: true,
	}
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
		return toolShelf.offer(raw, entry)
	case mcp.KindResource:
		return resourceShelf.offer(raw, &resource{work: run, foreign: own})
	case mcp.KindTemplate:
		template, err := mcp.CompileTemplate(i.Name)
		if err != nil {
			return err
		}
		return templateShelf.offer(raw, &resource{work: run, foreign: own, template: template})
	}
	return promptShelf.offer(raw, &prompt{work: run, foreign: own})
}

// withdrawForeign takes an item of p out of every view, and what was measured of it. Others that
// would have offered one of that name do so now.
func (s *Server) withdrawForeign(p *place, i *gateway.Item) {
	switch i.Kind {
	case mcp.KindTool:
		toolShelf.withdraw(p, i)
		s.set.UnregisterMetric(toolHistogramName(i.Name))
	case mcp.KindResource:
		resourceShelf.withdraw(p, i)
	case mcp.KindTemplate:
		templateShelf.withdraw(p, i)
	case mcp.KindPrompt:
		promptShelf.withdraw(p, i)
	}
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
