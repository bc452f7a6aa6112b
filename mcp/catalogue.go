package mcp

import (
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
)

// Catalogue is the set of one kind of things that a server offers (tools, prompts, resources,
// resource templates), each with its handler H. Readers see an immutable snapshot; a change makes
// the next reader build a new one, which costs what has changed and not what there is.
type Catalogue[H any] struct {
	opt ListOptions

	mu      sync.Mutex // guards what follows
	entries map[string]*Entry[H]
	touched map[string]struct{} // names that have changed since built
	built   index[H]            // of the last snapshot

	snapshot atomic.Pointer[snapshot[H]]
	changes  atomic.Uint64
	asked    [versionCount]atomic.Bool // revisions that somebody has listed for
}

// Definition is what a list shows: *Tool, *Prompt, *Resource or *ResourceTemplate.
type Definition interface {
	// key is the name that is looked up: it orders the list. The error says why the definition
	// cannot be offered.
	key() (string, error)
	// encode is the definition as revision v knows it.
	encode(v Version) ([]byte, error)
}

// ListOptions shape the answers of a list method.
type ListOptions struct {
	Member     string // of the result: "tools" (the default), "prompts", ...
	PageSize   int    // definitions per page; 0: 1000
	TTLMs      int64  // ttlMs of modern lists, milliseconds
	CacheScope string // "public" (the default) or "private"
	ServerInfo []byte // raw JSON Implementation, for _meta of modern results
}

// NewCatalogue returns an empty catalogue.
func NewCatalogue[H any](opt ListOptions) *Catalogue[H] {
	if opt.PageSize <= 0 {
		opt.PageSize = 1000
	}
	if opt.Member == "" {
		opt.Member = "tools"
	}
	if opt.CacheScope == "" {
		opt.CacheScope = "public"
	}
	return &Catalogue[H]{
		opt: opt, entries: map[string]*Entry[H]{}, touched: map[string]struct{}{},
	}
}

// Add puts a definition in, replacing one of the same name. It is safe for concurrent use. d must
// not be changed afterwards.
func (c *Catalogue[H]) Add(d Definition, handler H) error {
	e, err := NewEntry(d, handler)
	if err != nil {
		return err
	}
	c.Put(e)
	return nil
}

// Put is Add with an entry, which may be in several catalogues: its definition is held once. It
// tells whether clients see something else now.
func (c *Catalogue[H]) Put(e *Entry[H]) (differs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.entries[e.Name]
	c.entries[e.Name] = e
	c.changed(e.Name)
	return old == nil || !old.shown.equal(e.shown)
}

// Cache changes what modern results say of how long, in milliseconds, and by whom they may be
// reused.
func (c *Catalogue[H]) Cache(ttlMs int64, scope string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opt.TTLMs != ttlMs || c.opt.CacheScope != scope {
		c.opt.TTLMs, c.opt.CacheScope = ttlMs, scope
		c.snapshot.Store(nil)
	}
}

// Describe changes what modern results say of the server: raw JSON Implementation.
func (c *Catalogue[H]) Describe(serverInfo []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opt.ServerInfo = serverInfo
	c.snapshot.Store(nil)
}

// Remove takes a definition out; false when there is none of that name. Calls in flight go on.
func (c *Catalogue[H]) Remove(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[name]; !ok {
		return false
	}
	delete(c.entries, name)
	c.changed(name)
	return true
}

// changed drops the snapshot. c.mu must be held.
func (c *Catalogue[H]) changed(name string) {
	c.touched[name] = struct{}{}
	c.snapshot.Store(nil)
	c.changes.Add(1)
}

// Recent remembers what was looked up last; the zero value is ready. It belongs to one goroutine.
type Recent[H any] struct {
	of      *Catalogue[H]
	entry   *Entry[H]
	raw     []byte // the name as it was written, a raw JSON string
	changes uint64
}

// recentBytesMax bounds the names that are remembered.
const recentBytesMax = 256

// LookupRaw returns what has the name that raw, a JSON string, spells, or nil; ok is false when raw
// is no string. A caller that asks for the same name many times in a row compares bytes and
// neither decodes nor hashes anything.
func (c *Catalogue[H]) LookupRaw(raw []byte, r *Recent[H]) (e *Entry[H], ok bool) {
	changes := c.changes.Load() // before the lookup: a later change makes the memory stale
	if r.entry != nil && r.of == c && r.changes == changes && string(raw) == string(r.raw) {
		return r.entry, true
	}
	name, ok := codec.StringContent(raw)
	if !ok {
		return nil, false
	}
	e = c.Lookup(name)
	if len(raw) <= recentBytesMax {
		r.of, r.entry, r.changes, r.raw = c, e, changes, append(r.raw[:0], raw...)
	}
	return e, true
}

// Lookup returns what has that name, or nil. It does not keep name.
func (c *Catalogue[H]) Lookup(name []byte) *Entry[H] {
	return c.current().find(name)
}

// Get is Lookup for who is about to change the catalogue: it makes no snapshot.
func (c *Catalogue[H]) Get(name string) *Entry[H] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[name]
}

// Each calls yield with every entry in the order of the list, until it returns false.
func (c *Catalogue[H]) Each(yield func(*Entry[H]) bool) {
	for _, e := range c.current().sorted {
		if !yield(e) {
			return
		}
	}
}

// Len returns the number of definitions.
func (c *Catalogue[H]) Len() int { return len(c.current().sorted) }
