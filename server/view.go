package server

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/session"
)

// view is what a request sees: the lists that it is answered from and what the server says of
// itself. The path that the request came in on chooses it, once: /mcp is the view of everything,
// which Server itself is, and a path below it is a part, see views.
type view struct {
	s    *Server
	name string // the last part of its path; "" for everything

	tools     *mcp.Catalogue[*tool]
	resources *mcp.Catalogue[*resource]
	templates *mcp.Catalogue[*resource]
	prompts   *mcp.Catalogue[*prompt]

	about      atomic.Pointer[about]
	describing sync.Mutex // held while about is made anew

	subset  *subset // what it shows of upstreams; nil: everything, or all of one
	waiting waiting

	gone     atomic.Bool   // it is served no longer
	requests atomic.Uint64 // over HTTP and upgrades to WebSocket; of parts alone
}

// make makes the empty lists and describes the view.
func (v *view) make(s *Server, name string, a about) {
	v.s, v.name = s, name
	page, lists := s.opt.Lists.PageSize, s.adjusted.Load().lists
	list := func(member string) mcp.ListOptions {
		return mcp.ListOptions{
			Member: member, PageSize: page, TTLMs: lists.ttlMs, CacheScope: lists.scope(),
			ServerInfo: a.info,
		}
	}
	v.tools = mcp.NewCatalogue[*tool](list("tools"))
	v.resources = mcp.NewCatalogue[*resource](list("resources"))
	v.templates = mcp.NewCatalogue[*resource](list("resourceTemplates"))
	v.prompts = mcp.NewCatalogue[*prompt](list("prompts"))
	v.about.Store(v.describe(a))
}

// sees is the view that a legacy session was opened on.
func sees(one *session.Session) *view {
	switch state := one.State.(type) {
	case *peer:
		return state.view
	case *lineConn:
		return state.view
	}
	return nil
}

// views are the parts of a server that have paths of their own: each upstream, and subsets. Safe
// for concurrent use.
type views struct {
	byName atomic.Pointer[map[string]*view] // copied on write

	mu      sync.Mutex // held while something comes into a view or goes; guards what follows
	subsets []*view
	news    map[*view]kindSet // what clients are not told yet
}

// changes notes that clients of the view will have to be told of a list. views.mu is held.
func (v *view) changes(kind listKind) {
	vs := &v.s.views
	if vs.news == nil {
		vs.news = map[*view]kindSet{}
	}
	vs.news[v] |= 1 << kind
}

// tell tells what has changed in all views since the last time: once for all that comes and goes
// together.
func (vs *views) tell() {
	vs.mu.Lock()
	news := vs.news
	vs.news = nil
	vs.mu.Unlock()
	for v, kinds := range news {
		if v.s.draining.Load() {
			return // nobody listens any more
		}
		v.settle() // here, and not on the loop of the first client that asks
		v.s.spread(v, kinds, "")
	}
}

// find returns the view of that name, or nil.
func (vs *views) find(name []byte) *view {
	all := vs.byName.Load()
	if all == nil {
		return nil
	}
	return (*all)[string(name)]
}

// set makes v the view of that name; nil takes it away. mu is held.
func (vs *views) set(name string, v *view) {
	next := map[string]*view{}
	if all := vs.byName.Load(); all != nil {
		maps.Copy(next, *all)
	}
	if delete(next, name); v != nil {
		next[name] = v
	}
	vs.byName.Store(&next)
}

// wait notes that a view does not show an item, since another has its name there.
func (v *view) wait(key foreignKey, f, holder *foreign) {
	if !v.waiting.begin(key, f) {
		return
	}
	by := "by this server"
	if holder.at != nil {
		by = fmt.Sprintf("by upstream %q", holder.at.name)
	}
	v.s.opt.Log.Warn(key.kind.String()+" is left out", "upstream", f.at.name, "name",
		f.item.Own(), "path", v.path(), "reason", "it is offered "+by+" already")
}

// settle makes what lists are answered from.
func (v *view) settle() {
	v.tools.Settle()
	v.resources.Settle()
	v.templates.Settle()
	v.prompts.Settle()
}

// path is where the view is served.
func (v *view) path() string {
	if v.name == "" {
		return mcpPath
	}
	return mcpPath + "/" + v.name
}
