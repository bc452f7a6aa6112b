package codec

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Hot path: no allocation, no lock, no log, no time.Now.

// One byte, eight times. They are variables because the compiler would build a constant of this
// size anew wherever it is used; nobody writes them.
var (
	ones   uint64 = 0x0101010101010101
	highs  uint64 = 0x80 * 0x0101010101010101
	slants uint64 = '\\' * 0x0101010101010101
	flips  uint64 = 2 * 0x0101010101010101
	zeros  uint64 = '0' * 0x0101010101010101
	nines  uint64 = (0x7f - 9) * 0x0101010101010101   // what lifts all above nine to a high bit
	plains uint64 = ('\x1f' + 2) * 0x0101010101010101 // one above the control characters; see marks
)

// marks sets the high bit of each byte of x that ends or interrupts the plain part of a string:
// a quote, a backslash, a control character, or a byte beyond ASCII. Only the lowest mark is
// exact, and that is the one that counts: a byte below the one subtracted from it borrows and
// so shows its high bit, and a borrow can only spoil bytes above one that is marked already.
//
// Flipping bit 1 keeps the control characters together, below ' ', and puts the quote (0x22) at
// ' ': one comparison finds both (an idea of D. Lemire).
func marks(x uint64) uint64 {
	return (x | ((x ^ flips) - plains) | ((x ^ slants) - ones)) & highs
}

// special returns the index of the first byte from s[i] on that marks would mark, or len(s).
func special[S string | []byte](s S, i int) int {
	for ; i <= len(s)-8; i += 8 {
		w := s[i:][:8] // the compiler makes one load of the eight
		x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
			uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
		if found := marks(x); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for i < len(s) {
		if c := s[i]; c == '"' || c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			break
		}
		i++
	}
	return i
}

// skipString passes the string whose first byte behind the quote is b[i]. It returns the
// index behind the closing quote, or -1, and whether there was an escape in it.
func skipString(b []byte, i int) (end int, escaped bool) {
	// Fast path: special's loop again, without the call, for a plain string.
	for i <= len(b)-8 { // written so, with [:8], for the least of bounds checks
		if found := marks(binary.LittleEndian.Uint64(b[i:][:8])); found != 0 {
			i += bits.TrailingZeros64(found) >> 3
			if uint(i) < uint(len(b)) && b[i] == '"' {
				return i + 1, false
			}
			break
		}
		i += 8
	}
	return skipSpecial(b, special(b, i))
}

// skipSpecial is the slow path of skipString, from the first special byte on.
func skipSpecial(b []byte, i int) (end int, escaped bool) {
	for uint(i) < uint(len(b)) {
		switch c := b[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			escaped = true
			i = skipEscape(b, i+1)
		case c >= utf8.RuneSelf:
			i = skipRunes(b, i)
		default:
			return -1, escaped // a raw control character
		}
		if i < 0 {
			return -1, escaped
		}
		if uint(i) < uint(len(b)) && b[i] != '\\' && b[i] != '"' {
			i = special(b, i)
		}
	}
	return -1, escaped
}

// skipEscape passes what follows a backslash. A lone surrogate passes: RFC 8259 allows it.
func skipEscape(b []byte, i int) int {
	if uint(i) >= uint(len(b)) {
		return -1
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if _, ok := hex4(b, i+1); ok {
			return i + 5
		}
	}
	return -1
}

// hex4 reads four hexadecimal digits at b[i].
func hex4(b []byte, i int) (rune, bool) {
	if i < 0 || i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skipRunes passes a run of characters beyond ASCII, or returns -1 when one is not UTF-8.
func skipRunes(b []byte, i int) int {
	for uint(i) < uint(len(b)) && b[i] >= utf8.RuneSelf {
		// Fast path: three bytes with no second byte that is forbidden (0xe0, 0xed).
		if c := b[i]; c > 0xe0 && c < 0xed && i+2 < len(b) && b[i+1]>>6 == 2 && b[i+2]>>6 == 2 {
			i += 3
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return -1
		}
		i += size
	}
	return i
}

// UnquoteString appends the decoded content of raw, a JSON string with its quotes, to dst.
// Half a surrogate pair becomes U+FFFD. It returns false, and dst as it was, when raw is not
// a well-formed string.
func UnquoteString(dst, raw []byte) ([]byte, bool) {
	before := len(dst)
	if len(raw) < 2 || raw[0] != '"' {
		return dst, false
	}
	for i := 1; ; {
		from := i
		for i = special(raw, i); uint(i) < uint(len(raw)) && raw[i] >= utf8.RuneSelf; {
			if i = skipRunes(raw, i); i < 0 {
				return dst[:before], false
			}
			i = special(raw, i)
		}
		dst = append(dst, raw[from:i]...)
		switch {
		case i == len(raw)-1 && raw[i] == '"':
			return dst, true
		case i >= len(raw) || raw[i] != '\\':
			return dst[:before], false
		}
		if dst, i = appendEscape(dst, raw, i+1); i < 0 {
			return dst[:before], false
		}
	}
}

// appendEscape decodes what follows a backslash and returns the index behind it, or -1.
func appendEscape(dst, raw []byte, i int) ([]byte, int) {
	if i >= len(raw) {
		return dst, -1
	}
	switch c := raw[i]; c {
	case '"', '\\', '/':
		return append(dst, c), i + 1
	case 'b':
		return append(dst, '\b'), i + 1
	case 'f':
		return append(dst, '\f'), i + 1
	case 'n':
		return append(dst, '\n'), i + 1
	case 'r':
		return append(dst, '\r'), i + 1
	case 't':
		return append(dst, '\t'), i + 1
	case 'u':
		return appendUnicode(dst, raw, i+1)
	}
	return dst, -1
}

// appendUnicode decodes the four digits behind \u, and those of the other half of a pair.
func appendUnicode(dst, raw []byte, i int) ([]byte, int) {
	r, ok := hex4(raw, i)
	if !ok {
		return dst, -1
	}
	i += 4
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), i
	}
	if i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
		low, _ := hex4(raw, i+2)
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return utf8.AppendRune(dst, pair), i + 6
		}
	}
	return utf8.AppendRune(dst, utf8.RuneError), i
}

// StringContent returns the decoded content of raw, a JSON string with its quotes: a view into
// raw when it holds no escape, else a copy. It returns false when raw is no string.
func StringContent(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	// Fast path: no escape.
	if end, escaped := skipString(raw, 1); end != len(raw) {
		return nil, false
	} else if !escaped {
		return raw[1 : end-1 : end-1], true
	}
	return UnquoteString(make([]byte, 0, len(raw)), raw)
}
