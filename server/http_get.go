package server

import (
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// get is GET /mcp: the event stream of a legacy session (2025-03-26 to 2025-11-25,
// basic/transports, "Listening for messages from the server"). What belongs to no request goes
// there. One session has one: a second GET takes its place and the first one ends, so that a
// client whose stream died unnoticed gets on.
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
	if r.LastEventID != nil {
		d.resume(hc, p, r.LastEventID)
		return
	}
	if d.s.draining.Load() {
		d.failHTTP(hc, codec.ErrOverloaded.With("the server is shutting down"))
		return
	}
	if !d.s.takeStream() {
		d.failHTTP(hc, codec.ErrOverloaded.With("limits.streams is reached"))
		return
	}
	st := &stream{conn: hc.conn, legacy: p, http: hc}
	hc.open.add(hc.ls, st)
	old := p.attach(st) // before the head: a client that has it may send the next GET at once
	hc.beginListen(st)
	d.s.endGet(old)
	if hc.reply.busy.Ended() { // meanwhile, on another loop, which did not see st
		d.s.endGet(p.attach(nil))
	}
}

// endGet ends a GET stream from any goroutine; nil is none.
func (s *Server) endGet(st *stream) {
	if st == nil {
		return
	}
	ls := st.http.ls
	_ = ls.loop.Post(func() { // a full ring leaves it to the keep-alive or to the client
		st.http.open.remove(ls, func(one *stream) bool { return one == st }, true)
	})
}
