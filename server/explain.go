package server

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/pool"
	"github.com/mcploop/mcploop/server/gateway"
)

// Explanation tells why something is, or is not, what a client sees.
type Explanation struct {
	Asked     string            `json:"asked"`
	Found     []Finding         `json:"found"`
	Upstreams []UpstreamFinding `json:"upstreams"`         // those that are concerned
	Closest   []string          `json:"closest,omitempty"` // names that are there, if none is
}

// Finding is one tool, resource, template or prompt.
type Finding struct {
	Kind     string `json:"kind"`
	Own      string `json:"own,omitempty"`      // its name at the upstream
	Upstream string `json:"upstream,omitempty"` // "" for what is this server's own
	Status   string `json:"status"`             // StatusOffered, or a gateway.Absence
	Why      string `json:"why"`

	// Names are what clients call it by, by the path that they see it on.
	Names map[string]string `json:"names,omitempty"`
	// Taken says, by the path, who has its name there; Hidden why a view does not show it.
	Taken  map[string]string `json:"taken,omitempty"`
	Hidden map[string]string `json:"hidden,omitempty"`

	Breaker string `json:"breaker,omitempty"` // closed, open or half-open

	Calls uint64  `json:"calls,omitempty"` // that were timed
	P50Ms float64 `json:"p50Ms,omitempty"` // at most so long took half of them
	P99Ms float64 `json:"p99Ms,omitempty"`
}

// StatusOffered says that clients see it.
const StatusOffered = "offered"

// UpstreamFinding is what is known of an upstream.
type UpstreamFinding struct {
	UpstreamStatus
	Target      string `json:"target"`
	Server      string `json:"server,omitempty"` // name and version
	Revision    string `json:"revision,omitempty"`
	LastError   string `json:"lastError,omitempty"`
	LastErrorAt string `json:"lastErrorAt,omitempty"` // RFC 3339
	LastFailure string `json:"lastFailure,omitempty"` // why a call brought no answer
	LastFailAt  string `json:"lastFailureAt,omitempty"`
	LostSince   string `json:"lostSince,omitempty"` // RFC 3339; "" while it is there
	RetryMs     int64  `json:"retryMs,omitempty"`
	GraceMs     int64  `json:"graceMs"`
	InFlightMax int    `json:"inFlightMax"`
	Breaker     string `json:"breaker"` // closed, open or half-open
	Calls       uint64 `json:"calls"`
	Failed      uint64 `json:"failed"`
	Cancelled   uint64 `json:"cancelled"`
	Starts      uint64 `json:"starts"`
	NotOffered  int    `json:"notOffered,omitempty"` // that it has listed
}

// closestMax is how many similar names are told.
const closestMax = 5

// Explain tells what is known of a tool, or of a resource, a template, a prompt, by any name: as
// clients call it on any path, UPSTREAM__OWN, its own name at its upstream, or the name of an
// upstream for all that it has listed and does not offer. It takes milliseconds and must not run
// on a loop. Safe for concurrent use.
func (s *Server) Explain(name string) *Explanation {
	x := &explainer{s: s, names: map[string]bool{}}
	x.out = Explanation{Asked: name, Found: []Finding{}}
	x.own()
	for _, p := range s.placesNow() {
		x.upstream(p)
	}
	if len(x.out.Found) == 0 && !x.whole {
		x.out.Closest = closest(name, slices.Sorted(maps.Keys(x.names)))
	}
	slices.SortFunc(x.out.Found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Upstream, b.Upstream), strings.Compare(a.Kind, b.Kind),
			strings.Compare(a.Own, b.Own))
	})
	x.measure()
	return &x.out
}

// explainer gathers an Explanation.
type explainer struct {
	s     *Server
	out   Explanation
	names map[string]bool // all that could have been meant
	whole bool            // it is an upstream
}

// own looks at what is this server's own.
func (x *explainer) own() {
	one := func(kind mcp.Kind, name string, f *foreign) {
		if f.item != nil {
			return
		}
		x.names[name] = true
		if name == x.out.Asked {
			x.out.Found = append(x.out.Found, Finding{
				Kind: kind.String(), Own: name, Status: StatusOffered,
				Why:   "it is this server's own",
				Names: map[string]string{mcpPath: name},
			})
		}
	}
	toolShelf.eachName(&x.s.view, one)
	resourceShelf.eachName(&x.s.view, one)
	templateShelf.eachName(&x.s.view, one)
	promptShelf.eachName(&x.s.view, one)
}

// eachName calls f with everything that a view shows of a kind.
func (sh shelf[H]) eachName(v *view, f func(mcp.Kind, string, *foreign)) {
	for e := range sh.of(v).Each {
		f(sh.kind, e.Name, e.Handler.origin())
	}
}

// upstream looks at what an upstream has listed.
func (x *explainer) upstream(p *place) {
	all := p.guests()
	if len(all) == 0 {
		return
	}
	r := all[0].up.Explain()
	x.names[p.name] = true
	prefix := p.name + cmp.Or(all[0].opt.Separator, "__")
	whole, some, missing := p.name == x.out.Asked, false, 0
	x.whole = x.whole || whole
	for i := range r.Items {
		item := &r.Items[i]
		if item.Item == nil {
			missing++
		}
		meant := x.asked(prefix, item)
		some = some || meant
		if !meant && !whole {
			continue
		}
		f := x.finding(p, item)
		if meant || item.Item == nil || len(f.Taken) > 0 {
			x.out.Found = append(x.out.Found, f)
		}
	}
	// What begins like its names could only be its own.
	if whole || some || strings.HasPrefix(x.out.Asked, prefix) {
		x.out.Upstreams = append(x.out.Upstreams, upstreamFinding(p, r, missing))
	}
}

// asked tells whether an item has the name that was asked for, and notes those that it has.
func (x *explainer) asked(prefix string, item *gateway.ItemReport) bool {
	names := []string{item.Own, prefix + item.Own}
	if item.Item != nil {
		names = append(names, item.Item.Name, item.Item.Short())
	}
	for _, name := range names {
		x.names[name] = true
	}
	return slices.Contains(names, x.out.Asked)
}

// finding says what has become of an item.
func (x *explainer) finding(p *place, item *gateway.ItemReport) Finding {
	f := Finding{
		Kind: item.Kind.String(), Own: item.Own, Upstream: p.name, Status: string(item.Why),
		Why: item.Text,
	}
	if item.Item == nil {
		return f
	}
	f.Status, f.Why = StatusOffered, "its upstream lists it and nothing keeps it out"
	if item.Item.Short() != item.Own {
		f.Why = "its upstream lists it; it was renamed, or has characters no name may have"
	}
	if f.Breaker = item.Breaker.String(); item.Breaker != pool.BreakerClosed {
		f.Why = "calls are refused at once, or tried one by one: it has failed in a row"
	}
	x.s.whereShown(p, item.Item, &f)
	if f.Names[mcpPath] == "" && f.Taken[mcpPath] != "" {
		f.Status = string(gateway.LeftOut)
		f.Why = "another has its name on " + mcpPath + ": " + f.Taken[mcpPath]
	}
	return f
}

// whereShown finds what an item is called by on each path, and why it is not where it is not.
func (s *Server) whereShown(p *place, i *gateway.Item, f *Finding) {
	f.Names, f.Taken, f.Hidden = map[string]string{}, map[string]string{}, map[string]string{}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	look := func(v *view) {
		for _, name := range []string{i.Name, i.Short()} {
			switch holder := v.holder(i.Kind, name); {
			case holder == nil:
			case holder.at == p && holder.item.Name == i.Name:
				f.Names[v.path()] = name
			case v.waiting[foreignKey{i.Kind, name}][p] != nil && holder.at == nil:
				f.Taken[v.path()] = "this server"
			case v.waiting[foreignKey{i.Kind, name}][p] != nil:
				f.Taken[v.path()] = "upstream " + holder.at.name
			}
		}
	}
	look(&s.view)
	look(p.part)
	for _, v := range s.views.subsets {
		opt := v.subset.opt.Load()
		if why := opt.hides(p.name, opt.nameOf(i)); why != "" {
			f.Hidden[v.path()] = why
			continue
		}
		look(v)
	}
}

// holder is who has a name in a view.
func (v *view) holder(kind mcp.Kind, name string) *foreign {
	switch kind {
	case mcp.KindTool:
		return toolShelf.holder(v, name)
	case mcp.KindResource:
		return resourceShelf.holder(v, name)
	case mcp.KindTemplate:
		return templateShelf.holder(v, name)
	}
	return promptShelf.holder(v, name)
}

func (sh shelf[H]) holder(v *view, name string) *foreign {
	if e := sh.of(v).Get(name); e != nil {
		return e.Handler.origin()
	}
	return nil
}

// upstreamFinding says what an upstream is doing.
func upstreamFinding(p *place, r *gateway.Report, missing int) UpstreamFinding {
	stats := p.stats()
	f := UpstreamFinding{
		UpstreamStatus: p.status(), Target: r.Target,
		Server:   strings.TrimSpace(r.Server.Name + " " + r.Server.Version),
		Revision: r.Revision, LastError: r.Reason, RetryMs: r.Retry.Milliseconds(),
		GraceMs: r.Grace.Milliseconds(), InFlightMax: p.limit((*gateway.Upstream).InFlightMax),
		Calls: stats.Calls, Failed: stats.Failed, Cancelled: stats.Cancelled, Starts: stats.Starts,
		NotOffered: missing, Breaker: stats.Breaker.String(), LastFailure: r.Call,
	}
	f.LastFailAt = clockText(r.CallAt)
	f.LastErrorAt, f.LostSince = clockText(r.At), clockText(r.Since)
	return f
}

// clockText is "" for a time that never was.
func clockText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
