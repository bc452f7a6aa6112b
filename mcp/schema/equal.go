package schema

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"strconv"
	"sync"

	"github.com/mcploop/mcploop/codec"
)

// Equality of raw JSON values as JSON Schema has it: numbers by value, objects without order.

// seed is random for each process: a peer cannot choose values that collide.
var seed = maphash.MakeSeed()

// scratch is memory of slow paths that is used again.
type scratch struct {
	slots []slot
	text  []byte
}

// slot is the place of a value; a message is shorter than 4 GB.
type slot struct {
	hash     uint32
	from, to uint32 // to 0: free
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// scratchKept bounds what goes back to the pool, in slots.
const scratchKept = 1 << 14

func giveBack(s *scratch) {
	if cap(s.slots) <= scratchKept && cap(s.text) <= scratchKept {
		scratches.Put(s)
	}
}

// table returns an empty table for n entries.
func (s *scratch) table(n int) []slot {
	size := 16
	for size < 2*n {
		size *= 2
	}
	if cap(s.slots) < size {
		s.slots = make([]slot, size)
	}
	s.slots = s.slots[:size]
	clear(s.slots)
	return s.slots
}

// put notes the value b[from:to] in a table; false when an equal one is there.
func put(table []slot, b []byte, hash uint64, from, to int) bool {
	mask := uint64(len(table) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		s := &table[at]
		if s.to == 0 {
			*s = slot{uint32(hash >> 32), uint32(from), uint32(to)}
			return true
		}
		if s.hash == uint32(hash>>32) && equal(b[s.from:s.to], b[from:to]) {
			return false
		}
	}
}

// content is the decoded text of a raw JSON string; a view when it holds no escape.
func content(raw []byte) []byte {
	text, _ := codec.StringContent(raw)
	return text
}

// equal tells whether two raw JSON values are the same value.
func equal(a, b []byte) bool {
	if bytes.Equal(a, b) && a[0] != '{' && a[0] != '[' {
		return true
	}
	switch {
	case a[0] == '"' || b[0] == '"':
		return a[0] == b[0] && bytes.Equal(content(a), content(b))
	case a[0] == '[' || b[0] == '[':
		return a[0] == b[0] && equalArrays(a, b)
	case a[0] == '{' || b[0] == '{':
		return a[0] == b[0] && equalObjects(a, b)
	case a[0] > '9' || b[0] > '9': // words: equal ones are equal bytes
		return false
	}
	return equalNumbers(a, b)
}

func equalNumbers(a, b []byte) bool {
	x, xOK := parseDecimal(a)
	y, yOK := parseDecimal(b)
	if xOK && yOK {
		if order, ok := x.compare(y); ok {
			return order == 0
		}
		return false // more than 18 powers of ten apart, with 18 digits each
	}
	p, pOK := ratOf(a)
	q, qOK := ratOf(b)
	return pOK && qOK && p.Cmp(q) == 0
}

func equalArrays(a, b []byte) bool {
	for i, j := first(a), first(b); ; {
		if a[i] == ']' || b[j] == ']' {
			return a[i] == b[j]
		}
		iEnd, jEnd := codec.SkipValue(a, i), codec.SkipValue(b, j)
		if !equal(a[i:iEnd], b[j:jEnd]) {
			return false
		}
		i, j = next(a, iEnd), next(b, jEnd)
	}
}

// equalObjects: as many members, each of which is in the other one. Neither names one twice.
func equalObjects(a, b []byte) bool {
	if members(a) != members(b) {
		return false
	}
	for i := first(a); a[i] != '}'; {
		end, _ := codec.SkipString(a, i+1)
		from := pastColon(a, end)
		to := codec.SkipValue(a, from)
		other := codec.Find(b, string(content(a[i:end])))
		if other == nil || !equal(a[from:to], other) {
			return false
		}
		i = next(a, to)
	}
	return true
}

func members(object []byte) (n int) {
	for i := first(object); object[i] != '}'; n++ {
		end, _ := codec.SkipString(object, i+1)
		i = next(object, codec.SkipValue(object, pastColon(object, end)))
	}
	return n
}

// first is the index behind the bracket or brace at b[0] and white space.
func first(b []byte) int { return codec.SkipSpace(b, 1) }

// next passes the comma behind a value that ends at b[i]; it stays on a bracket or brace.
func next(b []byte, i int) int {
	i = codec.SkipSpace(b, i)
	if b[i] == ',' {
		i = codec.SkipSpace(b, i+1)
	}
	return i
}

// pastColon passes the colon behind a key that ends at b[i].
func pastColon(b []byte, i int) int {
	return codec.SkipSpace(b, codec.SkipSpace(b, i)+1)
}

// hashOf is the same for equal values.
func hashOf(raw []byte) uint64 {
	switch raw[0] {
	case '"':
		return maphash.Bytes(seed, content(raw))
	case '[':
		sum := uint64(1)
		for i := first(raw); raw[i] != ']'; {
			end := codec.SkipValue(raw, i)
			sum = mix(sum, hashOf(raw[i:end]))
			i = next(raw, end)
		}
		return sum
	case '{':
		sum := uint64(2)
		for i := first(raw); raw[i] != '}'; {
			end, _ := codec.SkipString(raw, i+1)
			from := pastColon(raw, end)
			to := codec.SkipValue(raw, from)
			sum += mix(hashOf(raw[i:end]), hashOf(raw[from:to])) // in any order
			i = next(raw, to)
		}
		return sum
	case 't', 'f', 'n':
		return mix(3, uint64(raw[0]))
	}
	return hashNumber(raw)
}

// hashNumber hashes the digits without the zeros at both ends, and the exponent that goes with
// them: 10, 1e1 and 10.000 are one value.
func hashNumber(raw []byte) uint64 {
	var room [2 * decimalDigits]byte
	digits, exp, point := room[:0], 0, false
	for i, c := range raw {
		if c|0x20 == 'e' {
			e, err := strconv.ParseInt(string(raw[i+1:]), 10, 32)
			if err != nil {
				return maphash.Bytes(seed, raw) // equal to its own spelling alone
			}
			exp += int(e)
			break
		}
		if c == '.' {
			point = true
		}
		if point && c != '.' {
			exp--
		}
		if c-'0' <= 9 && (c != '0' || len(digits) > 0) {
			digits = append(digits, c)
		}
	}
	short := bytes.TrimRight(digits, "0")
	if len(short) == 0 {
		return 4
	}
	return mix(maphash.Bytes(seed, short), uint64(exp+len(digits)-len(short)))
}

func mix(a, b uint64) uint64 {
	var pair [16]byte
	binary.LittleEndian.PutUint64(pair[:], a)
	binary.LittleEndian.PutUint64(pair[8:], b)
	return maphash.Bytes(seed, pair[:])
}
