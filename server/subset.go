package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// Subset is a part of what upstreams offer, served on /mcp/NAME as if it were a server of its own.
type Subset struct {
	Name         string // 1..32 characters of [A-Za-z0-9_-]; no upstream has it
	Title        string // for user interfaces
	Instructions string // for models

	// Upstreams are those that it shows, by name; none: all there are. Whoever comes first has a
	// name that two of them want.
	Upstreams []string
	// Allow and Deny are patterns (path.Match, but * matches a / too) of the names and URIs that
	// clients see. Without Allow all are shown, less what Deny has.
	Allow, Deny []string
	// Prefixed: tools and prompts are called UPSTREAM__NAME, as on /mcp, and not by their own
	// names.
	Prefixed bool
}

// subset is what a view shows of upstreams. views.mu guards it.
type subset struct {
	Subset
	owners map[foreignKey]string // of own names: the upstream
}

// subsetNameMax is the longest name of a subset, in characters.
const subsetNameMax = 32

// validate reports every fault.
func (o *Subset) validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.Name == "" || len(o.Name) > subsetNameMax || strings.Trim(o.Name, subsetNameBytes) != "" {
		bad("cannot name a server %q; take 1 to %d characters of A-Z a-z 0-9 _ -", o.Name,
			subsetNameMax)
	}
	for _, pattern := range slices.Concat(o.Allow, o.Deny) {
		if _, err := path.Match(pattern, ""); err != nil {
			bad("cannot use the pattern %q of names; see path.Match for what it may hold", pattern)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("server %q: %w", o.Name, err)
	}
	return nil
}

const subsetNameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// nameOf is what clients shall call an item by.
func (o *subset) nameOf(i *gateway.Item) string {
	if o.Prefixed {
		return i.Name
	}
	return i.Short()
}

// includes tells whether the subset shows anything of an upstream.
func (o *subset) includes(upstream string) bool {
	return len(o.Upstreams) == 0 || slices.Contains(o.Upstreams, upstream)
}

// shows tells whether what an upstream offers by that name belongs to the subset.
func (o *subset) shows(upstream, name string) bool {
	if !o.includes(upstream) {
		return false
	}
	name = strings.ReplaceAll(name, "/", "\x00") // to path.Match no other byte is special
	fits := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(strings.ReplaceAll(p, "/", "\x00"), name)
			return ok
		})
	}
	return (len(o.Allow) == 0 || fits(o.Allow)) && !fits(o.Deny)
}

// before tells whether a name that two upstreams want is rather a's than b's. Without a subset it
// stays with who has it.
func (o *subset) before(a, b string) bool {
	if o == nil {
		return false
	}
	if len(o.Upstreams) == 0 {
		return a < b
	}
	return slices.Index(o.Upstreams, a) < slices.Index(o.Upstreams, b)
}

// owner is the upstream whom an own name belongs to, now that this one wants it. It stays his also
// while he is away: a client must not reach another upstream by it unawares.
func (o *subset) owner(key foreignKey, upstream string) string {
	now, owned := o.owners[key]
	if !owned || o.before(upstream, now) {
		o.owners[key] = upstream
		return upstream
	}
	return now
}

// disown frees the names of an upstream that has left for good, and tells whether there were any.
func (o *subset) disown(upstream string) bool {
	before := len(o.owners)
	maps.DeleteFunc(o.owners, func(_ foreignKey, owner string) bool { return owner == upstream })
	return len(o.owners) < before
}

// AddSubset serves a part of what upstreams offer on /mcp/NAME. Upstreams that are not there yet
// are shown when they come. Safe for concurrent use, also while the server serves.
func (s *Server) AddSubset(opt Subset) error {
	if err := opt.validate(); err != nil {
		return err
	}
	defer s.recache()
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if s.views.find([]byte(opt.Name)) != nil {
		return fmt.Errorf("cannot add server %q: /mcp/%s is served already", opt.Name, opt.Name)
	}
	s.addSubset(opt)
	return nil
}

// addSubset makes the view and fills it. views.mu is held.
func (s *Server) addSubset(opt Subset) {
	v := &view{subset: &subset{Subset: opt, owners: map[foreignKey]string{}}}
	info := mcp.Implementation{Name: opt.Name, Title: opt.Title, Version: s.opt.Version}
	v.make(s, opt.Name, about{
		info: implementation(info), instructions: opt.Instructions,
		abilities: abilities{tools: true, logging: true},
	})
	for _, p := range s.placesNow() {
		toolShelf.fill(v, p)
		resourceShelf.fill(v, p)
		templateShelf.fill(v, p)
		promptShelf.fill(v, p)
	}
	s.views.subsets = append(s.views.subsets, v)
	s.views.set(opt.Name, v)
	s.registerView(v)
}

// implementation encodes a serverInfo.
func implementation(i mcp.Implementation) []byte {
	raw, err := json.Marshal(i)
	if err != nil {
		panic(fmt.Sprintf("BUG: cannot encode a server's name: %v", err))
	}
	return raw
}

// RemoveSubset takes it away: its clients' sessions and streams end. Safe for concurrent use.
func (s *Server) RemoveSubset(name string) error {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	v := s.views.find([]byte(name))
	if v == nil || v.subset == nil {
		return fmt.Errorf("cannot remove server %q: there is none of that name", name)
	}
	s.removeSubset(v)
	return nil
}

// removeSubset forgets the view. views.mu is held.
func (s *Server) removeSubset(v *view) {
	s.views.subsets = slices.DeleteFunc(s.views.subsets, func(o *view) bool { return o == v })
	s.views.set(v.name, nil)
	s.closeView(v)
}
