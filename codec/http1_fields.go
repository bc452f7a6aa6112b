// Hot path: no allocation, no lock, no log, no time.Now.

package codec

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Header is one header line. Both are views into the buffer the head was parsed from, and
// valid as long as that buffer; Value has no space or tab around it.
type Header struct{ Name, Value []byte }

// The classes of octets that HTTP's grammar tells apart.
const (
	classToken  = 1 << iota // RFC 9110 tchar
	classTarget             // RFC 3986 characters of path and query, without % and ?
	classHost               // a name or an IPv4 address, without the port's colon
	classHex
)

var octets = func() (class [256]uint8) {
	const alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark := func(set string, bit uint8) {
		for i := range len(set) {
			class[set[i]] |= bit
		}
	}
	mark(alnum+"!#$%&'*+-.^_`|~", classToken)
	mark(alnum+"-._~!$&'()*+,;=:@/", classTarget)
	mark(alnum+"-._", classHost)
	mark("0123456789abcdefABCDEF", classHex)
	return class
}()

// nextHeader makes room for one more header; what was there before is still in it.
func nextHeader(headers *[]Header) *Header {
	n := len(*headers)
	if n == cap(*headers) {
		*headers = append(*headers, Header{})
	}
	*headers = (*headers)[:n+1]
	return &(*headers)[n]
}

// nextControl returns the index of the first control character at or after i, len(b) when
// there is none. A tab is not one: header values may hold it.
func nextControl(b []byte, i int) int {
	// Fast path: most lines are longer than a block.
	for s := b[i:]; len(s) >= 32; s = b[i:] {
		w0 := controls(binary.LittleEndian.Uint64(s))
		w1 := controls(binary.LittleEndian.Uint64(s[8:]))
		w2 := controls(binary.LittleEndian.Uint64(s[16:]))
		w3 := controls(binary.LittleEndian.Uint64(s[24:]))
		if (w0|w1|w2|w3)&highBits == 0 {
			i += 32
			continue
		}
		i += firstFlag(w0&highBits, w1&highBits, w2&highBits, w3&highBits)
		if b[i] != '\t' {
			return i
		}
		i++
	}
	for ; i < len(b); i++ {
		if c := b[i]; (c < ' ' && c != '\t') || c == 0x7f {
			return i
		}
	}
	return i
}

const highBits = 0x8080808080808080

// controls sets the high bit of every octet of w that is below 0x20 or 0x7f. Without the high
// bits no addition carries into the next octet; the other bits of the result mean nothing.
func controls(w uint64) uint64 {
	const ones = 0x0101010101010101
	low := w &^ highBits
	return (low + ones | ^(low + 0x60*ones)) &^ w
}

// firstFlag returns the index of the first octet with its high bit set, of four words.
func firstFlag(w0, w1, w2, w3 uint64) int {
	switch {
	case w0 != 0:
		return bits.TrailingZeros64(w0) >> 3
	case w1 != 0:
		return 8 + bits.TrailingZeros64(w1)>>3
	case w2 != 0:
		return 16 + bits.TrailingZeros64(w2)>>3
	}
	return 24 + bits.TrailingZeros64(w3)>>3
}

// lineEnd returns the index of the CRLF that ends the line at i. It is -1 when more bytes are
// needed, and any control character that is not part of that CRLF is a refusal.
func lineEnd(b []byte, i int) (int, *HTTPError) {
	// Fast path: a line of less than 32 bytes with its CRLF in the block.
	if s := b[i:]; len(s) > 32 {
		w0 := controls(binary.LittleEndian.Uint64(s)) & highBits
		w1 := controls(binary.LittleEndian.Uint64(s[8:])) & highBits
		w2 := controls(binary.LittleEndian.Uint64(s[16:])) & highBits
		w3 := controls(binary.LittleEndian.Uint64(s[24:])) & highBits
		if w0|w1|w2|w3 != 0 {
			if n := firstFlag(w0, w1, w2, w3); s[n] == '\r' && s[n+1] == '\n' {
				return i + n, nil
			}
		} else {
			i += 32
		}
	}
	i = nextControl(b, i)
	switch {
	case i == len(b):
		return -1, nil
	case b[i] == '\n':
		return 0, refuseBareLF
	case b[i] != '\r':
		return 0, refuseControl
	case i+1 == len(b):
		return -1, nil
	case b[i+1] != '\n':
		return 0, refuseBareCR
	}
	return i, nil
}

// splitField cuts one header line, which has no control characters but tabs. A known name
// needs no look at its octets: the comparison was one.
func splitField(line []byte, h *Header) (known, *HTTPError) {
	i := nameEnd(line)
	if i <= 0 {
		return knownNone, badField(line)
	}
	name := line[:i]
	id := knownName(name)
	if id == knownNone && tokenLength(name) != i {
		return knownNone, badField(line)
	}
	h.Name, h.Value = name, trimSpace(line[i+1:])
	return id, nil
}

// nameEnd returns the index of the first colon, -1 when there is none. Names are short, so this
// beats a call of bytes.IndexByte.
func nameEnd(b []byte) int {
	const ones = 0x0101010101010101
	i := 0
	for s := b; len(s) >= 8; s = s[8:] {
		w := binary.LittleEndian.Uint64(s) ^ ':'*ones
		if hit := (w - ones) &^ w & highBits; hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
		i += 8
	}
	for ; i < len(b); i++ {
		if b[i] == ':' {
			return i
		}
	}
	return -1
}

func badField(line []byte) *HTTPError {
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		return refuseFold
	}
	return refuseFieldName
}

func tokenLength(b []byte) int {
	n := 0
	for n < len(b) && octets[b[n]]&classToken != 0 {
		n++
	}
	return n
}

// trimSpace cuts spaces and tabs off both ends. The result is never nil.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// sameFold reports whether b is lower, letters of b in any case; lower must be in lower case.
func sameFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// nextElement cuts the first element off a comma-separated list. Elements may be empty.
func nextElement(list []byte) (element, rest []byte) {
	if i := bytes.IndexByte(list, ','); i >= 0 {
		return trimSpace(list[:i]), list[i+1:]
	}
	return trimSpace(list), nil
}

// decimal reads digits only: no sign, no space, no list, nothing above 2^63-1.
func decimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		// 18 digits cannot overflow; leading zeros beyond that help nobody.
		return 0, false
	}
	var v int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}
