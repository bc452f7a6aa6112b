package codec

import (
	"encoding/binary"
	"math/bits"
)

// Hot path: no allocation, no lock, no log, no time.Now.
//
// The functions below take the index of a token's first byte and return the index behind it,
// or -1 when the token is not well-formed. They pass on -1 that they are given: a comparison
// as uint sorts it out together with the end of b, and lets the compiler drop its own check.

// value passes the JSON value at b[i]; depth is the number of containers open around it.
func (s *Scanner) value(b []byte, i, depth int) int {
	if uint(i) >= uint(len(b)) {
		return -1
	}
	switch b[i] {
	case '"':
		end, _ := skipString(b, i+1)
		return end
	case '{', '[':
		return s.container(b, i, depth)
	}
	return scalar(b, i)
}

// container passes the object or array at b[i], with all that is in it. It does not recurse:
// depth costs one bit for each level, in s.objects.
func (s *Scanner) container(b []byte, i, floor int) int {
	depth, object := floor, false
	for uint(i) < uint(len(b)) {
		switch c := b[i]; c {
		case '"':
			i, _ = skipString(b, i+1)
		case '{', '[':
			if depth++; depth > s.depthMax {
				return -1
			}
			object = c == '{'
			s.note(depth, object)
			i = space(b, i+1)
			if uint(i) >= uint(len(b)) {
				return -1
			}
			if b[i] != c+2 { // '}' is '{'+2, ']' is '['+2
				if object {
					i = pastKey(b, i)
				}
				continue
			}
		default:
			i = scalar(b, i)
		}
		// A value has ended, or b[i] closes an empty container.
		for {
			i = space(b, i)
			if uint(i) >= uint(len(b)) {
				return -1
			}
			if b[i] == ',' {
				i = space(b, i+1)
				if object {
					i = pastKey(b, i)
				}
				break
			}
			if object && b[i] != '}' || !object && b[i] != ']' {
				return -1
			}
			i++
			if depth--; depth == floor {
				return i
			}
			object = s.objects[uint(depth)/64%uint(len(s.objects))]>>(uint(depth)%64)&1 != 0
		}
	}
	return -1
}

// note remembers whether the container just opened at depth is an object.
func (s *Scanner) note(depth int, object bool) {
	word, bit := uint(depth)/64%uint(len(s.objects)), uint64(1)<<(uint(depth)%64)
	if object {
		s.objects[word] |= bit
	} else {
		s.objects[word] &^= bit
	}
}

// pastKey passes a member's key and colon and the white space around them.
func pastKey(b []byte, i int) int {
	if uint(i) >= uint(len(b)) || b[i] != '"' {
		return -1
	}
	if end := shortKey(b, i+1); end > 0 { // Fast path.
		return end
	}
	i, _ = skipString(b, i+1)
	return pastColon(b, i)
}

// shortKey passes a key whose first byte behind the quote is b[i], its closing quote and its colon,
// when it has up to 7 plain characters and no white space follows, as nearly every key of MCP. It
// returns the index of the value, which is inside b, or 0 for the common way.
func shortKey(b []byte, i int) int {
	if i > len(b)-10 {
		return 0
	}
	found := marks(binary.LittleEndian.Uint64(b[i:][:8]))
	if found == 0 {
		return 0
	}
	end := i + bits.TrailingZeros64(found)>>3
	if end <= len(b)-3 && b[end:][0] == '"' && b[end:][1] == ':' && b[end:][2] > ' ' {
		return end + 2
	}
	return 0
}

// pastColon passes the colon at or behind b[i]; the index it returns is inside b, or -1.
func pastColon(b []byte, i int) int {
	// Fast path: compact JSON.
	if i >= 0 && i+1 < len(b) && b[i] == ':' && b[i+1] > ' ' {
		return i + 1
	}
	return pastSpacedColon(b, i)
}

func pastSpacedColon(b []byte, i int) int {
	i = space(b, i)
	if uint(i) >= uint(len(b)) || b[i] != ':' {
		return -1
	}
	i = space(b, i+1)
	if uint(i) >= uint(len(b)) {
		return -1
	}
	return i
}

// space passes white space; unlike the others it may return len(b).
func space(b []byte, i int) int {
	// Fast path: compact JSON.
	if uint(i) < uint(len(b)) && b[i] > ' ' {
		return i
	}
	return spaceRun(b, i)
}

func spaceRun(b []byte, i int) int {
	for uint(i) < uint(len(b)) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// scalar passes a number or one of the three words; b[i] exists.
func scalar(b []byte, i int) int {
	switch b[i] {
	case 't':
		return word(b, i, "true")
	case 'f':
		return word(b, i, "false")
	case 'n':
		return word(b, i, "null")
	}
	return number(b, i)
}

func word(b []byte, i int, w string) int {
	end := i + len(w)
	if end > len(b) || string(b[i:end]) != w {
		return -1
	}
	return end
}

// number passes a number; what may follow it is the caller's business.
func number(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	if uint(i) >= uint(len(b)) {
		return -1
	}
	switch c := b[i]; {
	case c == '0':
		i++
	case c >= '1' && c <= '9':
		i = digits(b, i+1)
	default:
		return -1
	}
	if uint(i) < uint(len(b)) && b[i] == '.' {
		from := i + 1
		if i = digits(b, from); i == from {
			return -1
		}
	}
	if uint(i) < uint(len(b)) && b[i]|0x20 == 'e' {
		return exponent(b, i+1)
	}
	return i
}

func exponent(b []byte, i int) int {
	if uint(i) < uint(len(b)) && (b[i] == '+' || b[i] == '-') {
		i++
	}
	end := digits(b, i)
	if end == i {
		return -1
	}
	return end
}

func digits(b []byte, i int) int {
	for uint(i) < uint(len(b)) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
