package schema

// Hot path: no allocation, no lock, no log, no time.Now.

import (
	"math"

	"github.com/mcploop/mcploop/codec"
)

// setUsual finds what conforms to n at first sight, when all of n is known.
func (n *node) setUsual() {
	n.usual = usualRule{bytes: -1, low: 1}
	if n.more != nil {
		return
	}
	// A code point has one byte at least, written with escapes or not.
	if t := n.text; n.types&kindString != 0 && t == nil {
		n.usual.bytes = unlimited
	} else if n.types&kindString != 0 && t.pattern == nil && t.min == 0 {
		n.usual.bytes = t.max
	}
	if r := n.number; n.types&kindNumber != 0 && r == nil {
		n.usual.low, n.usual.high = math.MinInt64, math.MaxInt64
	} else if n.types&kindNumber != 0 {
		n.usual.low, n.usual.high = r.low, r.high
	}
	n.usual.flag = n.types&kindBool != 0
	n.usual.members = n.types&kindObject != 0 && !n.object.countsCheck &&
		len(n.object.props) <= usualProperties
}

// usualProperties bounds a search by comparison.
const usualProperties = 8

// conforms tells at first sight that an object of these members conforms: each comes once, and is
// declared and a plain scalar, or need not be declared. It looks at no byte that the scanner has
// looked at, but for names and numbers. When it cannot tell it says false, and the walk has the
// word.
func (n *node) conforms(members []codec.Member, folded bool) bool {
	if !n.usual.members {
		return false
	}
	o := n.object
	var seen uint64
	at := 0 // clients mostly write members in the order of the schema
	for k := range members {
		m := &members[k]
		if at >= len(o.props) || o.props[at].name != string(m.Key) {
			if at = o.named(m.Key); at < 0 {
				open := !o.closed && o.rest == nil && (!folded || len(o.props) == 0)
				if !open || repeats(members[:k], m.Key) {
					return false
				}
				at = 0
				continue
			}
		}
		bit := uint64(1) << (at & (propertiesMax - 1))
		child := o.props[at].node
		if seen&bit != 0 || child != nil && !child.usual.admits(m.Value) {
			return false
		}
		seen |= bit
		at++
	}
	return o.required&^seen == 0
}

// named finds the property of that name, which was written without escapes, or -1.
func (o *objectRule) named(name []byte) int {
	for at := range o.props {
		if o.props[at].name == string(name) {
			return at
		}
	}
	return -1
}

func repeats(members []codec.Member, name []byte) bool {
	for i := range members {
		if string(members[i].Key) == string(name) {
			return true
		}
	}
	return false
}

// admits tells that raw conforms at first sight.
func (u *usualRule) admits(raw []byte) bool {
	if raw[0] == '"' {
		return len(raw)-len(`""`) <= u.bytes
	}
	switch raw[0] {
	case 't', 'f':
		return u.flag
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return u.integer(raw, 0) > 0
	}
	return false
}

// integer passes the number at b[i] when it conforms at first sight: a whole number of few digits,
// without fraction or exponent. It returns 0 for the common way.
func (u *usualRule) integer(b []byte, i int) (end int) {
	end = i
	if b[i] == '-' {
		end++
	}
	var v int64
	for from := end; end < len(b) && b[end]-'0' <= 9; end++ {
		if end-from == decimalDigits {
			return 0
		}
		v = v*10 + int64(b[end]-'0')
	}
	if end < len(b) && (b[end] == '.' || b[end]|0x20 == 'e') {
		return 0
	}
	if b[i] == '-' {
		v = -v
	}
	if v < u.low || v > u.high {
		return 0
	}
	return end
}
