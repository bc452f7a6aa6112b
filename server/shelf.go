package server

import (
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// shelf is the lists of one kind in all views: where an upstream's items are put and taken from.
// A name that two of them want in one view stays with one; the other waits, see view.waiting. An
// item that goes is followed by who waits for its name. Locks: place.mu, then views.mu.
type shelf[H offered] struct {
	kind mcp.Kind
	of   func(*view) *mcp.Catalogue[H]
}

// offered is what catalogues keep: *tool, *resource, *prompt.
type offered interface{ origin() *foreign }

var (
	toolShelf = shelf[*tool]{
		mcp.KindTool, func(v *view) *mcp.Catalogue[*tool] { return v.tools },
	}
	resourceShelf = shelf[*resource]{
		mcp.KindResource, func(v *view) *mcp.Catalogue[*resource] { return v.resources },
	}
	templateShelf = shelf[*resource]{
		mcp.KindTemplate, func(v *view) *mcp.Catalogue[*resource] { return v.templates },
	}
	promptShelf = shelf[*prompt]{
		mcp.KindPrompt, func(v *view) *mcp.Catalogue[*prompt] { return v.prompts },
	}
)

// abilities of a view that has something on the shelf.
func (sh shelf[H]) abilities(f *foreign) abilities {
	a := abilities{completions: f.item.Completes(), tasks: f.item.Tasks()}
	switch sh.kind {
	case mcp.KindTool:
		a.tools = true
	case mcp.KindPrompt:
		a.prompts = true
	default:
		a.resources, a.subscribe = true, true
	}
	return a
}

// offer puts an item into every view that shows it.
func (sh shelf[H]) offer(raw *mcp.RawDefinition, handler H) error {
	e, err := mcp.NewEntry(raw, handler)
	if err != nil {
		return err
	}
	f := handler.origin()
	s := f.at.s
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	sh.put(f.at.part, e.Named(f.item.Short()))
	sh.claim(&s.view, e)
	for _, v := range s.views.subsets {
		sh.place(v, e)
	}
	return nil
}

// put puts an entry into a view's list, and notes that its clients see a difference.
func (sh shelf[H]) put(v *view, e *mcp.Entry[H]) {
	f := e.Handler.origin()
	v.waiting.end(foreignKey{sh.kind, e.Name}, f.at)
	if sh.of(v).Put(e) {
		v.changes(listOf(sh.kind))
	}
	v.offers(sh.abilities(f))
}

// claim puts an entry into a view unless somebody has its name who comes before it there.
func (sh shelf[H]) claim(v *view, e *mcp.Entry[H]) {
	f := e.Handler.origin()
	holder := sh.of(v).Get(e.Name)
	if holder == nil {
		sh.put(v, e)
		return
	}
	h := holder.Handler.origin()
	key := foreignKey{sh.kind, e.Name}
	switch {
	case h.at == f.at:
	case h.at != nil && v.subset.before(f.at.name, h.at.name):
		v.wait(key, h, f)
	default:
		v.wait(key, f, h)
		return
	}
	sh.put(v, e)
}

// place puts an entry into a subset, if it belongs there.
func (sh shelf[H]) place(v *view, e *mcp.Entry[H]) {
	f := e.Handler.origin()
	opt := v.subset.opt.Load()
	name := opt.nameOf(f.item)
	if !opt.shows(f.at.name, name) {
		return
	}
	if name == f.item.Name {
		sh.claim(v, e)
		return
	}
	if v.subset.owner(foreignKey{sh.kind, name}, f.at.name) != f.at.name {
		sh.claim(v, e)
		return
	}
	holder := sh.of(v).Get(name)
	sh.put(v, e.Named(name))
	if holder != nil && holder.Handler.origin().at != f.at { // it has had its name for a time
		sh.claim(v, holder.Named(holder.Handler.origin().item.Name))
	}
}

// withdraw takes an item of p out of every view.
func (sh shelf[H]) withdraw(p *place, i *gateway.Item) {
	p.s.views.mu.Lock()
	defer p.s.views.mu.Unlock()
	sh.take(p.part, p, i, i.Short())
	sh.take(&p.s.view, p, i, i.Name)
	for _, v := range p.s.views.subsets {
		sh.take(v, p, i, i.Short())
		sh.take(v, p, i, i.Name)
	}
}

// take takes an item of p out of a view that shows it under that name.
func (sh shelf[H]) take(v *view, p *place, i *gateway.Item, name string) {
	key := foreignKey{sh.kind, name}
	v.waiting.end(key, p)
	e := sh.of(v).Get(name)
	if e == nil || e.Handler.origin().at != p || e.Handler.origin().item.Name != i.Name {
		return
	}
	sh.of(v).Remove(name)
	v.changes(listOf(sh.kind))
	sh.inherit(v, key)
}

// fill puts everything into a new subset.
func (sh shelf[H]) fill(v *view, p *place) {
	sh.of(p.part).Each(func(e *mcp.Entry[H]) bool {
		sh.place(v, e.Named(e.Handler.origin().item.Name))
		return true
	})
}

// match makes a view show what next shows.
func (sh shelf[H]) match(v, next *view) {
	now, then := sh.of(v), sh.of(next)
	now.Each(func(e *mcp.Entry[H]) bool {
		if then.Get(e.Name) == nil && now.Remove(e.Name) {
			v.changes(listOf(sh.kind))
		}
		return true
	})
	then.Each(func(e *mcp.Entry[H]) bool {
		if now.Put(e) {
			v.changes(listOf(sh.kind))
		}
		return true
	})
}

// free gives own names that an upstream has left for good to those who had to take longer ones.
func (sh shelf[H]) free(v *view) {
	var long []*mcp.Entry[H]
	sh.of(v).Each(func(e *mcp.Entry[H]) bool {
		i := e.Handler.origin().item
		if e.Name == i.Name && v.subset.opt.Load().nameOf(i) != e.Name {
			long = append(long, e)
		}
		return true
	})
	for _, e := range long {
		f := e.Handler.origin()
		sh.take(v, f.at, f.item, e.Name)
		sh.place(v, e)
	}
}

// inherit gives a name that nobody has in a view to who waits for it.
func (sh shelf[H]) inherit(v *view, key foreignKey) {
	heir := v.waiting.first(key, v.subset)
	if heir == nil {
		return
	}
	if e := sh.of(heir.at.part).Get(heir.item.Short()); e != nil {
		sh.put(v, e.Named(key.name))
	}
}
