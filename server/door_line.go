package server

// Hot path: no allocation, no lock, no log, no time.Now.

import (
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// lineDoor serves newline-delimited JSON-RPC: TCP, unix sockets, standard input and output
// (2025-11-25 and 2026-07-28, basic/transports: stdio framing). Every message is classified by
// itself; initialize makes a legacy session that lives as long as the connection.
type lineDoor struct {
	s *Server
	// Deadlines of the phases; 0, as for standard input, is none.
	first, frameTime, idle time.Duration
}

// lineConn is the state of one connection of the line or of the WebSocket door. What is above
// pending belongs to its loop.
type lineConn struct {
	view  *view // nil: of everything
	conn  *loop.Conn
	ls    *loopState
	lines codec.Lines
	ws    *webSocket // instead of lines; nil on the line door
	sse   *sseStream // the same for HTTP+SSE
	auth  []byte     // the credentials of the upgrade
	peer  *peer      // made by initialize
	calls inflight
	open  streamSet
	push  *stream // how the legacy peer is told of changes
	phase phase

	pending atomic.Int32 // calls that wait for an answer
	ending  atomic.Bool  // finish when no call is pending
}

// phase says which deadline a connection runs under.
type phase uint8

const (
	phaseIdle phase = iota
	phaseFirst
	phasePartial
)

// Open implements loop.Handler.
func (d *lineDoor) Open(c *loop.Conn) {
	lc := &lineConn{conn: c, ls: d.s.stateOf(c), phase: phaseFirst}
	lc.lines.Max = d.s.opt.Limits.MessageBytes
	c.State = lc
	c.SetDeadline(d.first)
}

// Data implements loop.Handler: it answers every whole line of buf.
func (d *lineDoor) Data(c *loop.Conn, buf, out []byte) (int, []byte) {
	lc := c.State.(*lineConn)
	used, whole, partial := 0, false, lc.lines.Partial()
	for used < len(buf) && !c.Paused() && !c.Enough(out) {
		if !partial {
			if n, reply := d.usual(lc, buf[used:], out); n > 0 { // Fast path.
				used, whole, out = used+n, true, reply
				continue
			}
		}
		line, n, state := lc.lines.Next(buf[used:])
		used += n
		if partial = lc.lines.Partial(); state == codec.LineNeedMore {
			break
		}
		whole = whole || state == codec.LineFrame
		start := len(out)
		if state == codec.LineTooLong {
			out = d.s.refuse(lc.ls, out, nil, codec.ErrTooLarge)
		} else {
			out = d.frame(lc, line, out)
		}
		if len(out) > start {
			out = append(out, '\n')
		}
	}
	d.setPhase(c, lc, whole, partial)
	lc.ls.flush()
	return used, out
}

// usual answers the line that buf begins with when it is a call much like the one before. It
// returns how many bytes that took, 0 for the common way.
func (d *lineDoor) usual(lc *lineConn, buf, out []byte) (int, []byte) {
	in := &lc.ls.in
	n := lc.ls.scanner.ScanLine(buf, &in.msg)
	if n == 0 || n > lc.lines.Max {
		return 0, out
	}
	in.reset()
	in.see(lc.view)
	in.origin, in.calls, in.auth = lc, &lc.calls, lc.auth
	start := len(out)
	if out = d.message(lc, in, out); len(out) > start {
		out = append(out, '\n')
	}
	return n, out
}

// setPhase keeps one absolute deadline per phase: a partial frame must be whole in time however
// slowly its bytes drip in. A frame that became whole ends its phase; frames that wait because
// the connection is held are not partial.
func (d *lineDoor) setPhase(c *loop.Conn, lc *lineConn, whole, partial bool) {
	switch {
	case partial && (whole || lc.phase != phasePartial):
		lc.phase = phasePartial
		c.SetDeadline(d.frameTime)
	case !partial:
		lc.phase = phaseIdle
		c.SetDeadline(d.idle)
	}
}

// frame answers one line: a message or a batch.
func (d *lineDoor) frame(lc *lineConn, line, out []byte) []byte {
	if codec.IsBatch(line) {
		return d.s.batch(lc.ls, lc, lc.peer, &lc.calls, line, out)
	}
	in := &lc.ls.in
	in.reset()
	in.see(lc.view)
	in.origin, in.calls, in.auth = lc, &lc.calls, lc.auth
	if fault := lc.ls.scanner.Scan(line, &in.msg); fault != nil {
		return d.s.refuseScanned(in, out, fault)
	}
	return d.message(lc, in, out)
}

// message answers one scanned message.
func (d *lineDoor) message(lc *lineConn, in *inbound, out []byte) []byte {
	if in.msg.Kind == codec.KindResult || in.msg.Kind == codec.KindError {
		if lc.peer == nil {
			lc.ls.count.strayReplies.Add(1)
			return out
		}
		lc.peer.answered(in)
		return out
	}
	if fault := in.classify(); fault != nil {
		return in.failRequest(out, fault, nil)
	}
	if in.modern() {
		if in.env.Negotiable() != nil {
			return in.failUnsupported(out)
		}
		return d.s.dispatch(in, out)
	}
	if in.method == mcp.MethodInitialize && in.msg.Kind == codec.KindRequest {
		return d.initialize(lc, in, out)
	}
	if lc.peer == nil {
		return d.uninitialized(in, out)
	}
	in.peer, in.version = lc.peer, lc.peer.version
	return d.s.dispatch(in, out)
}

// initialize makes the connection's legacy session.
func (d *lineDoor) initialize(lc *lineConn, in *inbound, out []byte) []byte {
	if lc.peer != nil {
		return in.fail(out, codec.ErrInvalidRequest.With("already initialized"), nil)
	}
	p, fault := newPeer(in)
	if fault != nil {
		return in.fail(out, fault, nil)
	}
	lc.peer, p.line = p, lc
	lc.push = &stream{view: in.view, line: lc, legacy: p}
	p.told = lc.push
	lc.ls.addListener(lc.push)
	lc.ls.tally.methods[mcp.MethodInitialize]++
	return codec.AppendResult(out, in.msg.ID, in.view.initialized(p.version))
}

// uninitialized answers a message that claims no era on a connection without a session.
func (d *lineDoor) uninitialized(in *inbound, out []byte) []byte {
	if in.msg.Kind == codec.KindNotification {
		return out
	}
	if in.method == mcp.MethodPing {
		in.version = mcp.LatestLegacy
		return d.s.dispatch(in, out)
	}
	return in.fail(out, codec.ErrInvalidRequest.With("params._meta lacks %q, and no initialize "+
		"came before; versions: %v", mcp.MetaProtocolVersion, mcp.SupportedVersions()), nil)
}

// EOF implements loop.Handler: calls in flight are still answered.
func (d *lineDoor) EOF(c *loop.Conn) {
	lc := c.State.(*lineConn)
	if lc.peer != nil {
		lc.peer.fallSilent()
	}
	lc.finish()
}

// Drain implements loop.Drainer.
func (d *lineDoor) Drain(c *loop.Conn) {
	lc := c.State.(*lineConn)
	lc.open.remove(lc.ls, everyStream, true)
	lc.finish()
}

// finish closes the connection as soon as no call is pending.
func (lc *lineConn) finish() {
	lc.ending.Store(true)
	if lc.pending.Load() == 0 {
		lc.end()
	}
}

// end closes the connection after what was sent.
func (lc *lineConn) end() {
	if lc.sse != nil {
		lc.sse.end()
	}
	if lc.ws != nil {
		_ = lc.conn.Send(codec.AppendWSClose(nil, codec.WSGoingAway, "the server is shutting down"))
	}
	lc.conn.Finish()
}

// Expired implements loop.Handler. A connection that waits for an answer, or that has a stream
// open, is not idle.
func (d *lineDoor) Expired(c *loop.Conn, out []byte) []byte {
	lc := c.State.(*lineConn)
	if lc.phase == phasePartial {
		d.s.logFault(c, "half a line")
		return append(d.s.refuse(lc.ls, out, nil, codec.ErrTimeout), '\n')
	}
	if lc.pending.Load() > 0 || len(lc.open) > 0 {
		c.SetDeadline(d.idle)
	}
	return out
}

// Closed implements loop.Handler: nobody is left to answer.
func (d *lineDoor) Closed(c *loop.Conn, err error) {
	d.s.logEnd(c, err)
	if lc, ok := c.State.(*lineConn); ok {
		d.gone(lc)
	}
}

// gone ends what belongs to a connection that has ended.
func (d *lineDoor) gone(lc *lineConn) {
	if lc.push != nil {
		lc.ls.removeListener(lc.push)
		lc.peer.deafen()
	}
	lc.open.remove(lc.ls, everyStream, false)
	lc.calls.cancelAll(ErrDisconnected)
	if lc.peer != nil {
		lc.peer.calls.cancelAll(ErrDisconnected)
		lc.ls.s.endTasks(lc.peer)
		lc.ls.s.leaveUpstreams(lc.peer)
	}
}

// answersFactor: answers of calls that were accepted may fill the outbox so many times beyond
// Limits.OutboxMaxBytes, since several large ones can be ready at the same moment.
const answersFactor = 16

func (lc *lineConn) deliver(_ *Call, message []byte, _ int) {
	// A peer that has gone gets nothing. More answers are about to follow when more calls wait.
	s := lc.ls.s
	_ = lc.write(message, answersFactor*s.opt.Limits.OutboxMaxBytes, s.workers.Len() > 0)
	lc.settled()
}

func (lc *lineConn) notify(_ *Call, message []byte) error {
	return lc.write(message, lc.ls.s.opt.Limits.OutboxMaxBytes, false)
}

// write sends one message in the door's framing; more as in loop.Conn.SendSoon. Safe for
// concurrent use.
func (lc *lineConn) write(message []byte, outboxMax int, more bool) error {
	if lc.sse != nil {
		return lc.sse.write(message)
	}
	if lc.ws == nil {
		return lc.conn.SendSoon(append(message, '\n'), outboxMax, more)
	}
	buf := lc.ls.s.buffers.Get()
	defer lc.ls.s.buffers.Put(buf)
	buf.B = lc.appendText(buf.B[:0], message)
	return lc.conn.SendSoon(buf.B, outboxMax, more)
}

func (lc *lineConn) abandon(*Call) { lc.settled() }
func (lc *lineConn) refused(*Call) { lc.settled() }

// expect counts the call. At the limit the connection is paused: backpressure comes before
// refusal, and the peer's next frames wait in its socket.
//
// Pause comes before the look at pending, and settled lowers pending before it looks for a pause:
// at least one of the two sees the other, so no connection stays paused without a call. A late
// Resume may let in one frame more than the limit, which does no harm.
func (lc *lineConn) expect(*Call) {
	if lc.pending.Add(1) < lc.limit() || lc.sse != nil { // whose POSTs are refused instead
		return
	}
	lc.conn.Pause()
	if lc.pending.Load() < lc.limit() {
		lc.conn.Resume()
	}
}

func (lc *lineConn) limit() int32 { return int32(lc.ls.s.opt.Limits.InFlightPerConn) }

// settled is the end of one pending call.
func (lc *lineConn) settled() {
	left := lc.pending.Add(-1)
	if left < lc.limit() && lc.sse == nil && lc.conn.Paused() && !lc.inflates() {
		lc.conn.Resume()
	}
	if left == 0 && lc.ending.Load() {
		lc.end()
	}
}
