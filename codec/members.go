package codec

import "hash/maphash"

// Hot path: no allocation, no lock, no log, no time.Now.

// pairwiseMax is the length up to which a list is searched member by member. Above it a hash
// set answers, so that a peer cannot buy quadratic work with many keys.
const pairwiseMax = 16

// hashSeed is random for each process: a peer cannot choose keys that collide.
var hashSeed = maphash.MakeSeed()

// memberList holds the members of one object and knows its keys. Its memory is kept for the
// next scan; the limit handed to add bounds it.
type memberList struct {
	members []Member
	slots   []uint32 // open addressing; index into members plus one, 0 = free; len a power of two
	hashed  int      // members that are in slots
}

func (l *memberList) reset() {
	l.members = l.members[:0]
	l.hashed = 0
}

// add appends a member. It returns false, without adding, when the key is there already or
// the list holds limit members (0: MembersMaxDefault).
func (l *memberList) add(key, value []byte, limit int) bool {
	n := len(l.members)
	if n >= pairwiseMax || n >= cap(l.members) || limit > 0 && n >= limit {
		return l.addSlow(key, value, limit)
	}
	// Fast path: few members, and there is room for one more.
	for i := range l.members {
		if string(l.members[i].Key) == string(key) {
			return false
		}
	}
	l.members = l.members[:n+1]
	m := &l.members[n]
	m.Key, m.Value = key, value
	return true
}

// addSlow is add for a list that must grow, that is long, or full.
func (l *memberList) addSlow(key, value []byte, limit int) bool {
	n := len(l.members)
	switch {
	case n >= orDefault(limit, MembersMaxDefault):
		return false
	case n >= pairwiseMax: // no message of MCP has that many members at these places
		if !l.claim(key) {
			return false
		}
	default:
		for i := range l.members {
			if string(l.members[i].Key) == string(key) {
				return false
			}
		}
	}
	l.members = append(l.members, Member{key, value})
	return true
}

// claim takes the next member's slot for key; false when the key has a slot already.
func (l *memberList) claim(key []byte) bool {
	n := len(l.members)
	if l.hashed == 0 || (n+1)*2 > len(l.slots) {
		l.rehash()
	}
	at := l.find(key)
	if l.slots[at] != 0 {
		return false
	}
	l.slots[at] = uint32(n) + 1
	l.hashed = n + 1
	return true
}

// rehash puts all members into slots, of which at least three quarters stay free.
func (l *memberList) rehash() {
	size := 4 * pairwiseMax
	for size < 4*len(l.members) {
		size *= 2
	}
	if size > len(l.slots) {
		l.slots = make([]uint32, size)
	} else {
		clear(l.slots)
	}
	for i := range l.members {
		l.slots[l.find(l.members[i].Key)] = uint32(i) + 1
	}
	l.hashed = len(l.members)
}

// find returns the slot that holds key, or the free slot where it belongs.
func (l *memberList) find(key []byte) uint64 {
	mask := uint64(len(l.slots) - 1)
	at := maphash.Bytes(hashSeed, key) & mask
	for l.slots[at] != 0 && string(l.members[l.slots[at]-1].Key) != string(key) {
		at = (at + 1) & mask
	}
	return at
}

// members passes the object at b[i], which is params, result or their _meta, and lists its
// members. For params and result it goes into _meta too. It returns the index behind the
// object, or -1 when it is not well-formed.
func (s *Scanner) members(b []byte, i int, list *memberList, m *Message) int {
	i = space(b, i+1)
	if uint(i) < uint(len(b)) && b[i] == '}' {
		return i + 1
	}
	return s.moreMembers(b, i, list, m)
}

// moreMembers is members from a member's key at b[i] on.
func (s *Scanner) moreMembers(b []byte, i int, list *memberList, m *Message) int {
	inMeta := list == &s.meta
	depth := 2 // the envelope and this object
	if inMeta {
		depth = 3
	}
	for {
		key, from := s.key(b, i)
		if from < 0 {
			return -1
		}
		var end int
		switch {
		case !inMeta && string(key) == "_meta":
			end = s.metaValue(b, from, m)
		case list == &s.params && string(key) == "arguments":
			end = s.argumentsValue(b, from, m)
		default:
			end = s.value(b, from, depth)
		}
		if end < 0 {
			return -1
		}
		if !list.add(key, b[from:end:end], s.MembersMax) {
			s.fault = true
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

// metaValue passes the value of _meta at b[i]. A second _meta is passed over: the message is
// refused anyhow, and the list must not mix the two.
func (s *Scanner) metaValue(b []byte, i int, m *Message) int {
	var end int
	if b[i] == '{' && m.Meta == nil {
		end = s.members(b, i, &s.meta, m)
	} else {
		end = s.value(b, i, 2)
	}
	if end > 0 {
		m.Meta = b[i:end:end]
	}
	return end
}

// key passes the key at b[i] and its colon. It returns the decoded key and the index of the
// value's first byte, which is inside b, or -1.
func (s *Scanner) key(b []byte, i int) (key []byte, from int) {
	if uint(i) >= uint(len(b)) || b[i] != '"' {
		return nil, -1
	}
	if end := shortKey(b, i+1); end > 0 { // Fast path.
		return b[i+1 : end-2 : end-2], end
	}
	end, escaped := skipString(b, i+1)
	if end < 0 {
		return nil, -1
	}
	key = b[i+1 : end-1 : end-1]
	if escaped {
		key = s.decode(b[i:end])
	}
	return key, pastColon(b, end)
}

// decode unescapes raw, a valid string, into the scratch. When that grows, older views stay
// right on the array that it leaves.
func (s *Scanner) decode(raw []byte) []byte {
	from := len(s.scratch)
	s.scratch, _ = UnquoteString(s.scratch, raw)
	return s.scratch[from:len(s.scratch):len(s.scratch)]
}
