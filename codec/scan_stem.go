package codec

import (
	"encoding/binary"
	"math/bits"
)

// Hot path: no allocation, no lock, no log, no time.Now.

// stem is how a usual call was written from behind its id to its first argument's value. A client
// writes most calls of one tool with the same bytes there; to compare them costs a fraction of
// reading them anew. What a scanner does behind a stem depends on nothing that stands before it but
// the stem, so one that was accepted once is accepted behind every id.
type stem struct {
	text   []byte    // a copy: `,"method":"tools/call","params":{"name":"a","arguments":{"b":`
	object int       // where params begins in text
	name   int       // where name's value ends in text
	method []byte    // in text
	key    []byte    // of the first argument, in text
	params [2]Member // name, in text, and arguments, in the frame at hand
	misses int       // calls that again did not pass, since text was learned
}

const (
	stemBytesMax = 256 // a longer one is not learned
	stemMisses   = 8   // after so many misses another one is learned, or none
)

// learn keeps the stem of the call whose params member is at b[i], when again would pass its like:
// more tells that params has other members, too. usualHead and usualParams have passed it; name is
// the index behind the name, arguments that of the arguments.
func (s *Scanner) learn(b []byte, i, name, arguments int, more bool, m *Message) {
	st := &s.stem
	if st.misses++; len(st.text) > 0 && st.misses < stemMisses {
		return
	}
	st.text, st.misses = st.text[:0], 0
	members := s.arguments.listed()
	if more || len(members) == 0 {
		return
	}
	for k := range members {
		if c := members[k].Value[0]; c == '{' || c == '[' {
			return
		}
	}
	key := arguments + len(`{"`)
	behind := key + len(members[0].Key)
	value := behind + len(`":`)
	if b[i-1] != ',' || b[key-1] != '"' || b[behind+1] != ':' || b[value] <= ' ' {
		return // there is white space
	}
	from := i - len(`,"method":"`) - len(m.Method) - len(`",`)
	if value-from > stemBytesMax {
		return
	}
	st.text = append(st.text, b[from:value]...)
	view := func(low, high int) []byte { return st.text[low-from : high-from : high-from] }
	st.object, st.name = i+len(`"params":`)-from, name-from
	st.method = view(i-len(`",`)-len(m.Method), i-len(`",`))
	st.key = view(key, behind)
	object := i + len(`"params":{"`)
	st.params[0] = Member{view(object, object+len("name")), view(object+len(`name":`), name)}
	object = name + len(`,"`)
	st.params[1].Key = view(object, object+len("arguments"))
}

// ScanLine does at once what Lines.Next and Scan do for the line that b begins with, when that is a
// call much like the one before it. It fills m and returns how many bytes the line has, with its
// end, or 0: then nothing is said of b, nor of m, and Next and Scan have the word.
func (s *Scanner) ScanLine(b []byte, m *Message) int {
	end := s.again(b, m)
	switch {
	case end == 0 || uint(end) >= uint(len(b)):
		return 0
	case b[end] == '\n':
		return end + 1
	case b[end] == '\r' && end+1 < len(b) && b[end+1] == '\n':
		return end + 2
	}
	return 0
}

// again passes the call that b begins with, when it has the stem, arguments without containers
// behind it, nothing else and no white space: so no line ends in it. It fills m and returns the
// index behind the call, or 0 with nothing said of it. Like usualHead it accepts nothing that the
// common way would not.
func (s *Scanner) again(b []byte, m *Message) int {
	const id = len(usualVersion1) + len(usualVersion2)
	st := &s.stem
	if len(st.text) == 0 || len(b) < id || string(b[:len(usualVersion1)]) != usualVersion1 ||
		string(b[len(usualVersion1):id]) != usualVersion2 {
		return 0
	}
	end := idDigits(b, id)
	value := end + len(st.text)
	if end == id || value > len(b) || string(b[end:value]) != string(st.text) ||
		b[id] == '0' && end-id > 1 || s.MembersMax == 1 ||
		s.IDBytesMax > 0 && end-id > s.IDBytesMax {
		return 0
	}
	args := s.flatArguments(b, value)
	if args == 0 || len(b)-args < len("}}") || b[args] != '}' || b[args+1] != '}' {
		return 0
	}
	object, name := end+st.object, end+st.name+len(usualArguments)
	m.Kind = KindRequest
	m.ID = b[id:end:end]
	m.Method = st.method
	m.Params = b[object : args+1 : args+1]
	m.Result, m.Error, m.Meta = nil, nil, nil
	m.Arguments = b[name:args:args]
	st.params[1].Value = m.Arguments
	m.ParamMembers = st.params[:]
	m.ResultMembers, m.MetaMembers = nil, nil
	m.ArgumentMembers = s.arguments.members[:s.arguments.n:s.arguments.n]
	return args + len("}}")
}

// flatArguments passes the members of arguments from the value of the first one at b[i] on, which
// has the stem's key, and the closing brace. It returns 0 for the common way.
func (s *Scanner) flatArguments(b []byte, i int) int {
	l := &s.arguments
	key := s.stem.key
	for n := range l.members {
		from := i
		switch {
		case uint(i) >= uint(len(b)):
			return 0
		case b[i] == '"':
			i, _ = skipString(b, i+1)
		default: // an object or an array fails as a number
			i = scalar(b, i)
		}
		if uint(i) >= uint(len(b)) {
			return 0
		}
		m := &l.members[n]
		m.Key, m.Value = key, b[from:i:i]
		if b[i] == '}' {
			l.n = n + 1
			return i + 1
		}
		begin := i + len(`,"`)
		if b[i] != ',' || begin >= len(b) || b[begin-1] != '"' {
			return 0
		}
		if i = shortKey(b, begin); i == 0 {
			return 0
		}
		key = b[begin : i-len(`":`) : i-len(`":`)]
	}
	return 0
}

// idDigits returns the index behind the digits at b[i:], of which it sees 16.
func idDigits(b []byte, i int) int {
	for range 2 {
		if i > len(b)-8 {
			break
		}
		// A byte's high bit shows when it is above 9 or was set: nothing is carried on.
		x := binary.LittleEndian.Uint64(b[i:][:8]) ^ zeros
		if found := (x&^highs + nines | x) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
		i += 8
	}
	return i
}
