package server

import (
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/server/session"
)

// busySession keeps a legacy session from being swept while a call of it is in flight.
type busySession = session.Session

const (
	typeJSON   = "application/json"
	typeStream = "text/event-stream"
	typeText   = "text/plain; charset=utf-8"
)

// respond appends a whole answer to what this wake-up writes.
func (hc *httpConn) respond(status int, contentType string, body []byte) {
	hc.ls.wire = hc.appendResponse(hc.ls.wire, status, contentType, body, "")
	hc.sent()
}

// sent ends the request at hand: the connection closes with it or goes on.
func (hc *httpConn) sent() {
	if !hc.reply.keepAlive || hc.ending {
		hc.closing = true
		hc.conn.Finish()
	}
}

// appendResponse appends head and body. sessionID is for the answer to initialize alone.
func (hc *httpConn) appendResponse(
	dst []byte, status int, contentType string, body []byte, sessionID string,
) []byte {
	r := &hc.reply
	if status == 200 && contentType == typeJSON && sessionID == "" && r.plain() { // Fast path.
		return append(codec.AppendJSONHead(dst, hc.ls.s.dateValue(), len(body)), body...)
	}
	head := hc.head(status)
	head.ContentType, head.Length, head.SessionID = contentType, len(body), []byte(sessionID)
	if status == 204 {
		head.Length = codec.LengthNone
	}
	dst = codec.AppendResponseHead(dst, &head)
	if r.headOnly {
		return dst
	}
	return append(dst, body...)
}

// plain: nothing but the usual needs to be said.
func (r *replyTo) plain() bool {
	return r.keepAlive && !r.oldHTTP && !r.headOnly && r.cors == ""
}

// head is what every answer to the request at hand says.
func (hc *httpConn) head(status int) codec.ResponseHead {
	r := &hc.reply
	head := codec.ResponseHead{
		Status: status, Date: hc.ls.s.dateValue(), Close: !r.keepAlive, KeepAlive: r.oldHTTP,
	}
	if r.cors != "" {
		head.Extra = codec.AppendHeader(nil, "Access-Control-Allow-Origin", []byte(r.cors))
		head.Extra = append(head.Extra,
			"Vary: Origin\r\nAccess-Control-Expose-Headers: Mcp-Session-Id\r\n"...)
	}
	return head
}

// expect implements origin: the answer comes later, so what is answered already must leave first
// and nothing further is read.
func (hc *httpConn) expect(*Call) {
	// The lock waits for the end of the previous request: its Resume must not undo this Pause.
	hc.mu.Lock()
	defer hc.mu.Unlock()
	if hc.stage.Load() != stageIdle {
		return // a batch has announced itself
	}
	if len(hc.ls.wire) > 0 {
		_ = hc.conn.Send(hc.ls.wire)
		hc.ls.wire = hc.ls.wire[:0]
	}
	if hc.reply.busy != nil {
		hc.reply.busy.Begin()
	}
	hc.awaited = true
	hc.conn.SetDeadline(hc.ls.s.opt.Limits.IdleTimeout) // no phase before ends this wait
	hc.stage.Store(stageWaiting)
	hc.conn.Pause()
}

// refused implements origin: the answer comes now after all.
func (hc *httpConn) refused(*Call) {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	hc.settle()
}

// deliver implements origin.
func (hc *httpConn) deliver(_ *Call, message []byte, status int) {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	if hc.stage.Load() == stageStreaming {
		_ = hc.event(message)
		hc.endStream()
		return
	}
	if !hc.reply.modern {
		status = 200
	}
	if status == 200 && hc.reply.plain() { // Fast path: nothing is put together but in the outbox.
		var room [jsonHeadBytes]byte
		head := codec.AppendJSONHead(room[:0], hc.ls.s.dateValue(), len(message))
		_ = hc.conn.SendBoth(head, message, hc.ls.s.opt.Limits.OutboxMaxBytes, false)
	} else {
		_ = hc.send(func(dst []byte) []byte {
			return hc.appendResponse(dst, status, typeJSON, message, "")
		})
	}
	hc.settle()
}

// jsonHeadBytes is enough for codec.AppendJSONHead.
const jsonHeadBytes = 160

// notify implements origin: the first notification turns the answer into an event stream.
func (hc *httpConn) notify(_ *Call, message []byte) error {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	if hc.stage.Load() == stageIdle {
		return ErrEnded
	}
	hc.beginStream()
	return hc.event(message)
}

// abandon implements origin: the cancelled request gets no message, its stream just ends. Without
// a call it was a batch of notifications, which is accepted like one of them.
func (hc *httpConn) abandon(c *Call) {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	switch stage := hc.stage.Load(); {
	case stage == stageIdle:
	case c == nil && stage == stageWaiting:
		_ = hc.send(func(dst []byte) []byte { return hc.appendResponse(dst, 202, "", nil, "") })
		hc.settle()
	default:
		hc.beginStream()
		hc.endStream()
	}
}

// page delivers a page for operators that was made off the loop.
func (hc *httpConn) page(status int, contentType string, body []byte) {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	_ = hc.send(func(dst []byte) []byte {
		return hc.appendResponse(dst, status, contentType, body, "")
	})
	hc.settle()
}

// beginStream sends the head of an event stream unless that was done. hc.mu must be held.
func (hc *httpConn) beginStream() {
	if hc.stage.Load() == stageStreaming {
		return
	}
	hc.stage.Store(stageStreaming)
	if hc.reply.oldHTTP {
		hc.reply.keepAlive = false
	}
	head := hc.head(200)
	head.ContentType, head.EventStream, head.Length = typeStream, true, codec.LengthChunked
	if hc.reply.oldHTTP {
		head.Length = codec.LengthUntilClose
	}
	_ = hc.send(func(dst []byte) []byte { return codec.AppendResponseHead(dst, &head) })
	if hc.reply.stream == nil { // else the ticker sends comments
		_ = hc.ls.loop.Post(hc.expectComment)
	}
}

// expectComment makes Expired send comments while an answer streams. It runs on the loop.
func (hc *httpConn) expectComment() {
	if hc.stage.Load() == stageStreaming {
		hc.conn.SetDeadline(hc.ls.s.opt.KeepAlive)
	}
}

// event sends one message as an event. hc.mu must be held.
func (hc *httpConn) event(message []byte) error {
	return hc.send(func(dst []byte) []byte {
		if hc.reply.oldHTTP {
			return codec.AppendEvent(dst, "", "message", message)
		}
		buf := hc.ls.s.buffers.Get()
		defer hc.ls.s.buffers.Put(buf)
		buf.B = codec.AppendEvent(buf.B[:0], "", "message", message)
		return codec.AppendChunk(dst, buf.B)
	})
}

// told sends an event with an id, whose data is encoded already: what a whole crowd is told. It
// overwrites scratch.
func (hc *httpConn) told(scratch []byte, id eventID, data []byte) {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	dst, mark := scratch, 0
	if !hc.reply.oldHTTP {
		dst, mark = codec.BeginChunk(dst)
	}
	dst = id.append(append(dst, "event: message\nid: "...))
	dst = append(append(dst, '\n'), data...)
	if !hc.reply.oldHTTP {
		dst = codec.EndChunk(dst, mark)
	}
	_ = hc.conn.Send(dst) // a peer that has gone gets nothing
}

// comment sends a keep-alive comment on an open stream; a client that has vanished does not
// acknowledge it.
func (hc *httpConn) comment() {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	if hc.stage.Load() != stageStreaming {
		return
	}
	if !hc.probed {
		hc.probed = true
		hc.conn.SetAckTimeout(ackTimeout(hc.ls.s.opt.KeepAlive))
	}
	_ = hc.send(func(dst []byte) []byte {
		if hc.reply.oldHTTP {
			return append(dst, keepAliveComment...)
		}
		return codec.AppendChunk(dst, keepAliveComment)
	})
}

var keepAliveComment = []byte(": keep-alive\n\n")

// endStream sends the end of an event stream. hc.mu must be held.
func (hc *httpConn) endStream() {
	if !hc.reply.oldHTTP {
		_ = hc.send(codec.AppendLastChunk)
	}
	hc.settle()
}

// settle ends the request at hand from any goroutine. hc.mu must be held.
func (hc *httpConn) settle() {
	if hc.reply.busy != nil {
		hc.reply.busy.End()
	}
	if hc.reply.counted {
		hc.ls.s.streams.Add(-1)
	}
	if hc.probed {
		hc.probed = false
		hc.conn.SetAckTimeout(0) // the next answer may wait for its reader
	}
	finish := !hc.reply.keepAlive || hc.ending
	hc.reply.busy, hc.reply.stream, hc.reply.resumed = nil, nil, nil
	hc.reply.counted = false
	if finish {
		hc.stage.Store(stageDone)
		hc.conn.Finish()
		return
	}
	hc.stage.Store(stageIdle)
	hc.conn.Resume()
}

// send encodes into a pooled buffer and writes it.
func (hc *httpConn) send(encode func(dst []byte) []byte) error {
	buf := hc.ls.s.buffers.Get()
	defer hc.ls.s.buffers.Put(buf)
	buf.B = encode(buf.B[:0])
	return hc.conn.SendSoon(buf.B, hc.ls.s.opt.Limits.OutboxMaxBytes, false)
}
