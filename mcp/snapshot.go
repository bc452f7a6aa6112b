package mcp

import (
	"bytes"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
)

// snapshot is what lookups and lists are answered from. It is immutable but for its pages, which
// are encoded when the first client of a revision asks for them.
type snapshot[H any] struct {
	index[H]
	serverInfo []byte
	ttlMs      int64
	cacheScope string
	pages      [versionCount]atomic.Pointer[[]atomic.Pointer[[]byte]]
}

// index is the entries of a catalogue in two forms. Its maps and its list are never written to
// again, so that the next index may share them.
type index[H any] struct {
	whole  map[string]*Entry[H] // some time ago
	since  map[string]*Entry[H] // what has changed since, few: nil has gone
	sorted []*Entry[H]          // by name: the order is the same in every answer
}

func (x *index[H]) find(name []byte) *Entry[H] {
	if len(x.since) > 0 {
		if e, changed := x.since[string(name)]; changed {
			return e
		}
	}
	return x.whole[string(name)]
}

// sinceMin and sincePart: so many changes, or such a part of the whole, are not worth a new map.
const (
	sinceMin  = 32
	sincePart = 16
)

// next is the index in which the touched names are as entries has them.
func (x *index[H]) next(entries map[string]*Entry[H], touched map[string]struct{}) index[H] {
	n := index[H]{whole: x.whole, sorted: x.merge(entries, touched)}
	if len(x.since)+len(touched) > max(sinceMin, len(entries)/sincePart) {
		n.whole = maps.Clone(entries)
		return n
	}
	n.since = make(map[string]*Entry[H], len(x.since)+len(touched))
	maps.Copy(n.since, x.since)
	for name := range touched {
		n.since[name] = entries[name]
	}
	return n
}

// merge is the sorted list with the touched names as entries has them.
func (x *index[H]) merge(
	entries map[string]*Entry[H], touched map[string]struct{},
) []*Entry[H] {
	old, list := x.sorted, make([]*Entry[H], 0, len(entries))
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		at, there := slices.BinarySearchFunc(old, name, compareName[H])
		list = append(list, old[:at]...)
		if there {
			at++
		}
		old = old[at:]
		if e := entries[name]; e != nil {
			list = append(list, e)
		}
	}
	return append(list, old...)
}

func compareName[H any](e *Entry[H], name string) int { return strings.Compare(e.Name, name) }

// Settle makes now what the next reader would have to make: the snapshot, and the first page for
// revisions that have asked for one before.
func (c *Catalogue[H]) Settle() {
	s := c.current()
	for v := range versionCount {
		if c.asked[v].Load() {
			c.page(s, v, 0, &c.pages(s, v)[0])
		}
	}
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
	if len(c.touched) > 0 {
		c.built = c.built.next(c.entries, c.touched)
		c.touched = map[string]struct{}{}
	}
	s := &snapshot[H]{
		index: c.built, serverInfo: c.opt.ServerInfo, ttlMs: c.opt.TTLMs,
		cacheScope: c.opt.CacheScope,
	}
	c.snapshot.Store(s)
	return s
}

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
		return append(dst, c.page(s, v, start, &pages[start/c.opt.PageSize])...), nil // Fast path.
	}
	return c.appendPage(dst, s, v, start), nil
}

// pages are the places of a revision's encoded pages.
func (c *Catalogue[H]) pages(s *snapshot[H], v Version) []atomic.Pointer[[]byte] {
	if pages := s.pages[v].Load(); pages != nil {
		return *pages
	}
	pages := make([]atomic.Pointer[[]byte], max(1, (len(s.sorted)+c.opt.PageSize-1)/c.opt.PageSize))
	if s.pages[v].CompareAndSwap(nil, &pages) {
		return pages
	}
	return *s.pages[v].Load()
}

// page is one encoded page. Two loops that want it first both encode it.
func (c *Catalogue[H]) page(
	s *snapshot[H], v Version, start int, at *atomic.Pointer[[]byte],
) []byte {
	if page := at.Load(); page != nil {
		return *page
	}
	c.asked[v].Store(true)
	page := c.appendPage(nil, s, v, start)
	at.Store(&page)
	return page
}

func (c *Catalogue[H]) appendPage(dst []byte, s *snapshot[H], v Version, start int) []byte {
	end := min(start+c.opt.PageSize, len(s.sorted))
	dst = slices.Grow(dst, s.size(v, start, end))
	dst = append(dst, `{"`...)
	dst = append(dst, c.opt.Member...)
	dst = append(dst, `":[`...)
	for i, e := range s.sorted[start:end] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = codec.AppendString(append(dst, e.shown.head...), e.Name)
		dst = append(dst, e.shown.rest[v]...)
	}
	dst = append(dst, ']')
	if end < len(s.sorted) {
		dst = append(dst, `,"nextCursor":"`...)
		dst = base64.RawURLEncoding.AppendEncode(dst, []byte(c.opt.Member+":"+s.sorted[end-1].Name))
		dst = append(dst, '"')
	}
	if v.Modern() {
		dst = append(dst, ',')
		dst = AppendCaching(dst, s.ttlMs, s.cacheScope)
		dst = append(dst, ',')
		dst = AppendMeta(dst, "complete", s.serverInfo)
	}
	return append(dst, '}')
}

// size is about how many bytes a page has.
func (x *index[H]) size(v Version, start, end int) int {
	n := 512
	for _, e := range x.sorted[start:end] {
		n += len(e.shown.head) + len(e.Name) + len(e.shown.rest[v]) + 3
	}
	return n
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
	at, found := slices.BinarySearchFunc(s.sorted, string(name), compareName[H])
	if found {
		at++
	}
	return at, nil
}
