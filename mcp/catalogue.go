package mcp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
)

// Catalogue is the set of tools that a server offers, each with its handler H. Readers see an
// immutable snapshot; a change makes the next reader build a new one.
type Catalogue[H any] struct {
	opt ListOptions

	mu      sync.Mutex // guards entries
	entries map[string]*Entry[H]

	snapshot atomic.Pointer[snapshot[H]]
	changes  atomic.Uint64
}

// ListOptions shape the answers of tools/list.
type ListOptions struct {
	PageSize   int    // tools per page; 0: 1000
	TTLMs      int64  // ttlMs of modern lists, milliseconds
	CacheScope string // "public" (the default) or "private"
	ServerInfo []byte // raw JSON Implementation, for _meta of modern results
}

// Entry is one tool with its handler. It is immutable.
type Entry[H any] struct {
	Tool    *Tool
	Handler H
	encoded [versionCount][]byte // the definition as each revision knows it
}

// snapshot is what the lists are answered from.
type snapshot[H any] struct {
	byName map[string]*Entry[H]
	sorted []*Entry[H] // by name: the order is the same in every answer
	pages  [versionCount][][]byte
}

// NewCatalogue returns an empty catalogue.
func NewCatalogue[H any](opt ListOptions) *Catalogue[H] {
	if opt.PageSize <= 0 {
		opt.PageSize = 1000
	}
	if opt.CacheScope == "" {
		opt.CacheScope = "public"
	}
	return &Catalogue[H]{opt: opt, entries: map[string]*Entry[H]{}}
}

// ErrToolName is returned for a name that clients would refuse.
var ErrToolName = errors.New(
	"mcp: a tool's name must have 1 to 128 characters, each a letter, a digit, '_', '-' or '.'")

// Add puts a tool in, replacing one of the same name. It is safe for concurrent use. t must not
// be changed afterwards.
func (c *Catalogue[H]) Add(t *Tool, handler H) error {
	if !validToolName(t.Name) {
		return fmt.Errorf("cannot add tool %q: %w", t.Name, ErrToolName)
	}
	e := &Entry[H]{Tool: t, Handler: handler}
	for v := V20241105; v < versionCount; v++ {
		raw, err := encodeTool(t, v)
		if err != nil {
			return fmt.Errorf("cannot encode tool %q: %w", t.Name, err)
		}
		e.encoded[v] = raw
	}
	c.mu.Lock()
	c.entries[t.Name] = e
	c.changed()
	c.mu.Unlock()
	return nil
}

// Remove takes a tool out; false when there is none of that name. Calls in flight go on.
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

// Recent remembers the tool that was looked up last; the zero value is ready. It belongs to one
// goroutine.
type Recent[H any] struct {
	entry   *Entry[H]
	changes uint64
}

// LookupRecent is Lookup for a caller that asks for the same tool many times in a row: then it
// compares the name and hashes nothing.
func (c *Catalogue[H]) LookupRecent(name []byte, r *Recent[H]) *Entry[H] {
	changes := c.changes.Load() // before the lookup: a later change makes the memory stale
	if r.entry == nil || r.changes != changes || r.entry.Tool.Name != string(name) {
		r.entry, r.changes = c.Lookup(name), changes
	}
	return r.entry
}

// Lookup returns the tool of that name, or nil. It does not keep name.
func (c *Catalogue[H]) Lookup(name []byte) *Entry[H] {
	return c.current().byName[string(name)]
}

// Len returns the number of tools.
func (c *Catalogue[H]) Len() int { return len(c.current().sorted) }

// AppendPage appends the result object of tools/list for revision v that starts at the raw JSON
// cursor, nil for the first page. A cursor that is not ours is -32602; one whose tool has gone
// still works, since it names a place in the order.
func (c *Catalogue[H]) AppendPage(dst []byte, v Version, cursor []byte) ([]byte, *codec.Error) {
	s := c.current()
	start, fault := s.position(cursor)
	if fault != nil {
		return dst, fault
	}
	if start%c.opt.PageSize == 0 && start/c.opt.PageSize < len(s.pages[v]) {
		return append(dst, s.pages[v][start/c.opt.PageSize]...), nil // Fast path.
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
	slices.SortFunc(s.sorted, func(a, b *Entry[H]) int {
		if a.Tool.Name < b.Tool.Name {
			return -1
		}
		return 1
	})
	for v := V20241105; v < versionCount; v++ {
		for start := 0; start == 0 || start < len(s.sorted); start += c.opt.PageSize {
			s.pages[v] = append(s.pages[v], c.appendPage(nil, s, v, start))
		}
	}
	return s
}

func (c *Catalogue[H]) appendPage(dst []byte, s *snapshot[H], v Version, start int) []byte {
	end := min(start+c.opt.PageSize, len(s.sorted))
	dst = append(dst, `{"tools":[`...)
	for i := start; i < end; i++ {
		if i > start {
			dst = append(dst, ',')
		}
		dst = append(dst, s.sorted[i].encoded[v]...)
	}
	dst = append(dst, ']')
	if end < len(s.sorted) {
		dst = append(dst, `,"nextCursor":"`...)
		dst = base64.RawURLEncoding.AppendEncode(dst, []byte(s.sorted[end-1].Tool.Name))
		dst = append(dst, '"')
	}
	if v.Modern() {
		dst = append(dst, ',')
		dst = AppendCaching(dst, c.opt.TTLMs, c.opt.CacheScope)
		dst = append(dst, ',')
		dst = AppendMeta(dst, c.opt.ServerInfo)
	}
	return append(dst, '}')
}

// position returns the index of the first tool behind the cursor: the cursor is the name of the
// last tool of the page before, so that it stays true when the catalogue changes.
func (s *snapshot[H]) position(cursor []byte) (int, *codec.Error) {
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
	name, err := base64.RawURLEncoding.AppendDecode(nil, text)
	if err != nil || !validToolName(string(name)) {
		return 0, codec.ErrInvalidParams.With("cursor is not one that this server gave out")
	}
	at, found := slices.BinarySearchFunc(s.sorted, string(name), func(e *Entry[H], n string) int {
		switch {
		case e.Tool.Name < n:
			return -1
		case e.Tool.Name > n:
			return 1
		}
		return 0
	})
	if found {
		at++
	}
	return at, nil
}
