package server

import (
	"bytes"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/server/session"
)

// HTTP+SSE, the transport of 2024-11-05 (basic/transports, "HTTP with SSE"; deprecated by
// SEP-2596): GET /sse opens an event stream whose first event says where to POST; every message of
// the server comes on the stream, and a POST is only accepted. One stream is one session, as on the
// line door, whose logic it is: POSTs are handed over to the stream's loop.

// ssePath and messagesPath are where the transport is served.
const (
	ssePath      = "/sse"
	messagesPath = "/messages"
	sessionParam = "sessionId="
)

// sseStream is what a connection of the line door has when it is an event stream.
type sseStream struct {
	hc      *httpConn
	session *session.Session
}

// openSSE is GET /sse.
func (d *httpDoor) openSSE(hc *httpConn, r *codec.Request) {
	switch {
	case string(r.Method) != "GET":
		d.notAllowed(hc, "GET")
		return
	case r.Accept != nil && !r.Accepts(typeStream):
		d.failHTTP(hc, codec.ErrNotAcceptable.With("Accept must list %s", typeStream))
		return
	case d.s.draining.Load():
		d.failHTTP(hc, codec.ErrOverloaded.With("the server is shutting down"))
		return
	case !d.s.takeStream():
		d.failHTTP(hc, codec.ErrOverloaded.With("limits.streams is reached"))
		return
	}
	one, err := d.s.sessions.Create(principalOf(r), "")
	if err != nil {
		d.s.streams.Add(-1)
		d.failHTTP(hc, codec.ErrOverloaded.With("%v", err))
		return
	}
	lc := &lineConn{view: hc.view, conn: hc.conn, ls: hc.ls, auth: bytes.Clone(r.Authorization)}
	lc.sse = &sseStream{hc: hc, session: one}
	hc.sse, hc.reply.busy = lc, one
	one.SetState(lc)
	hc.ls.count.streams.Add(1)
	hc.beginListen(&stream{http: hc})
	hc.frames(false, func(dst []byte) []byte {
		return codec.AppendEvent(dst, "", "endpoint", []byte(messagesPath+"?"+sessionParam+one.ID))
	})
	hc.conn.SetDeadline(d.s.opt.KeepAlive) // of the first comment, also before initialize
}

// postMessage is POST /messages?sessionId=….
func (d *httpDoor) postMessage(hc *httpConn, r *codec.Request, body []byte) {
	if string(r.Method) != "POST" {
		d.notAllowed(hc, "POST")
		return
	}
	if !mediaType(r.ContentType, typeJSON) {
		d.failHTTP(hc, codec.ErrUnsupportedMediaType)
		return
	}
	id, _ := bytes.CutPrefix(r.Query, []byte(sessionParam))
	one, found := d.s.sessions.Get(id, principalOf(r))
	if !found {
		d.failHTTP(hc, codec.ErrSessionNotFound)
		return
	}
	lc, ok := one.State.(*lineConn)
	if !ok { // a session of Streamable HTTP
		d.failHTTP(hc, codec.ErrSessionNotFound)
		return
	}
	if lc.pending.Load() >= lc.limit() {
		d.failHTTP(hc, codec.ErrOverloaded.With("limits.in_flight_per_conn is reached"))
		return
	}
	message := bytes.Clone(body)
	if lc.ls.loop.Post(func() { d.takeMessage(lc, message) }) != nil {
		d.failHTTP(hc, codec.ErrOverloaded)
		return
	}
	hc.respond(202, "", nil)
}

// takeMessage handles a message on its stream's loop.
func (d *httpDoor) takeMessage(lc *lineConn, message []byte) {
	if lc.sse.hc.sse == nil {
		return // the stream has ended meanwhile
	}
	if out := d.ws.line.frame(lc, message, nil); len(out) > 0 {
		_ = lc.write(out, answersFactor*d.s.opt.Limits.OutboxMaxBytes, false)
	}
	lc.ls.flush()
}

// write sends one message as an event. Safe for concurrent use.
func (st *sseStream) write(message []byte) error {
	st.hc.mu.Lock()
	defer st.hc.mu.Unlock()
	if st.hc.stage.Load() != stageStreaming {
		return ErrEnded
	}
	return st.hc.event(message)
}

// end ends the event stream.
func (st *sseStream) end() {
	st.hc.mu.Lock()
	defer st.hc.mu.Unlock()
	if st.hc.stage.Load() == stageStreaming {
		st.hc.endStream()
	}
}

// closeSSE ends the session of a stream that has gone: nobody is left to answer. Called on its
// loop.
func (d *httpDoor) closeSSE(hc *httpConn) {
	lc := hc.sse
	if lc == nil {
		return
	}
	hc.sse = nil
	d.s.streams.Add(-1)
	d.ws.line.gone(lc)
	d.s.sessions.Delete([]byte(lc.sse.session.ID), lc.sse.session.Principal)
}

// endSSE ends a stream whose session has ended, from any goroutine.
func (s *Server) endSSE(lc *lineConn) {
	_ = lc.ls.loop.Post(lc.sse.end) // a full ring leaves it to the client
}
