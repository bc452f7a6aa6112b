package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/mcp"
)

// Item is a tool, a resource, a resource template or a prompt of an upstream as clients see it. It
// is immutable.
type Item struct {
	Kind mcp.Kind
	Name string          // a name, a URI or a URI template: what clients use it by
	Raw  json.RawMessage // its definition as the upstream listed it, own name included

	up  *Upstream
	own string // its name at the upstream; of resources and templates the same as Name

	completes bool
}

// Upstream is who offers it.
func (i *Item) Upstream() *Upstream { return i.up }

// Own is its name at the upstream.
func (i *Item) Own() string { return i.own }

// Completes tells whether the upstream suggests values of its arguments.
func (i *Item) Completes() bool { return i.completes }

// same tells whether clients see no difference.
func (i *Item) same(other *Item) bool {
	return i.own == other.own && i.completes == other.completes && bytes.Equal(i.Raw, other.Raw)
}

// itemKey is what an Item is found by.
type itemKey struct {
	kind mcp.Kind
	name string
}

// ErrTaken is what Host.Offer returns for a name that somebody else has offered before.
var ErrTaken = errors.New("gateway: it is offered by somebody else already")

// toolNameMax is the longest name of a tool (2025-11-25, server/tools).
const toolNameMax = 128

// offer tells the host what of a list is new, changed and gone.
func (u *Upstream) offer(list *Listing) {
	u.mu.Lock()
	defer u.mu.Unlock()
	next := u.choose(list)
	changed := false
	for key := range u.offered {
		if next[key] == nil {
			u.host.Withdraw(key.kind, key.name)
			changed = true
		}
	}
	taken, renew := 0, u.renew.Swap(false)
	for key, item := range next {
		old := u.offered[key]
		if old != nil && old.same(item) && !renew {
			next[key] = old
			continue
		}
		err := u.host.Offer(item)
		if err == nil {
			changed = true
			continue
		}
		delete(next, key)
		if errors.Is(err, ErrTaken) {
			taken++
		}
		u.leftOut(item, err)
	}
	u.offered = next
	u.count.taken.Store(int64(taken))
	if changed {
		u.count.changes.Add(1)
	}
}

// leftOut logs why an item is not offered, unless that was said before. mu is held.
func (u *Upstream) leftOut(item *Item, err error) {
	key, why := itemKey{item.Kind, item.Name}, err.Error()
	if u.refused[key] == why {
		return
	}
	if len(u.refused) >= refusedMax {
		clear(u.refused)
	}
	u.refused[key] = why
	u.host.Log.Warn(item.Kind.String()+" is left out", "upstream", u.opt.Name, "name", item.own,
		"reason", err)
}

// refusedMax bounds what is remembered of items that are left out.
const refusedMax = 1000

// choose returns the items that are offered, by the names that clients see. The same list gives
// the same names, whatever its order.
func (u *Upstream) choose(list *Listing) map[itemKey]*Item {
	next := make(map[itemKey]*Item, list.len())
	for kind := range mcp.KindCount {
		all := slices.Clone(*list.of(kind))
		slices.SortStableFunc(all, func(a, b Raw) int { return strings.Compare(a.Name, b.Name) })
		for i, d := range all {
			again := i > 0 && all[i-1].Name == d.Name
			if d.Name == "" || again || kind == mcp.KindTool && !u.permits(d.Name) {
				continue
			}
			key := itemKey{kind, u.nameOf(kind, d.Name, false)}
			if next[key] != nil { // two own names that differ in characters no name may have
				key.name = u.nameOf(kind, d.Name, true)
			}
			next[key] = &Item{
				Kind: kind, Name: key.name, Raw: d.Raw, up: u, own: d.Name,
				completes: list.Completes && kind != mcp.KindTool,
			}
		}
	}
	return next
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
// A tool or a prompt gets upstream, separator, own name, with _ for what no name may hold. One that
// had to be cut, or is not alone, ends in the hash of the own name.
func (u *Upstream) nameOf(kind mcp.Kind, own string, hashed bool) string {
	if kind == mcp.KindResource || kind == mcp.KindTemplate {
		return own
	}
	name := []byte(u.opt.Name + u.opt.Separator + own)
	for i, c := range name {
		if !nameByte(c) {
			name[i] = '_'
		}
	}
	if len(name) <= toolNameMax && !hashed {
		return string(name)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(own)) // it never fails
	tail := fmt.Sprintf("_%08x", h.Sum32())
	return string(name[:min(len(name), toolNameMax-len(tail))]) + tail
}
