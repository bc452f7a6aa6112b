package client

import "bytes"

// oversize finds whose answer a message is that is too large to be kept, or that cannot be read,
// from its bytes as they go by, wherever in it the id stands. It keeps no more of them than the
// name of a member.
type oversize struct {
	state   oversizeState
	depth   int
	text    bool // inside a string
	escaped bool // the next byte of the string means itself
	value   bool // behind the colon of an outermost member
	word    [16]byte
	length  int // of word: an outermost member's name, or the value of its id; counted on beyond it
	isID    bool
	answer  bool // it has a result or an error
}

type oversizeState uint8

const (
	oversizeOver    oversizeState = iota // nothing is looked for
	oversizeSeeking                      // the id has not come yet
	oversizeFound                        // word[:length] is it
	oversizeForeign                      // it is no answer, or none to a call of ours
)

// feed looks at more of the message.
func (o *oversize) feed(b []byte) {
	for i := 0; i < len(b) && o.state == oversizeSeeking; i++ {
		if o.text {
			i += o.inText(b[i:])
			continue
		}
		switch c := b[i]; c {
		case '"':
			o.text = true
			if o.depth == 1 {
				o.length = 0
			}
		case '{', '[':
			o.depth++
		case '}', ']', ',':
			if o.depth == 1 {
				o.memberEnds()
			}
			if c != ',' {
				o.depth--
			}
		case ':':
			if o.depth == 1 {
				o.memberBegins()
			}
		case ' ', '\t', '\r', '\n':
		default:
			if o.depth == 1 && o.isID {
				o.keep(c)
			}
		}
	}
}

// inText reads on in a string and returns how many bytes were read, less one.
func (o *oversize) inText(b []byte) int {
	end := bytes.IndexByte(b, '"')
	part := b
	if end >= 0 {
		part = b[:end]
	}
	if o.depth == 1 && !o.value {
		for _, c := range part[:min(len(part), len(o.word))] {
			o.keep(c)
		}
	}
	slashes := len(part) - len(bytes.TrimRight(part, `\`))
	odd := slashes%2 == 1
	if slashes == len(part) {
		odd = odd != o.escaped
	}
	if end < 0 {
		o.escaped = odd
		return len(b) - 1
	}
	o.escaped = false
	o.text = odd // else the quote was the end
	return end
}

func (o *oversize) keep(c byte) {
	if o.length < len(o.word) {
		o.word[o.length] = c
	}
	o.length = min(o.length+1, len(o.word)+1)
}

func (o *oversize) memberBegins() {
	if o.length <= len(o.word) {
		switch string(o.word[:o.length]) {
		case "id":
			o.isID = true
		case "result", "error":
			o.answer = true
		case "method":
			o.state = oversizeForeign
		}
	}
	o.value, o.length = true, 0
}

func (o *oversize) memberEnds() {
	switch {
	case !o.isID:
		o.value, o.length = false, 0
	case o.length <= len(o.word):
		o.state = oversizeFound
	default:
		o.state = oversizeForeign
	}
}

// call takes the call out of t whose answer the message is; nil while nobody can tell. whole: the
// message has come to its end. Only then is it known that it names no call: such an answer belongs
// to the only one there is.
func (o *oversize) call(t *table, whole bool) (c *Call) {
	var j *job
	switch {
	case o.state == oversizeFound:
		o.state = oversizeOver
		if id, ok := parseID(o.word[:o.length]); ok {
			if c, j = t.take(id); c == nil {
				t.answeredLate(id)
			}
		}
	case o.state == oversizeSeeking && whole && o.answer && o.depth == 0:
		c, j = t.takeOnly()
	}
	if whole || o.state == oversizeForeign {
		o.state = oversizeOver
	}
	if j != nil {
		j.answered()
	}
	return c
}
