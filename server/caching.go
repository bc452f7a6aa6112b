package server

import (
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// caching is what a view's lists say of how long and by whom they may be reused: no more than any
// upstream allows whose items are in them, nor than Options.Lists.
type caching struct {
	ttlMs   int64
	private bool
}

// within is what both allow.
func (c caching) within(up gateway.Caching) caching {
	if !up.Said {
		return c
	}
	return caching{min(c.ttlMs, up.TTLMs), c.private || up.Private}
}

func (c caching) scope() string {
	if c.private {
		return "private"
	}
	return "public"
}

// recache makes the lists of all views say what their upstreams say now.
func (s *Server) recache() {
	s.caching.Lock()
	defer s.caching.Unlock()
	said := map[string][mcp.KindCount]gateway.Caching{}
	places := s.placesNow()
	for _, p := range places {
		if all := p.guests(); len(all) > 0 {
			said[p.name] = all[0].up.Caching()
		}
	}
	own := s.adjusted.Load().lists
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	for _, p := range places {
		p.part.cache(own, map[string][mcp.KindCount]gateway.Caching{p.name: said[p.name]},
			func(string) bool { return true })
	}
	s.cache(own, said, func(string) bool { return true })
	for _, v := range s.views.subsets {
		v.cache(own, said, v.subset.opt.Load().includes)
	}
}

// cache makes the view's lists say what the upstreams say that it shows.
func (v *view) cache(
	own caching, said map[string][mcp.KindCount]gateway.Caching, shows func(upstream string) bool,
) {
	var all [mcp.KindCount]caching
	for kind := range all {
		all[kind] = own
		for name, of := range said {
			if shows(name) {
				all[kind] = all[kind].within(of[kind])
			}
		}
	}
	v.tools.Cache(all[mcp.KindTool].ttlMs, all[mcp.KindTool].scope())
	v.resources.Cache(all[mcp.KindResource].ttlMs, all[mcp.KindResource].scope())
	v.templates.Cache(all[mcp.KindTemplate].ttlMs, all[mcp.KindTemplate].scope())
	v.prompts.Cache(all[mcp.KindPrompt].ttlMs, all[mcp.KindPrompt].scope())
}
