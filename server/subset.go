package server

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/mcploop/mcploop/server/gateway"
)

// ViewOptions are a part of what upstreams offer, served on /mcp/NAME as if it were a server of its
// own.
type ViewOptions struct {
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

// subset is what a view shows of upstreams.
type subset struct {
	opt    atomic.Pointer[ViewOptions] // changed with views.mu held, as what follows is used
	owners map[foreignKey]string       // of own names: the upstream
	rivals map[foreignKey]struct{}     // own names that two of them have wanted
}

// viewNameMax is the longest name of a view, in characters.
const viewNameMax = 32

// validate reports every fault.
func (o *ViewOptions) validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.Name == "" || len(o.Name) > viewNameMax || strings.Trim(o.Name, viewNameBytes) != "" {
		bad("cannot name a view %q; take 1 to %d characters of A-Z a-z 0-9 _ -", o.Name,
			viewNameMax)
	}
	for _, pattern := range slices.Concat(o.Allow, o.Deny) {
		if _, err := path.Match(pattern, ""); err != nil {
			bad("cannot use the pattern %q of names; see path.Match for what it may hold", pattern)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("view %q: %w", o.Name, err)
	}
	return nil
}

const viewNameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// nameOf is what clients shall call an item by.
func (o *ViewOptions) nameOf(i *gateway.Item) string {
	if o.Prefixed {
		return i.Name
	}
	return i.Short()
}

// includes tells whether the subset shows anything of an upstream.
func (o *ViewOptions) includes(upstream string) bool {
	return len(o.Upstreams) == 0 || slices.Contains(o.Upstreams, upstream)
}

// shows tells whether what an upstream offers by that name belongs to the subset.
func (o *ViewOptions) shows(upstream, name string) bool {
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

// hides says why what an upstream offers by that name does not belong to the subset; "" when it
// does.
func (o *ViewOptions) hides(upstream, name string) string {
	fitting := func(patterns []string) (string, bool) {
		for _, p := range patterns {
			if (&ViewOptions{Allow: []string{p}}).shows(upstream, name) {
				return p, true
			}
		}
		return "", false
	}
	if !o.includes(upstream) {
		return "it does not have upstream " + upstream
	}
	if p, ok := fitting(o.Deny); ok {
		return fmt.Sprintf("its deny has %q", p)
	}
	if _, ok := fitting(o.Allow); len(o.Allow) > 0 && !ok {
		return fmt.Sprintf("its allow has %q, none of which fits", o.Allow)
	}
	return ""
}

// before tells whether a name that two upstreams want is rather a's than b's. Without a subset it
// stays with who has it.
func (o *subset) before(a, b string) bool {
	if o == nil {
		return false
	}
	list := o.opt.Load().Upstreams
	if len(list) == 0 {
		return a < b
	}
	return slices.Index(list, a) < slices.Index(list, b)
}

// newSubset makes one that has nothing yet.
func newSubset(opt *ViewOptions) *subset {
	o := &subset{owners: map[foreignKey]string{}, rivals: map[foreignKey]struct{}{}}
	o.opt.Store(opt)
	return o
}

// owner is the upstream whom an own name belongs to, now that this one wants it. It stays his also
// while he is away: a client must not reach another upstream by it unawares.
func (o *subset) owner(key foreignKey, upstream string) string {
	now, owned := o.owners[key]
	if owned && now != upstream {
		o.rivals[key] = struct{}{}
	}
	if !owned || o.before(upstream, now) {
		o.owners[key] = upstream
		return upstream
	}
	return now
}

// disown frees the names of an upstream that has left for good, and tells whether others want one.
func (o *subset) disown(upstream string) (wanted bool) {
	maps.DeleteFunc(o.owners, func(key foreignKey, owner string) bool {
		if _, rivals := o.rivals[key]; rivals && owner == upstream {
			wanted = true
			delete(o.rivals, key)
		}
		return owner == upstream
	})
	return wanted
}
