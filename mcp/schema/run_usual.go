package schema

// Hot path: no allocation, no lock, no log, no time.Now.

import "github.com/mcploop/mcploop/codec"

// conforms tells at first sight that raw conforms: an object without spaces whose members are
// declared, in the usual spelling, each once, and are plain scalars. It spares the
// setting up of a run. When it cannot tell it says false, and the walk has the word.
func (n *node) conforms(raw []byte) bool {
	o := n.object
	if len(raw) == 0 || raw[0] != '{' || n.types&kindObject == 0 || n.more != nil || o.countsCheck {
		return false
	}
	var seen uint64
	for i, likely := 0, 0; ; {
		at, from := o.usual(raw, i+1, likely)
		if at < 0 {
			return false
		}
		bit := uint64(1) << (at & (propertiesMax - 1))
		if seen&bit != 0 {
			return false
		}
		seen |= bit
		likely = at + 1
		if i = o.props[at].node.usualScalar(raw, from); i <= 0 || i >= len(raw) {
			return false
		}
		switch raw[i] {
		case ',':
		case '}':
			return o.required&^seen == 0 && i == len(raw)-1
		default:
			return false
		}
	}
}

// usualScalar passes the value at b[i] when it is a string whose bytes fit the length of its rule,
// a small whole number or a boolean. It returns 0 when it cannot tell.
func (n *node) usualScalar(b []byte, i int) (end int) {
	if n == nil || n.more != nil {
		return 0
	}
	switch c := b[i]; {
	case c == '"' && n.types&kindString != 0:
		end, _ = codec.SkipString(b, i+1)
		// Two bytes are quotes; a code point has one byte at least, written with escapes or not.
		if t := n.text; t != nil && (t.pattern != nil || t.min > 0 || end-i-2 > t.max) {
			return 0
		}
	case c == '-', c-'0' <= 9:
		end = n.usualInteger(b, i)
	case c == 't' && n.types&kindBool != 0:
		end = i + len("true")
	case c == 'f' && n.types&kindBool != 0:
		end = i + len("false")
	}
	return end
}
