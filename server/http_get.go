package server

import (
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// get is GET /mcp: the event stream of a legacy session (2025-03-26 to 2025-11-25,
// basic/transports, "Listening for messages from the server"). What belongs to no request goes
// there. One session has one: a second GET takes its place and the first one ends, so that a
// client whose stream died unnoticed gets on. With Last-Event-ID it is the rest of a stream, of
// this kind or of the answer to a POST.
func (d *httpDoor) get(hc *httpConn, r *codec.Request) {
	if mcp.ParseVersion(r.ProtocolVersion).Modern() {
		d.notAllowed(hc, "POST, OPTIONS")
		return
	}
	if !r.Accepts(typeStream) || r.Accept == nil {
		d.failHTTP(hc, codec.ErrNotAcceptable.With("Accept must list %s", typeStream))
		return
	}
	p, ok := d.legacy(hc, r)
	if !ok {
		return
	}
	if d.s.draining.Load() {
		d.failHTTP(hc, codec.ErrOverloaded.With("the server is shutting down"))
		return
	}
	session := hc.reply.busy
	if fault := d.carry(hc, p, r.LastEventID); fault != nil {
		d.failHTTP(hc, fault)
		return
	}
	if session.Ended() { // meanwhile, on another loop, which did not see the stream
		p.closeGet()
	}
}

// carry lets hc carry a new GET stream, or with a Last-Event-ID the rest of a stream whose
// connection broke.
func (d *httpDoor) carry(hc *httpConn, p *peer, lastEventID []byte) *codec.Error {
	if lastEventID == nil {
		return p.openGet(hc)
	}
	id, ok := parseEventID(lastEventID)
	switch {
	case !ok:
		return errNotResumable
	case id.get:
		return p.resumeGet(hc, id)
	}
	if rs := p.eventLog(d.s).find(id.stream); rs != nil {
		return rs.attach(hc, id.number)
	}
	return errNotResumable
}

// takeStream counts one more open stream, which hc will carry. At the limit it takes the place of
// old, whose stream it is to be; nil is nobody.
func (hc *httpConn) takeStream(old *httpConn) *codec.Error {
	s := hc.ls.s
	if !old.surrender() && !s.takeStream() {
		return codec.ErrOverloaded.With("limits.streams is reached")
	}
	hc.mu.Lock()
	hc.reply.counted = true
	hc.mu.Unlock()
	return nil
}

// surrender tells whether hc carries a counted stream; from then on it does not.
func (hc *httpConn) surrender() bool {
	if hc == nil {
		return false
	}
	hc.mu.Lock()
	defer hc.mu.Unlock()
	counted := hc.reply.counted
	hc.reply.counted = false
	return counted
}

// leave is the end of a connection that may carry a session's stream. It runs on its loop.
// graceful ends the GET stream's answer in order; a reply stream goes on until its call ends.
func (hc *httpConn) leave(graceful bool) {
	hc.mu.Lock()
	st, rs := hc.reply.stream, hc.reply.resumed
	hc.mu.Unlock()
	if st != nil && st.get != nil {
		st.get.leave(hc, graceful)
	}
	if rs != nil && !graceful {
		rs.leave(hc)
	}
}

// letGo ends the request at hand of a client that has gone. The caller has made sure that hc
// carries a stream.
func (hc *httpConn) letGo() {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	hc.reply.keepAlive = false
	hc.settle()
}
