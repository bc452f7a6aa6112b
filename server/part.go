package server

import (
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// newPart makes the view of an upstream alone, under its own names. Until the upstream has said
// what it can do, all that it may be able to is declared: lists that are empty, and news of them.
func (s *Server) newPart(name string) *view {
	v := &view{}
	v.make(s, name, about{
		info: implementation(mcp.Implementation{Name: name, Version: s.opt.Version}),
		abilities: abilities{
			tools: true, prompts: true, resources: true, subscribe: true, completions: true,
			logging: true,
		},
	})
	return v
}

// become makes the view say of itself what its upstream says.
func (v *view) become(a *gateway.About) {
	has := func(name string) bool { return codec.Find(a.Capabilities, name) != nil }
	subscribe := codec.Find(codec.Find(a.Capabilities, "resources"), "subscribe")
	v.say(about{
		info: implementation(a.Info), instructions: a.Instructions,
		abilities: abilities{
			tools: has("tools"), prompts: has("prompts"), resources: has("resources"),
			subscribe: string(subscribe) == "true", completions: has("completions"),
			logging: has("logging"), tasks: v.about.Load().tasks,
		},
	})
}

// openPart serves it.
func (s *Server) openPart(v *view) {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	s.views.set(v.name, v)
	s.registerView(v)
}

// closePart serves it no longer. Names in subsets that belonged to its upstream are free.
func (s *Server) closePart(v *view) {
	defer s.views.tell()
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	s.views.set(v.name, nil)
	s.closeView(v)
	for _, sub := range s.views.subsets {
		if sub.subset.disown(v.name) && !s.draining.Load() {
			toolShelf.free(sub)
			promptShelf.free(sub)
		}
	}
}

// closeView ends the sessions' streams of a view that is served no longer, and what was counted of
// it.
func (s *Server) closeView(v *view) {
	v.gone.Store(true)
	s.unregisterView(v)
	for _, ls := range s.states {
		_ = ls.loop.Post(ls.endGone) // a full ring leaves it to the next keep-alive
	}
}

// endGone ends the streams of views that are served no longer: there will be no news on them. It
// runs on the loop.
func (ls *loopState) endGone() {
	var gone []*stream
	for _, st := range ls.listeners {
		if st.view.gone.Load() {
			gone = append(gone, st)
		}
	}
	for _, st := range gone {
		switch {
		case st.get != nil:
			st.legacy.closeGet()
		case st.line != nil:
			st.line.open.remove(ls, everyStream, true)
			st.line.finish()
		default:
			st.http.open.remove(ls, everyStream, true)
		}
	}
}

// namesTaken is how many items are not on /mcp since another has their name.
func (p *place) namesTaken() int {
	p.s.views.mu.Lock()
	defer p.s.views.mu.Unlock()
	return p.s.waiting.count(p)
}

// registerView: what is counted of a part.
func (s *Server) registerView(v *view) {
	label := "{view=" + string(codec.AppendString(nil, v.name)) + "}"
	s.counterFunc("mcploop_view_requests_total"+label, v.requests.Load)
	s.gauge("mcploop_view_tools"+label, v.tools.Len)
}

func (s *Server) unregisterView(v *view) {
	label := "{view=" + string(codec.AppendString(nil, v.name)) + "}"
	s.set.UnregisterMetric("mcploop_view_requests_total" + label)
	s.set.UnregisterMetric("mcploop_view_tools" + label)
}
