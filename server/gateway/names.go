package gateway

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/mcp"
)

// toolNameMax is the longest name of a tool (2025-11-25, server/tools).
const toolNameMax = 128

// choose returns the items that are offered, by the names that clients see. The same list gives
// the same names, whatever its order.
func (u *Upstream) choose(list *Listing) map[itemKey]*Item {
	next := make(map[itemKey]*Item, list.len())
	over := 0
	for kind := range mcp.KindCount {
		shorts := map[string]bool{}
		wanted := u.wanted(kind, *list.of(kind))
		over += max(0, len(wanted)-u.opt.ListMax)
		for _, d := range wanted[:min(len(wanted), u.opt.ListMax)] {
			item := &Item{
				Kind: kind, Raw: d.Raw, up: u, own: d.Name,
				completes: list.Completes && kind != mcp.KindTool,
				use:       u.guard.usageOf(kind, d.Name),
				twice:     kind != mcp.KindTool || mayRunTwice(d.Raw),
				tasks:     list.Tasks && kind == mcp.KindTool,
			}
			prefix := u.opt.Name + u.opt.Separator
			item.Name = u.nameOf(kind, d.Name, prefix, func(name string) bool {
				return next[itemKey{kind, name}] != nil
			})
			item.short = u.nameOf(kind, d.Name, "", func(name string) bool { return shorts[name] })
			shorts[item.short] = true
			next[itemKey{kind, item.Name}] = item
		}
	}
	u.tooMany(over)
	return next
}

// wanted returns those of a list that are offered, each once. What was renamed comes first, then
// what may be called as it is: so they have their names before others that become the same.
func (u *Upstream) wanted(kind mcp.Kind, list []Raw) []Raw {
	list = slices.DeleteFunc(slices.Clone(list), func(d Raw) bool {
		return d.Name == "" || kind == mcp.KindTool && !u.permits(d.Name)
	})
	rank := func(d Raw) int {
		switch {
		case u.opt.Rename[d.Name] != "":
			return 0
		case !strings.ContainsFunc(d.Name, noNameRune):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b Raw) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
	})
	return slices.CompactFunc(list, func(a, b Raw) bool { return a.Name == b.Name })
}

// permits tells whether the tool is offered at all.
func (u *Upstream) permits(own string) bool {
	fits := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, own) // validate has tried the pattern
			return ok
		})
	}
	return (len(u.opt.Allow) == 0 || fits(u.opt.Allow)) && !fits(u.opt.Deny)
}

// nameOf returns the name that clients see. A resource keeps its URI, which results mention, too.
// A tool or a prompt gets the prefix and its own name, or what it was renamed to, with _ for what
// no name may hold. One that had to be cut, or that is taken, ends in the hash of the own name.
func (u *Upstream) nameOf(
	kind mcp.Kind, own, prefix string, taken func(string) bool,
) string {
	if kind == mcp.KindResource || kind == mcp.KindTemplate {
		return own
	}
	called := own
	if other := u.opt.Rename[own]; other != "" {
		called = other
	}
	name := []byte(prefix + called)
	for i, c := range name {
		if !nameByte(c) {
			name[i] = '_'
		}
	}
	if len(name) <= toolNameMax && !taken(string(name)) {
		return string(name)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(own)) // it never fails
	tail := fmt.Sprintf("_%08x", h.Sum32())
	return string(name[:min(len(name), toolNameMax-len(tail))]) + tail
}

// renameFaults says what is wrong with Rename: what clients could not call, and what two would be
// called. withDefaults ran before.
func (o *Options) renameFaults(bad func(format string, args ...any)) {
	from := map[string]string{}
	most := toolNameMax - len(o.Name) - len(o.Separator)
	for _, own := range slices.Sorted(maps.Keys(o.Rename)) {
		name := o.Rename[own]
		if name == "" || len(name) > most || strings.ContainsFunc(name, noNameRune) {
			bad("cannot rename %q to %q; take 1 to %d characters of A-Z a-z 0-9 _ - .", own, name,
				most)
		}
		if before, twice := from[name]; twice {
			bad("cannot rename both %q and %q to %q", before, own, name)
		}
		from[name] = own
	}
}

// noNameRune: r may not stand in a tool's name.
func noNameRune(r rune) bool { return r > '~' || !nameByte(byte(r)) }
