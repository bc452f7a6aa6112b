// Hot path: no allocation, no lock, no log.

package load

import "bytes"

// Ids and connection numbers are printed in fixed width, so that every message of a run has
// the same length and differs only in known places.
const (
	idDigits   = 8
	connDigits = 5
	partDigits = 2
	idFirst    = 10_000_000
	idCount    = 90_000_000
	idSpread   = 9_000_000 // connections begin within the first so many
	idStride   = 7919      // ids between two neighbours, roughly
)

// idBlank, connBlank and partBlank stand in a text where the digits go; JSON never contains them.
var (
	idBlank   = bytes.Repeat([]byte{1}, idDigits)
	connBlank = bytes.Repeat([]byte{2}, connDigits)
	partBlank = bytes.Repeat([]byte{3}, partDigits)
)

// partWord in a tool's name stands for the number of the part that a connection belongs to.
const partWord = "{part}"

// numbers are a connection's number and, of Options.Parts, the one that it belongs to.
type numbers struct {
	conn [connDigits]byte
	part [partDigits]byte
}

// put makes n those of connection i.
func (n *numbers) put(i uint32, parts int) {
	putDigits(n.conn[:], i)
	putDigits(n.part[:], i%uint32(max(1, parts))) //nolint:gosec // it is validated
}

// blankNumbers are those of no connection.
func blankNumbers() *numbers {
	return &numbers{[connDigits]byte(connBlank), [partDigits]byte(partBlank)}
}

// frame is a message with blanks for the id and the connection number.
type frame struct {
	b     []byte // the message; the blanks hold whatever was filled in last
	ids   []int  // where ids go
	conns []int  // where connection numbers go
	parts []int  // where numbers of parts go
}

// newFrame takes text over and finds its blanks.
func newFrame(text []byte) frame {
	f := frame{b: text}
	f.ids = places(text, idBlank)
	f.conns = places(text, connBlank)
	f.parts = places(text, partBlank)
	return f
}

func places(text, what []byte) []int {
	var at []int
	for from := 0; ; {
		i := bytes.Index(text[from:], what)
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(what)
	}
}

// fill writes the digits into the blanks and returns the message, valid until the next fill.
func (f *frame) fill(n *numbers, id *[idDigits]byte) []byte {
	for _, at := range f.ids {
		copy(f.b[at:], id[:])
	}
	for _, at := range f.conns {
		copy(f.b[at:], n.conn[:])
	}
	for _, at := range f.parts {
		copy(f.b[at:], n.part[:])
	}
	return f.b
}

// putDigits prints v in decimal into all of dst, with leading zeros.
func putDigits(dst []byte, v uint32) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + v%10)
		v /= 10
	}
}

// digits reads the first idDigits bytes of b as a number.
func digits(b []byte) (uint32, bool) {
	if len(b) < idDigits {
		return 0, false
	}
	var v uint32
	for _, c := range b[:idDigits] {
		d := uint32(c - '0')
		if d > 9 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}
