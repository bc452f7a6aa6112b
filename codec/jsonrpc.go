package codec

import "github.com/valyala/fastjson"

// Kind says what a message is. After ErrInvalidRequest it says what the message was meant
// to be, as far as that can be told.
type Kind uint8

// The kinds of a message.
const (
	KindInvalid      Kind = iota // not a message, or no telling which kind
	KindRequest                  // method and id: wants exactly one answer
	KindNotification             // method without id: is never answered, not even with an error
	KindResult                   // answer with a result
	KindError                    // answer with an error
)

var kindNames = [...]string{"invalid", "request", "notification", "result", "error"}

// String returns the kind's word for logs and tests.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Member is one member of a JSON object.
type Member struct {
	Key   []byte // decoded; a view into the frame when the key held no escape
	Value []byte // raw JSON, without surrounding white space
}

// Message is a JSON-RPC message as views into its frame. Every slice, and the lists, are
// valid until the frame is reused or the Scanner scans again. Nil means the member is absent.
type Message struct {
	Kind   Kind
	ID     []byte // raw JSON text: a string or an integer; nil for an error whose id is null
	Method []byte // decoded, without quotes
	Params []byte // raw JSON object
	Result []byte // raw JSON value
	Error  []byte // raw JSON object
	Meta   []byte // raw value of _meta in params or in result; its type is not checked

	ParamMembers  []Member // top level of params, in order, no duplicates
	ResultMembers []Member // top level of result when that is an object, in order, no duplicates
	MetaMembers   []Member // top level of Meta when that is an object, in order, no duplicates

	Arguments []byte // raw value of arguments in params; its type is not checked
	// ArgumentMembers are the top level of Arguments, in order, duplicates included. Nil: it is no
	// object, it has more than 8 members, or a key in it has an escape.
	ArgumentMembers []Member
}

// Param returns the raw value of a top-level member of params, or nil.
func (m *Message) Param(name string) []byte { return lookup(m.ParamMembers, name) }

// ResultValue returns the raw value of a top-level member of result, or nil.
func (m *Message) ResultValue(name string) []byte { return lookup(m.ResultMembers, name) }

// MetaValue returns the raw value of a top-level member of _meta, or nil.
func (m *Message) MetaValue(name string) []byte { return lookup(m.MetaMembers, name) }

// WantsAnswer reports whether the peer waits for an answer to m. It also holds for a message
// that Scan refused with ErrInvalidRequest: notifications and answers are never answered.
func (m *Message) WantsAnswer() bool { return m.Kind <= KindRequest }

// ParseParams parses params for a handler that wants them as a tree; nil without an error
// when the message has none. The value lives until p parses again and does not point into the
// frame. The error is ErrInvalidParams; fastjson's own text, which quotes the input, is dropped.
func (m *Message) ParseParams(p *fastjson.Parser) (*fastjson.Value, error) {
	if m.Params == nil {
		return nil, nil
	}
	v, err := p.ParseBytes(m.Params)
	if err != nil {
		return nil, ErrInvalidParams
	}
	return v, nil
}

func lookup(members []Member, name string) []byte {
	for i := range members {
		if string(members[i].Key) == name {
			return members[i].Value
		}
	}
	return nil
}

// judge decides what the scanned members make up. On a fault only ID and Kind stay in m, so
// that nobody reads a message which was refused.
func (s *Scanner) judge(m *Message) *Error {
	kind := s.kind(m)
	ok := !s.fault && kind != KindInvalid && s.seen&seenVersion != 0
	switch kind {
	case KindRequest:
		ok = ok && m.ID != nil
	case KindResult:
		ok = ok && m.ID != nil && m.Params == nil
	case KindError:
		ok = ok && (m.ID != nil || s.nullID || s.seen&seenID == 0) && m.Params == nil
	}
	if !ok {
		*m = Message{Kind: kind, ID: m.ID}
		return ErrInvalidRequest
	}
	m.Kind = kind
	m.ParamMembers = s.params.members
	m.ArgumentMembers = s.arguments.listed()
	m.ResultMembers = s.result.members
	m.MetaMembers = s.meta.members
	return nil
}

// kind tells the kind by the members that are present; it sets fault when they contradict.
func (s *Scanner) kind(m *Message) Kind {
	answers := s.seen & (seenResult | seenError)
	if s.seen&seenMethod != 0 {
		s.fault = s.fault || answers != 0
		switch {
		case s.seen&seenID != 0:
			return KindRequest
		case m.Method != nil:
			return KindNotification
		}
		return KindInvalid
	}
	switch answers {
	case seenResult:
		return KindResult
	case seenError:
		return KindError
	case seenResult | seenError:
		s.fault = true
		return KindError
	}
	return KindInvalid
}

// isID reports whether raw, a valid JSON value, may be an id: a string, or an integer that is
// written plainly or with only zeros behind the point (some clients hold ids as floats).
func isID(raw []byte) bool {
	switch c := raw[0]; {
	case c == '"':
		return true
	case c != '-' && (c < '0' || c > '9'):
		return false
	}
	i := 1
	for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
		i++
	}
	if i == len(raw) {
		return true
	}
	if raw[i] != '.' {
		return false
	}
	for i++; i < len(raw); i++ {
		if raw[i] != '0' {
			return false
		}
	}
	return true
}
