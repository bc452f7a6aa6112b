package client

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// reader takes the frames of one connection; it belongs to that connection's loop.
type reader struct {
	m       *Mux
	scanner codec.Scanner
	msg     codec.Message
	settled *job // whose call was answered last; nil elsewhere than over HTTP

	answered bool // in this Data call, by a frame
	aside    int  // units of notices in this Data call
	full     bool // it takes no more
}

// Owners of frames that are no call: of a stream that all calls share, and of one that is there for
// what belongs to none.
const (
	anyCall = 0
	noCall  = math.MaxUint64
)

// take brings one frame to whom it belongs. owner is the call on whose stream the frame came,
// or anyCall: an answer for another one is a stray. reply is what the server wants to hear at
// once, appended to out; ok is false when the frame was no message.
func (r *reader) take(frame []byte, owner uint64, a Answer, out []byte) (reply []byte, ok bool) {
	if fault := r.scanner.Scan(frame, &r.msg); fault != nil {
		r.m.noise()
		r.noticed(len(frame))
		r.unread(frame, owner, fault)
		return out, false
	}
	switch r.msg.Kind {
	case codec.KindResult, codec.KindError:
		a.Result, a.Error = r.msg.Result, r.msg.Error
		if r.answer(owner, a) {
			r.answered = true
			return out, true
		}
	case codec.KindNotification:
		r.notification(owner)
	case codec.KindRequest:
		out = r.request(owner, out)
	}
	r.noticed(len(frame))
	return out, true
}

// unread fails the call whose answer frame is though it cannot be read, such as one that is nested
// too deep: it would wait for nothing.
func (r *reader) unread(frame []byte, owner uint64, fault error) {
	frame = bytes.TrimLeft(frame, " \t")
	answers := bytes.Contains(frame, []byte(`"result"`)) || bytes.Contains(frame, []byte(`"error"`))
	if len(frame) == 0 || frame[0] != '{' || !answers {
		return
	}
	o := oversize{state: oversizeSeeking}
	o.feed(frame)
	id, ok := parseID(o.word[:min(o.length, len(o.word))])
	if o.state != oversizeFound || !ok || owner != anyCall && owner != id {
		return
	}
	if c, j := r.m.table.take(id); c != nil {
		if j != nil {
			j.answered()
			if j.posts == nil { // else its exchange is not this one, and never looks at it
				j.signs = nil
			}
		}
		r.m.done(c, Answer{Err: fmt.Errorf("%w: it cannot be read: %w", ErrAnswer, fault)})
	}
}

// answer brings an answer to its call; false when there is none.
func (r *reader) answer(owner uint64, a Answer) bool {
	var c *Call
	var j *job
	if r.msg.ID == nil {
		// The server could not read a request's id. When there is but one, it is that one's.
		if owner == anyCall {
			c, j = r.m.table.takeOnly()
		} else {
			c, j = r.m.table.take(owner)
		}
	} else if id, ok := parseID(r.msg.ID); ok && (owner == anyCall || owner == id) {
		if c, j = r.m.table.take(id); c == nil {
			r.m.table.answeredLate(id)
		}
	}
	if j != nil {
		j.answered()
		if j.posts == nil { // what the stream brings now is no sign of c, which may be used again
			j.signs, r.settled = nil, j
		}
	}
	if c == nil {
		r.m.stray()
		return false
	}
	r.m.count.answers.Add(1)
	r.m.notices.earn()
	r.m.done(c, a)
	return true
}

func (r *reader) notification(owner uint64) {
	method := string(r.msg.Method)
	switch method {
	case mcp.NotifyProgress:
		id, ok := parseID(r.msg.Param(mcp.MetaProgressToken))
		if ok && (owner == anyCall || owner == id) {
			if c := r.m.table.peek(id); c != nil && c.Progress != nil {
				if c.watched() {
					c.sign.Store(r.m.clock())
				}
				c.Progress(c, r.msg.Params)
				return
			}
		}
	case "notifications/cancelled":
		if r.m.asks.retract(r.msg.Param("requestId")) {
			return
		}
	}
	if c := r.hearer(owner, method); c != nil {
		c.Notified(c, method, r.msg.Params)
		return
	}
	if told := r.m.opt.OnNotification; told != nil {
		told(method, r.msg.Params)
	}
}

// hearer is the call that a notification belongs to; nil: none that wants it.
func (r *reader) hearer(owner uint64, method string) *Call {
	var c *Call
	id, tagged := parseID(r.msg.MetaValue(mcp.MetaSubscriptionID))
	switch {
	case tagged && (owner == anyCall || owner == id):
		c = r.m.table.peek(id)
	case owner != anyCall && owner != noCall:
		if c = r.m.table.peek(owner); c != nil && c.Method != "subscriptions/listen" &&
			(strings.HasSuffix(method, "/list_changed") || method == mcp.NotifyResourcesUpdated) {
			return nil // it is true for everybody, whatever stream it came on
		}
	case method == mcp.NotifyMessage:
		c = r.m.table.suspect(r.m.clock())
	}
	if c == nil || c.Notified == nil {
		return nil
	}
	return c
}

// request takes what a legacy server asks of its client, and answers at once what nobody here can
// do.
func (r *reader) request(owner uint64, out []byte) []byte {
	r.m.count.requests.Add(1)
	switch {
	case string(r.msg.Method) == "ping":
		return codec.AppendResult(out, r.msg.ID, []byte("{}"))
	case r.m.opt.OnRequest == nil:
		return codec.AppendError(out, r.msg.ID, codec.ErrMethodNotFound, nil)
	}
	a := newAsk(r.m, &r.msg)
	task, isTask := codec.StringContent(
		codec.Find(r.msg.MetaValue(mcp.MetaRelatedTask), "taskId"))
	if owner != anyCall && owner != noCall {
		a.Call = r.m.table.peek(owner)
	} else if isTask && len(task) > 0 {
		a.Call = r.m.table.waiter(string(task))
	} else if all := r.m.table.suspects(r.m.clock()); len(all) == 1 {
		a.Call = all[0]
	} else {
		a.Among = all
	}
	if a.Call != nil {
		a.Call.asked.Store(true)
	}
	for _, c := range a.Among {
		c.asked.Store(true)
	}
	if fault := r.m.asks.add(a); fault != nil {
		return codec.AppendError(out, r.msg.ID, fault, nil)
	}
	if a.Call != nil && !r.m.table.holds(a.Call) { // whoever has ended it may not have seen a
		r.m.asks.endOf(a.Call)
		return out
	}
	r.m.opt.OnRequest(a)
	return out
}
