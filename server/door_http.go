package server

// Hot path: no allocation, no lock but the connection's own, no log, no time.Now.

import (
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// httpDoor serves HTTP/1.1: MCP's Streamable HTTP on /mcp for both eras, and the pages for
// operators. Requests of one connection are answered in order: while one waits, the connection
// is held.
type httpDoor struct {
	s      *Server
	ws     *wsDoor
	limits codec.HTTPLimits
}

func (s *Server) newHTTPDoor() *httpDoor {
	l := &s.opt.Limits
	line := &lineDoor{s: s, frameTime: l.FrameTimeout, idle: s.opt.WebSocket.PingInterval}
	return &httpDoor{
		s: s, ws: &wsDoor{line: line, s: s},
		limits: codec.HTTPLimits{
			HeadBytes: l.HeadBytes, Headers: l.Headers, TargetBytes: l.TargetBytes,
			BodyBytes:     int64(l.MessageBytes),
			ChunkExtBytes: codec.DefaultHTTPLimits().ChunkExtBytes,
		},
	}
}

// httpConn is the state of one connection. The fields above mu belong to its loop.
type httpConn struct {
	conn    *loop.Conn
	ls      *loopState
	parser  codec.RequestParser
	chunked *chunkedBody // while a chunked body comes in
	need    int          // bytes of the request at hand, head and body; 0: not known yet
	phase   httpPhase
	told100 bool
	closing bool // no further request is read
	awaited bool // a request was answered later than its Data call: see Expired

	view     *view     // that the request at hand is about
	upgraded bool      // it is a WebSocket: what follows is not HTTP
	sse      *lineConn // the session that this stream is, of HTTP+SSE

	calls inflight // of the modern era: a disconnect cancels them
	open  streamSet

	mu     sync.Mutex // guards what follows: answers come from any goroutine
	reply  replyTo
	stage  atomic.Uint32 // stageIdle: the next request may be read
	ending bool          // finish when the request at hand is answered
	probed bool          // the stream's comments must be acknowledged: see comment
}

// replyTo is what an answer needs to know of its request after the request's bytes are gone.
type replyTo struct {
	keepAlive bool
	headOnly  bool // a HEAD request: the answer has no body
	modern    bool
	oldHTTP   bool   // HTTP/1.0: no chunks, a stream ends with the connection
	cors      string // the allowed Origin, "" without one
	counted   bool   // in Server.streams, until it ends
	stream    *stream
	resumed   *replyStream // what a GET with Last-Event-ID carries on
	busy      *busySession
}

const (
	stageIdle      = iota
	stageWaiting   // nothing of the answer was sent
	stageStreaming // the answer is an event stream that has begun
	stageDone      // the last answer of the connection is on its way
)

// httpPhase says which absolute deadline a connection runs under.
type httpPhase uint8

const (
	httpFirst httpPhase = iota
	httpIdle
	httpHead
	httpBody
)

// chunkedBody collects a chunked body while its head stays where it is.
type chunkedBody struct {
	decoder codec.Chunked
	raw     int // raw bytes behind the head that were decoded
	body    []byte
}

// Open implements loop.Handler.
func (d *httpDoor) Open(c *loop.Conn) {
	hc := &httpConn{conn: c, ls: d.s.stateOf(c)}
	hc.parser.Limits = &d.limits
	c.State = hc
	c.SetDeadline(d.s.opt.Limits.FirstTimeout)
}

// Data implements loop.Handler: it answers every whole request of buf.
func (d *httpDoor) Data(c *loop.Conn, buf, out []byte) (int, []byte) {
	hc := c.State.(*httpConn)
	ls := hc.ls
	ls.wire = out
	used := 0
	for used < len(buf) && hc.reads() && !c.Enough(ls.wire) {
		n := d.request(hc, buf[used:])
		if n == 0 {
			break
		}
		used += n
	}
	if hc.upgraded {
		out, ls.wire = ls.wire, nil
		ls.flush()
		return used, out
	}
	if hc.closing {
		used = len(buf) // what follows the last answer is not looked at
	}
	if used == len(buf) && hc.stage.Load() == stageIdle {
		d.setPhase(hc, httpIdle)
	}
	out, ls.wire = ls.wire, nil
	ls.flush()
	return used, out
}

// reads tells whether the next request may be read.
func (hc *httpConn) reads() bool {
	return !hc.closing && !hc.upgraded && hc.stage.Load() == stageIdle
}

// request answers the request that buf begins with and returns its length, 0 when it is not
// whole yet.
func (d *httpDoor) request(hc *httpConn, buf []byte) int {
	if hc.need > len(buf) {
		return 0
	}
	r := hc.ls.requestOf(hc.conn)
	head, fault := hc.parser.Head(buf, r)
	if fault != nil {
		d.refuse(hc, fault)
		return len(buf)
	}
	if head == 0 {
		d.setPhase(hc, httpHead)
		return 0
	}
	body, total, fault := d.body(hc, r, buf, head)
	if fault != nil {
		d.refuse(hc, fault)
		return len(buf)
	}
	if total == 0 {
		d.setPhase(hc, httpBody)
		return 0
	}
	hc.need, hc.chunked, hc.told100 = 0, nil, false
	hc.phase = httpIdle // the next head has a deadline of its own
	hc.reply = replyTo{
		keepAlive: r.KeepAlive, oldHTTP: r.Minor == 0, headOnly: string(r.Method) == "HEAD",
	}
	d.route(hc, r, body)
	return total
}

// body returns the request's whole body and the length of head and body; 0 when bytes are
// missing.
func (d *httpDoor) body(
	hc *httpConn, r *codec.Request, buf []byte, head int,
) ([]byte, int, *codec.HTTPError) {
	if r.Chunked {
		return d.chunkedBody(hc, r, buf, head)
	}
	total := head + int(max(r.ContentLength, 0)) // Head has refused what is above the limit
	if total > len(buf) {
		hc.need = total
		return nil, 0, d.expect(hc, r)
	}
	return buf[head:total], total, nil
}

// chunksTooLarge refuses a body that is small but for its framing: it waits as it came.
var chunksTooLarge = &codec.HTTPError{Status: 413, Reason: "chunks too small for their number"}

// chunkedBody decodes what has come in since the last time.
func (d *httpDoor) chunkedBody(
	hc *httpConn, r *codec.Request, buf []byte, head int,
) ([]byte, int, *codec.HTTPError) {
	if hc.chunked == nil {
		hc.chunked = &chunkedBody{}
		hc.chunked.decoder.Reset(&d.limits)
	}
	ch := hc.chunked
	body, n, done, fault := ch.decoder.Decode(ch.body, buf[head+ch.raw:])
	ch.body, ch.raw = body, ch.raw+n
	if fault == nil && !done && len(buf) > d.s.opt.Limits.MessageBytes+d.limits.HeadBytes {
		fault = chunksTooLarge
	}
	if fault != nil || !done {
		if fault == nil {
			fault = d.expect(hc, r)
		}
		return nil, 0, fault
	}
	return body, head + ch.raw, nil
}

// expect answers "Expect: 100-continue" once, when the head alone gives no reason to refuse.
func (d *httpDoor) expect(hc *httpConn, r *codec.Request) *codec.HTTPError {
	if !r.Expect || hc.told100 || r.Minor == 0 {
		return nil
	}
	if e, _ := d.s.guardian.Load().check(r); e != nil {
		return &codec.HTTPError{Status: e.Status, Reason: e.Message}
	}
	hc.told100 = true
	hc.ls.wire = codec.AppendContinue(hc.ls.wire)
	return nil
}

// setPhase arms the deadline of a phase when it begins; a drip of bytes does not prolong it.
func (d *httpDoor) setPhase(hc *httpConn, p httpPhase) {
	if hc.phase == p && p != httpIdle {
		return
	}
	hc.phase, hc.awaited = p, false
	l := &d.s.opt.Limits
	switch p {
	case httpHead:
		hc.conn.SetDeadline(l.HeadTimeout)
	case httpBody:
		hc.conn.SetDeadline(l.BodyTimeout)
	default:
		hc.conn.SetDeadline(l.IdleTimeout)
	}
}

// EOF implements loop.Handler: in the modern era the client has cancelled what it waits for, in
// the legacy one its answer is still written.
func (d *httpDoor) EOF(c *loop.Conn) {
	hc := c.State.(*httpConn)
	hc.closing = true
	hc.calls.cancelAll(ErrDisconnected)
	hc.open.remove(hc.ls, everyStream, false)
	hc.leave(false)
	d.closeSSE(hc)
	hc.finish()
}

// Hangup implements loop.Hanguper: the client of a request that waits has gone. In the modern era
// that cancels the call and closes the stream (2026-07-28, basic/transports, "Disconnection"); a
// legacy call runs on.
func (d *httpDoor) Hangup(c *loop.Conn) {
	hc := c.State.(*httpConn)
	hc.calls.cancelAll(ErrDisconnected)
	if len(hc.open) > 0 || hc.sse != nil {
		hc.open.remove(hc.ls, everyStream, false)
		d.closeSSE(hc)
		c.Finish()
	}
	hc.leave(false)
}

// Drain implements loop.Drainer: idle connections end now, the others with their answer.
func (d *httpDoor) Drain(c *loop.Conn) {
	hc := c.State.(*httpConn)
	hc.open.remove(hc.ls, everyStream, true)
	hc.leave(true)
	if hc.sse != nil {
		hc.sse.open.remove(hc.ls, everyStream, true)
		hc.sse.finish()
		return
	}
	hc.finish()
}

// finish closes the connection once nothing waits to be answered.
func (hc *httpConn) finish() {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	hc.ending = true
	if hc.stage.Load() == stageIdle || hc.reply.stream != nil {
		hc.conn.Finish()
	}
}

// Expired implements loop.Handler.
func (d *httpDoor) Expired(c *loop.Conn, out []byte) []byte {
	hc := c.State.(*httpConn)
	switch hc.stage.Load() { // it waits for us
	case stageStreaming:
		hc.comment()
		c.SetDeadline(d.s.opt.KeepAlive)
		return out
	case stageWaiting, stageDone:
		c.SetDeadline(d.s.opt.Limits.IdleTimeout)
		return out
	}
	if hc.phase != httpHead && hc.phase != httpBody {
		if hc.awaited { // the deadline is of before that answer: idleness begins now
			d.setPhase(hc, httpIdle)
		}
		return out
	}
	hc.closing = true
	hc.ls.count.fault(codec.ErrRequestTimeout)
	d.s.logFault(c, "half a request")
	return d.appendRefusal(out, codec.ErrRequestTimeout.Status, codec.ErrRequestTimeout)
}

// Closed implements loop.Handler.
func (d *httpDoor) Closed(c *loop.Conn, err error) {
	d.s.logEnd(c, err)
	hc, ok := c.State.(*httpConn)
	if !ok {
		return
	}
	hc.calls.cancelAll(ErrDisconnected)
	hc.open.remove(hc.ls, everyStream, false)
	hc.leave(false)
	d.closeSSE(hc)
}
