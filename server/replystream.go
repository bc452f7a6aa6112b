package server

import (
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// replyStream is the answer to a legacy POST whose calls are answered later. It outlives the
// connection that the POST came on: once it is an event stream, each message gets an id and is
// logged, and a GET with Last-Event-ID carries it on (2025-03-26 to 2025-11-25, basic/transports,
// "Resumability and redelivery"). It is an origin; its methods are safe for concurrent use.
//
// Locks are taken in this order: replyStream.mu, then eventLog.mu or httpConn.mu.
type replyStream struct {
	peer    *peer
	session *busySession
	ls      *loopState // for its counters

	mu     sync.Mutex // guards what follows
	hc     *httpConn  // who carries it now; nil: nobody
	log    *eventLog  // nil until it is an event stream
	number uint64     // of the stream in the log
	ended  bool
}

// retryDefault is how long a client waits before it connects again, unless a handler said.
const retryDefault = time.Second

// legacyOrigin is the origin of a legacy message. Most messages are answered at once and need
// none, so the loop keeps one ready; expect takes it.
func (hc *httpConn) legacyOrigin(p *peer) *replyStream {
	ls := hc.ls
	if ls.spare == nil {
		ls.spare = &replyStream{ls: ls}
	}
	ls.spare.hc, ls.spare.peer, ls.spare.session = hc, p, hc.reply.busy
	return ls.spare
}

// expect implements origin.
func (rs *replyStream) expect(c *Call) {
	rs.ls.spare = nil
	rs.session.Begin()
	rs.hc.expect(c)
}

// refused implements origin.
func (rs *replyStream) refused(c *Call) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.hc.refused(c)
	rs.finish()
}

// notify implements origin: the first message turns the answer into an event stream. A message
// that nobody carries waits in the log.
func (rs *replyStream) notify(_ *Call, message []byte) error {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.ended {
		return ErrEnded
	}
	rs.begin(retryDefault)
	rs.emit(message)
	return nil
}

// deliver implements origin.
func (rs *replyStream) deliver(c *Call, message []byte, status int) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	switch {
	case rs.ended:
		return
	case rs.log == nil:
		rs.hc.deliver(c, message, status)
	default:
		rs.emit(message)
		rs.detach()
	}
	rs.finish()
}

// abandon implements origin.
func (rs *replyStream) abandon(c *Call) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.ended {
		return
	}
	if rs.hc != nil {
		rs.hc.abandon(c)
	}
	rs.finish()
}

// closeStream ends the HTTP answer, not the call. It does nothing before 2025-11-25, whose clients
// do not come back.
func (rs *replyStream) closeStream(retry time.Duration) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.ended || rs.hc == nil || rs.peer.version < mcp.V20251125 {
		return
	}
	if rs.log != nil {
		rs.hc.frames(false, func(dst []byte) []byte {
			return append(codec.AppendRetry(dst, retry), '\n')
		})
	}
	rs.begin(retry)
	rs.detach()
}

// begin makes the answer an event stream unless it is one. rs.mu must be held.
func (rs *replyStream) begin(retry time.Duration) {
	if rs.log != nil {
		return
	}
	rs.log = rs.peer.eventLog(rs.ls.s)
	rs.number = rs.log.open(rs)
	rs.hc.mu.Lock()
	rs.hc.beginStream()
	rs.hc.mu.Unlock()
	if rs.peer.version >= mcp.V20251125 { // older clients choke on the empty data
		rs.hc.frames(false, func(dst []byte) []byte {
			id := eventID{stream: rs.number}.append(nil)
			return codec.AppendEvent(codec.AppendRetry(dst, retry), id, nil, nil)
		})
	}
}

// emit logs a message and sends it to who carries the stream. rs.mu must be held.
func (rs *replyStream) emit(message []byte) {
	number := rs.log.add(rs.ls, rs.number, message)
	if rs.hc != nil {
		rs.hc.frames(false, func(dst []byte) []byte {
			return appendLogged(dst, eventID{stream: rs.number, number: number}, message)
		})
	}
}

func appendLogged(dst []byte, id eventID, message []byte) []byte {
	text := id.append(make([]byte, 0, eventIDMax))
	return codec.AppendEvent(dst, text, []byte("message"), message)
}

// attach lets hc carry the stream from behind the event with this number on; who carried it
// before is ended. It runs on hc's loop.
func (rs *replyStream) attach(hc *httpConn, number uint64) *codec.Error {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.log == nil {
		return errNotResumable
	}
	missed, fault := rs.log.after(rs.number, number)
	if fault != nil {
		return fault
	}
	if fault = hc.takeStream(rs.hc); fault != nil {
		return fault
	}
	rs.detach()
	hc.expect(nil)
	hc.mu.Lock()
	hc.reply.resumed = rs
	hc.beginStream()
	hc.mu.Unlock()
	hc.ls.count.streams.Add(1)
	rs.hc = hc
	hc.ls.count.replayed.Add(uint64(len(missed)))
	hc.frames(true, func(dst []byte) []byte {
		for _, e := range missed {
			dst = appendLogged(dst, eventID{stream: e.stream, number: e.number}, e.message)
		}
		return dst
	})
	if rs.ended {
		rs.detach()
	}
	return nil
}

// detach ends the HTTP answer of who carries the stream. rs.mu must be held.
func (rs *replyStream) detach() {
	if rs.hc == nil {
		return
	}
	rs.hc.mu.Lock()
	rs.hc.endStream()
	rs.hc.mu.Unlock()
	rs.hc = nil
}

// leave is the end of a GET that carries the stream. It runs on hc's loop.
func (rs *replyStream) leave(hc *httpConn) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.hc == hc {
		rs.hc = nil
		hc.letGo()
	}
}

// finish is the end of what the POST asked for. rs.mu must be held.
func (rs *replyStream) finish() {
	rs.ended, rs.hc = true, nil
	if rs.log != nil {
		rs.log.end(rs.number)
	}
	rs.session.End()
}

// frames sends what encode appends, if anything, as part of the event stream. It may be all that
// the log held, which the outbox takes beyond Limits.OutboxMaxBytes. A peer that has gone gets
// nothing.
func (hc *httpConn) frames(replay bool, encode func(dst []byte) []byte) {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	buf, chunk := hc.ls.s.buffers.Get(), hc.ls.s.buffers.Get()
	defer hc.ls.s.buffers.Put(buf)
	defer hc.ls.s.buffers.Put(chunk)
	buf.B = encode(buf.B[:0])
	if len(buf.B) == 0 {
		return // an empty chunk would end the stream
	}
	chunk.B = append(chunk.B[:0], buf.B...)
	if !hc.reply.oldHTTP {
		chunk.B = codec.AppendChunk(chunk.B[:0], buf.B)
	}
	most := hc.ls.s.opt.Limits.OutboxMaxBytes
	if replay {
		most += len(chunk.B)
	}
	_ = hc.conn.SendWithin(chunk.B, most)
}

// eventLog returns the session's log, which is made when the first event needs it.
func (p *peer) eventLog(s *Server) *eventLog {
	p.logging.Lock()
	defer p.logging.Unlock()
	if p.events == nil {
		p.events = &eventLog{s: s, closed: p.closed, streams: map[uint64]*loggedStream{}}
	}
	return p.events
}

// closeLog lets go of the log when the session ends.
func (p *peer) closeLog() {
	p.logging.Lock()
	defer p.logging.Unlock()
	p.closed = true
	if p.events != nil {
		p.events.close()
	}
}
