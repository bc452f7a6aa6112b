package schema

import (
	"bytes"
	"regexp"
)

// kinds is a set of JSON types.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject

	kindAny = kindNull | kindBool | kindNumber | kindString | kindArray | kindObject
)

// node is one compiled subschema. Children that are nil accept everything.
type node struct {
	types  kinds
	usual  usualRule
	object *objectRule // never nil
	array  *arrayRule
	text   *textRule
	number *numberRule
	more   *moreRule
	source map[string]any // the subschema, for faults; nil for false
}

// usualRule is what conforms at first sight.
type usualRule struct {
	bytes     int   // strings of up to so many bytes between the quotes; -1: none
	low, high int64 // whole numbers from low to high; 1, 0: none
	flag      bool  // true and false
	members   bool  // objects: their members decide, each for itself
}

type objectRule struct {
	props       []property // declared or required, at most 64
	byName      map[string]int
	required    uint64 // bits of props
	rest        *node  // additionalProperties
	closed      bool   // additionalProperties: false
	min, max    int
	countsCheck bool // min or max is set
}

type property struct {
	name    string
	folded  []byte // name, to be compared without case
	literal string // how it is mostly written: with quotes and colon; "" when it needs escapes
	node    *node
}

type arrayRule struct {
	prefix   []*node
	items    *node
	min, max int
	unique   bool
}

type textRule struct {
	min, max int // code points
	pattern  *regexp.Regexp
	cost     int // of the pattern, for each 64 bytes of text
}

type numberRule struct {
	whole              bool
	min, max           bound
	above, below       bound
	multiple           bound
	ranged, multiplied bool  // one of the first four, multiple
	low, high          int64 // whole numbers in low..high conform
}

// moreRule holds what is checked after a value's own type.
type moreRule struct {
	refs      []*node // the target of $ref
	all       []*node
	anyOf     []*node
	oneOf     []*node
	not       *node // nil, as the next three: accepts everything
	cond      *node
	then, alt *node
	enum      []constant
	texts     map[string]bool // the strings of a long enum, which has the rest
	constant  []constant      // one, or none
	members   *memberRule     // of objects
	contains  *containsRule   // of arrays
	hasEnum   bool
	hasNot    bool
	hasIf     bool
}

// constant is one value of enum, or const's.
type constant struct {
	raw  []byte
	text []byte // of a string
}

func (c *constant) is(raw []byte) bool {
	if c.text == nil || raw[0] != '"' {
		return equal(c.raw, raw)
	}
	// Fast path: a string without escapes.
	if bytes.IndexByte(raw, '\\') < 0 {
		return bytes.Equal(c.text, raw[1:len(raw)-1])
	}
	return bytes.Equal(c.text, content(raw))
}

// never is the schema false.
func never() *node {
	n := &node{object: &objectRule{}}
	n.setUsual()
	return n
}
