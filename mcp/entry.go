package mcp

import (
	"bytes"
	"fmt"
)

// Entry is one definition with its handler. It is immutable.
type Entry[H any] struct {
	Name    string // what it is looked up by: a name, a URI or a URI template
	Handler H
	shown   *shown
}

// shown is a definition as each revision knows it, less the value of its first member, which names
// it: under several names it is held once.
type shown struct {
	head string // `{"name":` or its like
	rest [versionCount][]byte
}

func (s *shown) equal(other *shown) bool {
	if s == other {
		return true
	}
	for v := range s.rest {
		if !bytes.Equal(s.rest[v], other.rest[v]) {
			return false
		}
	}
	return s.head == other.head
}

// NewEntry encodes a definition for every revision. d must not be changed afterwards.
func NewEntry[H any](d Definition, handler H) (*Entry[H], error) {
	name, err := d.key()
	if err != nil {
		return nil, err
	}
	e := &Entry[H]{Name: name, Handler: handler, shown: &shown{}}
	for v := V20241105; v < versionCount; v++ {
		raw, err := d.encode(v)
		if err != nil {
			return nil, fmt.Errorf("cannot encode the definition of %q: %w", name, err)
		}
		head, rest := splitName(raw)
		if e.shown.rest[v] = e.shown.rest[v-1]; !bytes.Equal(rest, e.shown.rest[v]) {
			e.shown.rest[v] = bytes.Clone(rest) // most look the same in most revisions
		}
		if e.shown.head == "" {
			e.shown.head = string(head) // the same in all of them
		}
	}
	return e, nil
}

// Named is the same under another name, for a catalogue of its own. Both share what is encoded.
func (e *Entry[H]) Named(name string) *Entry[H] {
	return &Entry[H]{Name: name, Handler: e.Handler, shown: e.shown}
}

// splitName returns what stands before and behind the value of a definition's first member, the
// string that names it.
func splitName(raw []byte) (head, rest []byte) {
	at := bytes.IndexByte(raw, ':') + 1
	for i := at + 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return raw[:at], raw[i+1:]
		}
	}
	panic(fmt.Sprintf("BUG: %.64q does not begin with a name", raw))
}
