package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// verdict is what a reply turned out to be.
type verdict uint8

const (
	good     verdict = iota // the id is outstanding, the text is the expected one
	refused                 // a well-formed error for an outstanding call
	notice                  // a message that answers nothing: a notification or a ping
	mismatch                // anything else: the run has failed
)

// checker judges replies. The first good one of each method is parsed in full and becomes the
// pattern of those that follow: with the id and the text of the call filled in, a reply must equal
// it byte for byte. What does not is parsed in full again.
type checker struct {
	depth    uint32
	methods  []string
	fixed    bool     // http-fixed: every body equals the first
	exact    bool     // echo: the pattern is given, nothing is learned
	patterns []frame  // of a good reply to each method; b is nil before the first
	expect   frame    // text of a good reply to tools/call; b is nil: any
	streams  []uint64 // notices that came with the pattern, in the same event stream
	slow     uint64
	others   uint64            // notices that came with the answer that was judged last
	refusals map[string]uint64 // by code
}

func newChecker(opt *Options, w *wire) checker {
	k := checker{
		depth: uint32(opt.Depth), methods: opt.Method, patterns: make([]frame, len(opt.Method)),
		streams: make([]uint64, len(opt.Method)),
		fixed:   opt.Transport == TransportHTTPFixed, refusals: map[string]uint64{},
	}
	if w.expect != nil {
		k.expect = newFrame(bytes.Clone(w.expect))
	}
	if opt.Transport == TransportEcho {
		k.exact = true
		k.patterns[0] = newFrame(bytes.Clone(w.body))
	}
	return k
}

// judge returns what rep is and the slot it answers (for good and refused). The error tells
// what is wrong with a mismatch.
func (k *checker) judge(c *conn, rep *reply) (verdict, uint32, error) {
	k.others = 0
	if k.fixed {
		return k.judgeFixed(c, rep)
	}
	// Fast path: a pattern.
	if rep.status == 200 {
		for i := range k.patterns {
			if n, ok := k.fits(c, rep, i); ok {
				k.others = k.streams[i]
				return good, n, nil
			}
		}
	}
	// Slow path: read it.
	k.slow++
	if k.exact {
		return mismatch, 0, fmt.Errorf("echo differs from what was sent: %s", clip(rep.body))
	}
	v, n, err := k.read(c, rep)
	if v == good {
		k.learn(c, &c.slots[n], rep.body)
	}
	return v, n, err
}

func (k *checker) read(c *conn, rep *reply) (verdict, uint32, error) {
	if rep.stream {
		return k.judgeEvents(c, rep)
	}
	return k.judgeMessage(c, rep, rep.body)
}

// fits reports whether rep equals pattern number i with the digits of an outstanding call of that
// method, and which slot it answers.
func (k *checker) fits(c *conn, rep *reply, i int) (uint32, bool) {
	p := &k.patterns[i]
	if len(rep.body) != len(p.b) || len(p.ids) == 0 {
		return 0, false
	}
	id, ok := digits(rep.body[p.ids[0]:])
	if !ok {
		return 0, false
	}
	n, s := c.slotOf(id, k.depth)
	return n, s != nil && int(s.kind) == i && bytes.Equal(rep.body, p.fill(&c.number, &s.text))
}

// refuse counts a refusal by its code.
func (k *checker) refuse(slot uint32, code string) (verdict, uint32, error) {
	k.refusals[code]++
	return refused, slot, nil
}

// judgeFixed: the id cannot match, the order of http tells which call was answered.
func (k *checker) judgeFixed(c *conn, rep *reply) (verdict, uint32, error) {
	if rep.status != 200 {
		return k.refuse(c.turn, statusCode(rep))
	}
	pattern := &k.patterns[0]
	if pattern.b == nil {
		if !json.Valid(rep.body) {
			return mismatch, 0, fmt.Errorf("fixed answer is not JSON: %s", clip(rep.body))
		}
		pattern.b = bytes.Clone(rep.body)
	}
	if !bytes.Equal(rep.body, pattern.b) {
		return mismatch, 0, fmt.Errorf("fixed answer changed to %s", clip(rep.body))
	}
	return good, c.turn, nil
}

// judgeEvents: an event stream holds one answer, and any number of notices.
func (k *checker) judgeEvents(c *conn, rep *reply) (v verdict, n uint32, err error) {
	v = notice
	eachEvent(rep.body, func(data []byte) {
		if v == mismatch {
			return
		}
		switch ev, en, eerr := k.judgeMessage(c, rep, data); {
		case ev == notice:
			k.others++
		case v == notice:
			v, n, err = ev, en, eerr
		default:
			v, err = mismatch, fmt.Errorf("event stream holds two answers: %s", clip(rep.body))
		}
	})
	if v == notice {
		return mismatch, 0, fmt.Errorf("event stream holds no answer: %s", clip(rep.body))
	}
	return v, n, err
}

type answer struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Error   *struct {
		Code int `json:"code"`
	} `json:"error"`
	Result *struct {
		IsError bool `json:"isError"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	} `json:"result"`
}

// judgeMessage reads one JSON-RPC message of rep.
func (k *checker) judgeMessage(c *conn, rep *reply, msg []byte) (verdict, uint32, error) {
	var a answer
	if err := json.Unmarshal(msg, &a); err != nil {
		if rep.status != 200 {
			return k.refuse(c.turn, statusCode(rep))
		}
		return mismatch, 0, fmt.Errorf("reply is not JSON: %s: %w", clip(msg), err)
	}
	if a.Method != "" {
		return notice, 0, nil
	}
	id, ok := digits(a.ID)
	n, s := c.slotOf(id, k.depth)
	if !ok || len(a.ID) != idDigits || s == nil {
		if rep.status != 200 && a.Error != nil && (a.ID == nil || string(a.ID) == "null") {
			return k.refuse(c.turn, strconv.Itoa(a.Error.Code))
		}
		return mismatch, 0, fmt.Errorf("reply answers no outstanding call: %s", clip(msg))
	}
	switch {
	case a.Error != nil:
		return k.refuse(n, strconv.Itoa(a.Error.Code))
	case rep.status != 200:
		return k.refuse(n, statusCode(rep))
	case a.Result != nil && a.Result.IsError:
		return k.refuse(n, "isError")
	}
	if a.JSONRPC != "2.0" || a.Result == nil {
		return mismatch, 0, fmt.Errorf("reply has no result: %s", clip(msg))
	}
	call := k.methods[s.kind] == MethodCall
	if !call || k.expect.b == nil {
		return good, n, nil
	}
	want := string(k.expect.fill(&c.number, &s.text))
	if len(a.Result.Content) == 0 || a.Result.Content[0].Text != want {
		return mismatch, 0, fmt.Errorf("reply's text is not %q: %s", clip([]byte(want)), clip(msg))
	}
	return good, n, nil
}

// learn makes body, a good reply to s, the pattern. The text goes first: only then are the
// other places of the id's digits known to be the id. Where any text will do there is no pattern.
func (k *checker) learn(c *conn, s *slot, body []byte) {
	b := string(body)
	call := k.methods[s.kind] == MethodCall
	if call && k.expect.b == nil {
		return
	}
	k.streams[s.kind] = k.others
	if call && len(k.expect.ids) > 0 {
		text := string(k.expect.fill(&c.number, &s.text))
		blank := string(k.expect.fill(blankNumbers(), (*[idDigits]byte)(idBlank)))
		b = strings.ReplaceAll(b, text, blank)
	}
	b = strings.ReplaceAll(b, string(s.text[:]), string(idBlank))
	k.patterns[s.kind] = newFrame([]byte(b))
}

// statusCode names a refusal that has no code but its HTTP status.
func statusCode(rep *reply) string { return "HTTP " + strconv.Itoa(rep.status) }

// clip shortens b for an error text.
func clip(b []byte) string {
	const most = 200
	if len(b) <= most {
		return string(b)
	}
	return fmt.Sprintf("%s… (%d bytes)", b[:most], len(b))
}
