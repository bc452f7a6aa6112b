package mcp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
)

// Catalogue is the set of one kind of things that a server offers (tools, prompts, resources,
// resource templates), each with its handler H. Readers see an immutable snapshot; a change makes
// the next reader build a new one.
type Catalogue[H any] struct {
	opt ListOptions

	mu      sync.Mutex // guards entries
	entries map[string]*Entry[H]

	snapshot atomic.Pointer[snapshot[H]]
	changes  atomic.Uint64
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

// Entry is one definition with its handler. It is immutable.
type Entry[H any] struct {
	Name    string // what it is looked up by: a name, a URI or a URI template
	Handler H
	encoded [versionCount][]byte // the definition as each revision knows it
}

// snapshot is what the lists are answered from.
type snapshot[H any] struct {
	byName map[string]*Entry[H]
	sorted []*Entry[H] // by name: the order is the same in every answer
	pages  [versionCount]atomic.Pointer[[][]byte]
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
	return &Catalogue[H]{opt: opt, entries: map[string]*Entry[H]{}}
}

// Add puts a definition in, replacing one of the same name. It is safe for concurrent use. d must
// not be changed afterwards.
func (c *Catalogue[H]) Add(d Definition, handler H) error {
	name, err := d.key()
	if err != nil {
		return err
	}
	e := &Entry[H]{Name: name, Handler: handler}
	for v := V20241105; v < versionCount; v++ {
		raw, err := d.encode(v)
		if err != nil {
			return fmt.Errorf("cannot encode the definition of %q: %w", name, err)
		}
		if bytes.Equal(raw, e.encoded[v-1]) {
			raw = e.encoded[v-1] // most definitions look the same in most revisions
		}
		e.encoded[v] = raw
	}
	c.mu.Lock()
	c.entries[name] = e
	c.changed()
	c.mu.Unlock()
	return nil
}

// Remove takes a definition out; false when there is none of that name. Calls in flight go on.
func (c *Catalogue[H]) Remove(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.entries[name]
	delete(c.entries, name)
	c.changed()
	return ok
}

// changed drops the snapshot. c.mu must be held.
func (c *Catalogue[H]) changed() {
	c.snapshot.Store(nil)
	c.changes.Add(1)
}

// Recent remembers what was looked up last; the zero value is ready. It belongs to one goroutine.
type Recent[H any] struct {
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
	if r.entry != nil && r.changes == changes && string(raw) == string(r.raw) {
		return r.entry, true
	}
	name, ok := codec.StringContent(raw)
	if !ok {
		return nil, false
	}
	e = c.Lookup(name)
	if len(raw) <= recentBytesMax {
		r.entry, r.changes, r.raw = e, changes, append(r.raw[:0], raw...)
	}
	return e, true
}

// Lookup returns what has that name, or nil. It does not keep name.
func (c *Catalogue[H]) Lookup(name []byte) *Entry[H] {
	return c.current().byName[string(name)]
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

// AppendPage appends the result object of the list for revision v that starts at the raw JSON
// cursor, nil for the first page. A cursor that is not ours is -32602; one whose definition has
// gone still works, since it names a place in the order.
func (c *Catalogue[H]) AppendPage(dst []byte, v Version, cursor []byte) ([]byte, *codec.Error) {
	s := c.current()
	start, fault := c.position(s, cursor)
	if fault != nil {
		return dst, fault
	}
	if pages := c.pages(s, v); start%c.opt.PageSize == 0 && start/c.opt.PageSize < len(pages) {
		return append(dst, pages[start/c.opt.PageSize]...), nil // Fast path.
	}
	return c.appendPage(dst, s, v, start), nil
}

func (c *Catalogue[H]) current() *snapshot[H] {
	if s := c.snapshot.Load(); s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.snapshot.Load(); s != nil {
		return s
	}
	s := c.build()
	c.snapshot.Store(s)
	return s
}

// build makes a snapshot. c.mu must be held.
func (c *Catalogue[H]) build() *snapshot[H] {
	s := &snapshot[H]{byName: make(map[string]*Entry[H], len(c.entries))}
	for name, e := range c.entries {
		s.byName[name] = e
		s.sorted = append(s.sorted, e)
	}
	slices.SortFunc(s.sorted, func(a, b *Entry[H]) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// pages are the encoded pages of a revision, made when the first client of it asks.
func (c *Catalogue[H]) pages(s *snapshot[H], v Version) [][]byte {
	if pages := s.pages[v].Load(); pages != nil {
		return *pages
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if pages := s.pages[v].Load(); pages != nil {
		return *pages
	}
	var pages [][]byte
	for start := 0; start == 0 || start < len(s.sorted); start += c.opt.PageSize {
		pages = append(pages, c.appendPage(nil, s, v, start))
	}
	s.pages[v].Store(&pages)
	return pages
}

func (c *Catalogue[H]) appendPage(dst []byte, s *snapshot[H], v Version, start int) []byte {
	end := min(start+c.opt.PageSize, len(s.sorted))
	dst = append(dst, `{"`...)
	dst = append(dst, c.opt.Member...)
	dst = append(dst, `":[`...)
	for i := start; i < end; i++ {
		if i > start {
			dst = append(dst, ',')
		}
		dst = append(dst, s.sorted[i].encoded[v]...)
	}
	dst = append(dst, ']')
	if end < len(s.sorted) {
		dst = append(dst, `,"nextCursor":"`...)
		dst = base64.RawURLEncoding.AppendEncode(dst, []byte(c.opt.Member+":"+s.sorted[end-1].Name))
		dst = append(dst, '"')
	}
	if v.Modern() {
		dst = append(dst, ',')
		dst = AppendCaching(dst, c.opt.TTLMs, c.opt.CacheScope)
		dst = append(dst, ',')
		dst = AppendMeta(dst, "complete", c.opt.ServerInfo)
	}
	return append(dst, '}')
}

// position returns the index of the first entry behind the cursor: the cursor is the list's member
// and the name of the last entry of the page before, so that it stays true when the catalogue
// changes, and means nothing to another list.
func (c *Catalogue[H]) position(s *snapshot[H], cursor []byte) (int, *codec.Error) {
	if cursor == nil {
		return 0, nil
	}
	text, ok := codec.StringContent(cursor)
	if !ok {
		return 0, codec.ErrInvalidParams.With("cursor must be a string")
	}
	if len(text) == 0 {
		return 0, nil
	}
	place, err := base64.RawURLEncoding.AppendDecode(nil, text)
	name, ours := bytes.CutPrefix(place, []byte(c.opt.Member+":"))
	if err != nil || !ours {
		return 0, codec.ErrInvalidParams.With("cursor is not one that this server gave out")
	}
	at, found := slices.BinarySearchFunc(s.sorted, string(name), func(e *Entry[H], n string) int {
		return strings.Compare(e.Name, n)
	})
	if found {
		at++
	}
	return at, nil
}
