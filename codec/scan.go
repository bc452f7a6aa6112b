package codec

// Hot path: no allocation, no lock, no log, no time.Now.

// Defaults of Scanner's limits.
const (
	DepthMaxDefault   = 128
	IDBytesMaxDefault = 8 << 10
	MembersMaxDefault = 1024
	BatchMaxDefault   = 1024
)

// depthCeiling bounds the scanner's stack of open containers: one bit for each.
const depthCeiling = 1000

// Scanner validates frames and finds the envelope's spans in one pass. The zero value is ready
// and uses the defaults. It is not safe for concurrent use: one for each loop or goroutine.
// It keeps its lists between scans; their size is bounded by MembersMax and BatchMax.
type Scanner struct {
	DepthMax   int // open containers, the envelope is the first; 64..1000, default 128
	IDBytesMax int // bytes of an id's raw text; default 8 KiB
	MembersMax int // members of envelope, params, result, _meta, each; default 1024
	BatchMax   int // elements of a batch; default 1024

	depthMax  int                         // DepthMax, in range
	objects   [depthCeiling/64 + 1]uint64 // bit d: the container open at depth d is an object
	seen      uint8                       // envelope members met so far
	fault     bool                        // well-formed so far, but no JSON-RPC message
	nullID    bool                        // the id is null
	scratch   []byte                      // decoded keys and method; only when they had escapes
	params    memberList                  // top level of params
	arguments argumentList                // top level of its arguments
	meta      memberList                  // top level of _meta
	result    memberList                  // top level of result
	unknown   memberList                  // envelope members that JSON-RPC does not know
	elements  []span                      // of a batch
	stem      stem                        // how calls begin
}

type span struct{ from, to int }

// The envelope's members, as bits of Scanner.seen.
const (
	seenVersion = 1 << iota
	seenID
	seenMethod
	seenParams
	seenResult
	seenError
)

// Scan checks frame and fills m. It returns nil, ErrParse or ErrInvalidRequest themselves.
//
// ErrParse: frame is not one RFC 8259 value in valid UTF-8 without a byte order mark, or it is
// nested deeper than DepthMax; m is empty. ErrInvalidRequest: it is JSON but no JSON-RPC 2.0
// message; m holds Kind (see Kind, WantsAnswer) and ID when that was readable and not given
// twice. Names are compared exactly, after escapes are decoded; the version must be written
// "2.0". Members that JSON-RPC does not know are passed over, but never when given twice.
func (s *Scanner) Scan(frame []byte, m *Message) *Error {
	if end := s.again(frame, m); end > 0 && end == len(frame) { // Fast path.
		return nil
	}
	*m = Message{}
	s.reset()
	i := space(frame, 0)
	if i >= len(frame) {
		return ErrParse
	}
	if frame[i] != '{' {
		if end := s.value(frame, i, 0); end < 0 || space(frame, end) != len(frame) {
			return ErrParse
		}
		return ErrInvalidRequest
	}
	if end := s.envelope(frame, i, m); end < 0 || space(frame, end) != len(frame) {
		*m = Message{}
		return ErrParse
	}
	return s.judge(m)
}

// Valid reports whether raw is exactly one JSON value by the rules of Scan. It leaves the
// views of the last Scan alone.
func (s *Scanner) Valid(raw []byte) bool {
	s.setDepthMax()
	end := s.value(raw, space(raw, 0), 0)
	return end >= 0 && space(raw, end) == len(raw)
}

// IsBatch reports whether the first byte of frame that is not white space is '['.
func IsBatch(frame []byte) bool {
	i := space(frame, 0)
	return i < len(frame) && frame[i] == '['
}

// Batch validates a whole batch, then hands its n elements to elem in order, as raw views into
// frame. elem may call Scan, but not Batch. Nothing is handed out unless err is nil: ErrParse
// as for Scan, ErrInvalidRequest when frame is no array, empty, or longer than BatchMax.
func (s *Scanner) Batch(frame []byte, elem func(raw []byte)) (n int, err *Error) {
	s.setDepthMax()
	s.elements = s.elements[:0]
	i := space(frame, 0)
	if i >= len(frame) || frame[i] != '[' {
		if !s.Valid(frame) {
			return 0, ErrParse
		}
		return 0, ErrInvalidRequest
	}
	end, n := s.cutBatch(frame, i)
	if end < 0 || space(frame, end) != len(frame) {
		return 0, ErrParse
	}
	if n == 0 || n > len(s.elements) {
		return 0, ErrInvalidRequest
	}
	for _, e := range s.elements {
		elem(frame[e.from:e.to])
	}
	return n, nil
}

// cutBatch passes the array at b[i]; it counts all elements and keeps the spans of the first
// BatchMax, so that a long array costs no memory.
func (s *Scanner) cutBatch(b []byte, i int) (end, n int) {
	limit := orDefault(s.BatchMax, BatchMaxDefault)
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, 0
	}
	for {
		from := i
		i = s.value(b, i, 1)
		if i < 0 {
			return -1, n
		}
		if n++; n <= limit {
			s.elements = append(s.elements, span{from, i})
		}
		i = space(b, i)
		if i >= len(b) {
			return -1, n
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case ']':
			return i + 1, n
		default:
			return -1, n
		}
	}
}

// envelope passes the object at b[i] and notes its members. It returns the index behind the
// object, or -1 when it is not well-formed.
func (s *Scanner) envelope(b []byte, i int, m *Message) int {
	i = space(b, s.usualHead(b, i, m))
	if uint(i) < uint(len(b)) && b[i] == '}' && s.seen == 0 {
		return i + 1
	}
	end := s.usualParams(b, i, m)
	for {
		if end == 0 {
			key, from := s.key(b, i)
			if from < 0 {
				return -1
			}
			end = s.member(b, from, key, m)
		}
		if end < 0 {
			return -1
		}
		i = space(b, end)
		end = 0
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

// member passes the value at b[i] of the envelope's member key and notes it in m.
func (s *Scanner) member(b []byte, i int, key []byte, m *Message) int {
	var end int
	var bit uint8
	switch string(key) {
	case "jsonrpc":
		bit, end = seenVersion, s.value(b, i, 1)
		if end > 0 && string(b[i:end]) != `"2.0"` {
			s.fault = true
		}
	case "id":
		bit, end = seenID, s.value(b, i, 1)
		if end > 0 {
			s.noteID(b[i:end], m)
		}
	case "method":
		bit, end = seenMethod, s.method(b, i, m)
	case "params":
		bit, end = seenParams, s.body(b, i, &s.params, m)
		if end > 0 {
			m.Params = b[i:end:end]
			s.fault = s.fault || b[i] != '{'
		}
	case "result":
		bit, end = seenResult, s.body(b, i, &s.result, m)
		if end > 0 {
			m.Result = b[i:end:end]
		}
	case "error":
		bit, end = seenError, s.value(b, i, 1)
		if end > 0 {
			m.Error = b[i:end:end]
			s.fault = s.fault || b[i] != '{'
		}
	default:
		end = s.value(b, i, 1)
		s.fault = !s.unknown.add(key, nil, s.MembersMax) || s.fault
	}
	if s.seen&bit != 0 {
		s.fault = true
	}
	s.seen |= bit
	return end
}

// noteID keeps the id when it may be one. A second id makes both unreadable.
func (s *Scanner) noteID(raw []byte, m *Message) {
	m.ID = nil
	switch {
	case s.seen&seenID != 0:
		s.fault = true
	case len(raw) > orDefault(s.IDBytesMax, IDBytesMaxDefault):
		s.fault = true
	case isID(raw):
		m.ID = raw[:len(raw):len(raw)]
	default:
		s.nullID = raw[0] == 'n' // legal with an error only: judge decides
		s.fault = s.fault || !s.nullID
	}
}

// method passes the envelope's method, which must be a string.
func (s *Scanner) method(b []byte, i int, m *Message) int {
	if b[i] != '"' {
		s.fault = true
		return s.value(b, i, 1)
	}
	end, escaped := skipString(b, i+1)
	if end < 0 {
		return -1
	}
	m.Method = b[i+1 : end-1 : end-1]
	if escaped {
		m.Method = s.decode(b[i:end])
	}
	return end
}

// body passes params or result; when that is an object its members are listed, and those of
// its _meta.
func (s *Scanner) body(b []byte, i int, list *memberList, m *Message) int {
	if b[i] != '{' {
		return s.value(b, i, 1)
	}
	return s.members(b, i, list, m)
}

func (s *Scanner) reset() {
	s.setDepthMax()
	s.seen, s.fault, s.nullID = 0, false, false
	s.scratch = s.scratch[:0]
	s.params.reset()
	s.arguments.n = argumentsNone
	s.meta.reset()
	s.result.reset()
	s.unknown.reset()
}

func (s *Scanner) setDepthMax() {
	s.depthMax = orDefault(s.DepthMax, DepthMaxDefault)
	if s.depthMax > depthCeiling {
		s.depthMax = depthCeiling
	}
}

func orDefault(v, def int) int {
	if v <= 0 {
		return def
	}
	return v
}
