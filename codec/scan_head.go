package codec

// Hot path: no allocation, no lock, no log, no time.Now.

// The envelope as nearly every client writes it, and the params of the calls that are made most.
// The parts have 16 bytes: the compiler compares as many without a call.
const (
	usualVersion1  = `{"jsonrpc":"2.0"`
	usualVersion2  = `,"id":`
	usualMethod    = `"method":"`
	usualCall1     = `"method":"tools/`
	usualCall2     = `call",`
	usualName1     = `"params":{"name"`
	usualName2     = `:"`
	usualArguments = `,"arguments":`
)

// usualIDDigits bounds the ids that usualHead reads; longer ones take the common way.
const usualIDDigits = 18

// usualHead passes the beginning of the envelope at b[i] when it is written in the usual order
// and without white space: the version, a short integer id, the method. It notes what it passed
// and returns the index of the next member, behind the comma; i+1 when it passed nothing. It
// accepts nothing that the common way would not, it only looks at fewer bytes twice.
func (s *Scanner) usualHead(b []byte, i int, m *Message) int {
	part := i + len(usualVersion1)
	from := part + len(usualVersion2)
	if len(b) < from || string(b[i:part]) != usualVersion1 ||
		string(b[part:from]) != usualVersion2 {
		return i + 1
	}
	end := from
	for end < len(b) && b[end]-'0' <= 9 {
		end++
	}
	digits := end - from
	most := min(usualIDDigits, orDefault(s.IDBytesMax, usualIDDigits))
	switch {
	case digits == 0 || digits > most || end >= len(b) || b[end] != ',':
		return i + 1
	case b[from] == '0' && digits > 1: // not a JSON number
		return i + 1
	}
	m.ID = b[from:end:end]
	s.seen = seenVersion | seenID
	return s.usualMethod(b, end+1, m)
}

func (s *Scanner) usualMethod(b []byte, i int, m *Message) int {
	from := i + len(usualMethod)
	part := i + len(usualCall1)
	call := part + len(usualCall2)
	if call <= len(b) && string(b[i:part]) == usualCall1 && string(b[part:call]) == usualCall2 {
		m.Method = b[from : call-len(`",`) : call-len(`",`)]
		s.seen |= seenMethod
		return call
	}
	if len(b) < from || string(b[i:from]) != usualMethod {
		return i
	}
	end, escaped := skipString(b, from)
	if end < 0 || escaped || end >= len(b) || b[end] != ',' {
		return i
	}
	m.Method = b[from : end-1 : end-1]
	s.seen |= seenMethod
	return end + 1
}

// usualParams passes the member params at b[i] behind a usual head, when it begins with a name and
// arguments. It notes what it passed and returns the index behind the object, -1 when that is not
// well-formed, or 0, with nothing noted, when it begins in another way. Like usualHead it accepts
// nothing that the common way would not.
func (s *Scanner) usualParams(b []byte, i int, m *Message) int {
	part := i + len(usualName1)
	from := part + len(usualName2)
	if s.seen&seenMethod == 0 || len(b) < from || string(b[i:part]) != usualName1 ||
		string(b[part:from]) != usualName2 {
		return 0
	}
	end, _ := skipString(b, from)
	args := end + len(usualArguments)
	if end < 0 || len(b) < args || string(b[end:args]) != usualArguments {
		return 0
	}
	behind := s.argumentsValue(b, args, m)
	if uint(behind) >= uint(len(b)) || b[behind] != '}' && b[behind] != ',' {
		return 0
	}
	object := i + len(`"params":`)
	key := b[object+len(`{"`):]
	s.params.add(key[:len("name"):len("name")], b[from-1:end:end], s.MembersMax)
	key = b[end+len(`,"`):]
	s.params.add(key[:len("arguments"):len("arguments")], b[args:behind:behind], s.MembersMax)
	s.learn(b, i, end, args, b[behind] == ',', m)
	if b[behind] == ',' {
		behind = s.moreMembers(b, space(b, behind+1), &s.params, m)
	} else {
		behind++
	}
	if behind > 0 {
		m.Params = b[object:behind:behind]
	}
	s.seen |= seenParams
	return behind
}
