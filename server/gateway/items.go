package gateway

import (
	"bytes"
	"encoding/json"

	"github.com/mcploop/mcploop/mcp"
)

// Item is a tool, a resource, a resource template or a prompt of an upstream as clients see it. It
// is immutable.
type Item struct {
	Kind mcp.Kind
	Name string          // a name, a URI or a URI template: what clients use it by
	Raw  json.RawMessage // its definition as the upstream listed it, own name included

	up    *Upstream
	own   string // its name at the upstream; of resources and templates the same as Name
	short string // Name without the upstream's part

	completes bool
	use       *usage // of what the upstream calls so, for as long as it lists it
	twice     bool   // it may run twice
	tasks     bool
}

// Upstream is who offers it.
func (i *Item) Upstream() *Upstream { return i.up }

// Own is its name at the upstream.
func (i *Item) Own() string { return i.own }

// Short is what clients use it by who see this upstream alone: its own name, or what it was renamed
// to, with _ for what no name may hold.
func (i *Item) Short() string { return i.short }

// Completes tells whether the upstream suggests values of its arguments.
func (i *Item) Completes() bool { return i.completes }

// Tasks tells whether a call of it may become a task.
func (i *Item) Tasks() bool { return i.tasks }

// same tells whether clients see no difference.
func (i *Item) same(other *Item) bool {
	return i.own == other.own && i.short == other.short &&
		i.completes == other.completes && i.tasks == other.tasks &&
		bytes.Equal(i.Raw, other.Raw)
}

// itemKey is what an Item is found by.
type itemKey struct {
	kind mcp.Kind
	name string
}

// offer tells the host what of a list is new, changed and gone.
func (u *Upstream) offer(list *Listing) {
	u.mu.Lock()
	defer u.mu.Unlock()
	next := u.choose(list)
	u.past.refused = nil
	var changed kinds
	for key := range u.offered {
		if next[key] == nil {
			u.host.Withdraw(key.kind, key.name)
			changed |= kindOf(key.kind)
		}
	}
	for key, item := range next {
		old := u.offered[key]
		if old != nil && old.same(item) {
			next[key] = old
			continue
		}
		err := u.host.Offer(item)
		if err == nil {
			changed |= kindOf(key.kind)
			continue
		}
		delete(next, key)
		u.leftOut(item, err)
	}
	u.offered = next
	u.guard.forget(next)
	u.account(list)
	if changed != 0 {
		u.count.changes.Add(1)
	}
	u.retell(kinds(u.said.Swap(0)) &^ changed)
	u.settled()
}

// kinds is a set of kinds, of which templates are resources, as in what is told of changes.
type kinds uint32

func kindOf(k mcp.Kind) kinds {
	if k == mcp.KindTemplate {
		k = mcp.KindResource
	}
	return 1 << k
}

// retell tells of lists that the upstream says have changed, though they are what they were: what
// came has gone again, or is not offered. mu is held.
func (u *Upstream) retell(said kinds) {
	for k := range mcp.KindCount {
		if said&(1<<k) != 0 && u.host.Changed != nil {
			u.host.Changed(k)
		}
	}
}

// settled tells the host that nothing more comes or goes for now.
func (u *Upstream) settled() {
	if u.host.Settled != nil {
		u.host.Settled()
	}
}

// leftOut logs why an item is not offered, unless that was said before. mu is held.
func (u *Upstream) leftOut(item *Item, err error) {
	key, why := itemKey{item.Kind, item.Name}, err.Error()
	u.past.refuses(item, why)
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
