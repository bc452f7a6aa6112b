package codec

// Hot path: no allocation, no lock, no log, no time.Now.

// argumentsMax is how many members of arguments are listed. Calls with more are rare, and a list
// that long is no quicker to search than the bytes.
const argumentsMax = 8

// argumentList is the top level of params.arguments, for those who check and read arguments: the
// scan has just seen where each value begins and ends.
type argumentList struct {
	n       int // of members, or one of the two below
	members [argumentsMax]Member
}

const (
	argumentsNone   = -1               // no object of that name came
	argumentsBeyond = argumentsMax + 1 // it cannot be listed
)

// listed is the list, or nil when there is none.
func (l *argumentList) listed() []Member {
	if uint(l.n) > argumentsMax {
		return nil
	}
	return l.members[:l.n:l.n]
}

// argumentsValue passes the value of params.arguments at b[i] and notes it in m.
func (s *Scanner) argumentsValue(b []byte, i int, m *Message) int {
	const depth = 2 // the envelope and params
	var end int
	if uint(i) < uint(len(b)) && b[i] == '{' {
		end = s.listArguments(b, i, depth+1)
	} else {
		end = s.value(b, i, depth)
	}
	if end > 0 {
		m.Arguments = b[i:end:end]
	}
	return end
}

// listArguments passes the object at b[i]. At most argumentsMax members whose names are written
// without escapes are listed, names that come twice included.
func (s *Scanner) listArguments(b []byte, i, depth int) int {
	l := &s.arguments
	l.n = 0
	i = space(b, i+1)
	if uint(i) < uint(len(b)) && b[i] == '}' {
		return i + 1
	}
	for {
		if uint(i) >= uint(len(b)) || b[i] != '"' {
			return -1
		}
		key, from := i+1, shortKey(b, i+1)
		behind := from - len(`":`)
		if from == 0 {
			end, escaped := skipString(b, key)
			if escaped {
				l.n = argumentsBeyond
			}
			behind, from = end-1, pastColon(b, end)
		}
		end := s.value(b, from, depth)
		if end < 0 {
			return -1
		}
		if uint(l.n) < argumentsMax {
			m := &l.members[l.n]
			m.Key, m.Value = b[key:behind:behind], b[from:end:end]
			l.n++
		} else {
			l.n = argumentsBeyond
		}
		i = space(b, end)
		if uint(i) >= uint(len(b)) {
			return -1
		}
		if b[i] == '}' {
			return i + 1
		}
		if b[i] != ',' {
			return -1
		}
		i = space(b, i+1)
	}
}
