package schema

// Hot path: no allocation, no lock, no log, no time.Now.

import (
	"bytes"

	"github.com/mcploop/mcploop/codec"
)

// run is one check: a walk over b with the nodes of the schema.
//
// Its methods take the index of a value's first byte and return the index behind the value, or -1
// when it does not conform; then the note says why.
type run struct {
	b        []byte
	folded   bool
	aborted  bool // no other branch of the schema can make it good
	steps    int  // left
	matching int  // left of what patterns may take
	depth    int
	choices  int // anyOf and the like that are open
	note     note
	lent     *scratch
}

// Bounds of one check. A schema without anyOf and the like looks at each value once, and a value
// has at least one byte, so only branches upon branches get to the end of the steps.
const (
	stepsFree    = 1 << 16
	stepsPerByte = 16
	stepsHeavy   = 1 << 21 // at most, for a schema that could take them all
	depthMax     = 2000
)

func check(root *node, raw []byte, folded bool, steps int) error {
	r := run{b: raw, folded: folded, steps: steps, matching: patternSteps(len(raw))}
	end := r.value(root, codec.SkipSpace(raw, 0))
	if r.lent != nil {
		giveBack(r.lent)
	}
	if end < 0 {
		return r.note.fault(raw)
	}
	return nil
}

// value checks the value at b[i].
func (r *run) value(n *node, i int) int {
	if n == nil {
		return codec.SkipValue(r.b, i)
	}
	if r.steps--; r.steps < 0 {
		return r.abort(n, noteSteps, i)
	}
	var end int
	kind := kindNumber
	switch r.b[i] {
	case '"':
		var escaped bool
		end, escaped = codec.SkipString(r.b, i+1)
		if n.types&kindString == 0 || n.text != nil && !r.text(n, i, end, escaped) {
			return r.mistyped(n, kindString, i)
		}
		kind = kindString
	case '{':
		if n.types&kindObject == 0 {
			return r.mistyped(n, kindObject, i)
		}
		end, kind = r.object(n, i), kindObject
	case '[':
		if n.types&kindArray == 0 {
			return r.mistyped(n, kindArray, i)
		}
		end, kind = r.array(n, i), kindArray
	case 't':
		end, kind = i+len("true"), kindBool
	case 'f':
		end, kind = i+len("false"), kindBool
	case 'n':
		end, kind = i+len("null"), kindNull
	default:
		if end = n.usual.integer(r.b, i); end > 0 { // Fast path.
			break
		}
		end = numberEnd(r.b, i)
		if n.types&kindNumber != 0 && n.number != nil && !r.number(n, i, end) {
			return -1
		}
	}
	if n.types&kind == 0 {
		return r.mistyped(n, kind, i)
	}
	if n.more != nil && end > 0 {
		return r.more(n, i, end)
	}
	return end
}

// mistyped refuses a value of that kind, unless it is of a right one and refused already.
func (r *run) mistyped(n *node, kind kinds, i int) int {
	if n.types&kind != 0 {
		return -1
	}
	return r.refuse(n, "type", i)
}

func numberEnd(b []byte, i int) int {
	for i < len(b) {
		switch c := b[i]; {
		case c-'0' <= 9, c == '-', c == '.', c == '+', c|0x20 == 'e':
			i++
		default:
			return i
		}
	}
	return i
}

// inObject is how far the check of an object has come.
type inObject struct {
	start  int
	seen   uint64 // bits of the properties that came
	count  int    // of members
	likely int    // the property that is expected next
}

// object checks the object at b[i].
func (r *run) object(n *node, i int) int {
	if r.depth++; r.depth > depthMax {
		return r.abort(n, noteDepth, i)
	}
	b, o, in := r.b, n.object, inObject{start: i}
	// Fast path: declared members alone, written as usual.
	for i = codec.SkipSpace(b, i+1); b[i] != '}'; in.count++ {
		at, from := o.usual(b, i, in.likely)
		bit := uint64(1) << (at & (propertiesMax - 1))
		if at < 0 || in.seen&bit != 0 {
			return r.members(n, in, i)
		}
		in.seen |= bit
		in.likely = at + 1
		end := r.value(o.props[at].node, from)
		if end < 0 {
			return r.badMember(n, in.start, i)
		}
		i = codec.SkipSpace(b, end)
		if b[i] == ',' {
			i = codec.SkipSpace(b, i+1)
		}
	}
	return r.closeObject(n, &in, i)
}

// members checks the members from b[i] on, which may be any.
func (r *run) members(n *node, in inObject, i int) int {
	b, o := r.b, n.object
	var others names
	for ; b[i] != '}'; in.count++ {
		at, from := r.key(o, i, &others)
		if at == keyRefused {
			return r.refuseMember(n, others.fault, "", in.start, i)
		}
		child := o.rest
		if at >= 0 {
			bit := uint64(1) << (at & (propertiesMax - 1))
			if in.seen&bit != 0 {
				return r.refuseMember(n, noteTwice, "", in.start, i)
			}
			in.seen |= bit
			child = o.props[at].node
		}
		if o.closed && child == o.rest {
			return r.refuseMember(n, noteMember, "additionalProperties", in.start, i)
		}
		end := r.value(child, from)
		if end < 0 {
			return r.badMember(n, in.start, i)
		}
		i = next(b, end)
	}
	if others.many && !r.distinctKeys(in.start, in.count) {
		return r.refuseMember(n, noteTwice, "", in.start, r.note.key)
	}
	return r.closeObject(n, &in, i)
}

// badMember refuses the object at b[start], since the value of the key at b[key] does not conform.
// Where another branch of the schema may accept it, that must hold for every decoder: the name
// must not come again.
func (r *run) badMember(n *node, start, key int) int {
	if r.choices == 0 || r.aborted {
		return -1
	}
	b, name := r.b, keyAt(r.b, key)
	for i := codec.SkipSpace(b, start+1); b[i] != '}'; {
		end, _ := codec.SkipString(b, i+1)
		if other := content(b[i:end]); i != key {
			if bytes.Equal(other, name) {
				return r.refuseMember(n, noteTwice, "", start, i)
			}
			if r.folded && bytes.EqualFold(other, name) && foldsToAny(n.object, other) {
				return r.refuseMember(n, noteFolded, "", start, i)
			}
		}
		last := i
		i = next(b, codec.SkipValue(b, pastColon(b, end)))
		r.steps -= 1 + (i-last)/64
	}
	return -1
}

// closeObject checks what is known at the brace at b[i].
func (r *run) closeObject(n *node, in *inObject, i int) int {
	o := n.object
	if missing := o.required &^ in.seen; missing != 0 {
		return r.refuseMissing(n, missing, in.start)
	}
	if o.countsCheck && (in.count < o.min || in.count > o.max) {
		return r.refuseCount(n, "minProperties", "maxProperties", in.count < o.min, in.start)
	}
	r.depth--
	return i + 1
}

// names are the undeclared members of one object, to find one that comes twice.
type names struct {
	spans [8]struct{ from, to uint32 }
	n     int
	many  bool     // too many, or written with escapes: distinctKeys has to look
	fault noteKind // of what key refused
}

// add notes the name b[from:to], which is in quotes; false when it is there.
func (s *names) add(b []byte, from, to int, escaped bool) bool {
	if escaped || s.n == len(s.spans) {
		s.many = true
		return true
	}
	for k := range s.spans[:s.n] {
		if t := s.spans[k]; string(b[t.from:t.to]) == string(b[from:to]) {
			return false
		}
	}
	s.spans[s.n].from, s.spans[s.n].to = uint32(from), uint32(to)
	s.n++
	return true
}

// usual finds the property whose key is at b[i], when it is written in the usual way and b goes on
// behind it; -1 for the common way. likely is where to look first: clients mostly write members in
// one order. from is where the value begins.
func (o *objectRule) usual(b []byte, i, likely int) (at, from int) {
	for n := 0; n < len(o.props) && n < usualProperties; n++ {
		if likely >= len(o.props) {
			likely = 0
		}
		literal := o.props[likely].literal
		from = i + len(literal)
		if len(literal) > 0 && from < len(b) && string(b[i:from]) == literal && b[from] > ' ' {
			return likely, from
		}
		likely++
	}
	return -1, 0
}

// What key returns for a member that is no property.
const (
	keyUnknown = -1
	keyRefused = -2
)

// key finds the property whose key is at b[i]. One that is not declared goes to others.
func (r *run) key(o *objectRule, i int, others *names) (at, from int) {
	if at, from = o.usual(r.b, i, 0); at >= 0 {
		return at, from
	}
	end, escaped := codec.SkipString(r.b, i+1)
	from = pastColon(r.b, end)
	name := r.b[i+1 : end-1]
	if escaped {
		name = r.unquote(i, end)
	}
	if len(o.props) > 0 {
		if at, ok := o.byName[string(name)]; ok {
			return at, from
		}
		if r.folded && foldsToAny(o, name) {
			others.fault = noteFolded
			return keyRefused, from
		}
	}
	if !o.closed && !others.add(r.b, i, end, escaped) {
		others.fault = noteTwice
		return keyRefused, from
	}
	return keyUnknown, from
}

// unquote is the content of the string b[i:end]; valid until the next call.
func (r *run) unquote(i, end int) []byte {
	s := r.borrow()
	s.text, _ = codec.UnquoteString(s.text[:0], r.b[i:end])
	return s.text
}

func (r *run) borrow() *scratch {
	if r.lent == nil {
		r.lent = scratches.Get().(*scratch)
	}
	return r.lent
}

// array checks the array at b[i].
func (r *run) array(n *node, i int) int {
	a, b, start, count := n.array, r.b, i, 0
	if a == nil {
		return codec.SkipValue(b, i)
	}
	if r.depth++; r.depth > depthMax {
		return r.abort(n, noteDepth, i)
	}
	for i = codec.SkipSpace(b, i+1); b[i] != ']'; count++ {
		child := a.items
		if count < len(a.prefix) {
			child = a.prefix[count]
		}
		end := r.value(child, i)
		if end < 0 {
			return -1
		}
		i = next(b, end)
	}
	if count < a.min || count > a.max {
		return r.refuseCount(n, "minItems", "maxItems", count < a.min, start)
	}
	if a.unique && count > 1 {
		if !r.distinctAll(n, start, i) {
			return -1
		}
		if !r.distinctItems(start, count) {
			return r.refuse(n, "uniqueItems", start)
		}
	}
	r.depth--
	return i + 1
}
