package server

// Hot path: no allocation, no lock but the session table's, no log, no time.Now.

import (
	"bytes"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// post is POST /mcp: one message, or a batch of 2025-03-26. The order of the checks is the
// one that the conformance suite expects (2026-07-28, basic/transports; docs/protocol.md).
func (d *httpDoor) post(hc *httpConn, r *codec.Request, body []byte) {
	if !r.Judged {
		if fault := checkTypes(r); fault != nil {
			d.failHTTP(hc, fault)
			return
		}
		r.Judged = true
	}
	in := &hc.ls.in
	in.reset()
	in.view, in.origin, in.calls = hc.view, hc, &hc.calls
	if codec.IsBatch(body) {
		d.postBatch(hc, r, body)
		return
	}
	if fault := hc.ls.scanner.Scan(body, &in.msg); fault != nil {
		hc.ls.body = d.s.refuse(hc.ls, hc.ls.body[:0], in.msg.ID, fault)
		hc.respond(fault.Status, typeJSON, hc.ls.body)
		return
	}
	if in.msg.Kind == codec.KindResult || in.msg.Kind == codec.KindError {
		d.postReply(hc, r, in)
		return
	}
	fault := in.classify()
	switch {
	case fault != nil:
		d.answer(hc, in, in.fail(hc.ls.body[:0], fault, nil))
	case in.modern():
		d.postModern(hc, r, in)
	case mcp.ParseVersion(r.ProtocolVersion).Modern():
		d.postUnclaimed(hc, in)
	case in.method == mcp.MethodInitialize && in.msg.Kind == codec.KindRequest:
		d.initialize(hc, r, in)
	default:
		d.postLegacy(hc, r, in)
	}
}

// checkTypes is about the representation alone.
func checkTypes(r *codec.Request) *codec.Error {
	if !mediaType(r.ContentType, typeJSON) {
		return codec.ErrUnsupportedMediaType
	}
	if r.ContentEncoding != nil && string(r.ContentEncoding) != "identity" {
		return codec.ErrUnsupportedMediaType.With("Content-Encoding is not supported")
	}
	if r.Accept != nil && (!r.Accepts(typeJSON) || !r.Accepts(typeStream)) {
		return codec.ErrNotAcceptable.With("Accept must list %s and %s", typeJSON, typeStream)
	}
	return nil
}

// mediaType compares the type of a Content-Type, without its parameters.
func mediaType(value []byte, want string) bool {
	if i := bytes.IndexByte(value, ';'); i >= 0 {
		value = bytes.TrimRight(value[:i], " \t")
	}
	return len(value) == len(want) && bytes.EqualFold(value, []byte(want))
}

// answer writes what dispatch appended, unless the answer comes later.
func (d *httpDoor) answer(hc *httpConn, in *inbound, out []byte) {
	hc.ls.body = out
	switch {
	case in.pending:
	case in.msg.Kind == codec.KindNotification && len(out) == 0:
		hc.respond(max(in.status, 202), "", nil)
	case in.peer != nil:
		hc.respond(200, typeJSON, out) // legacy: an error is in-band
	default:
		hc.respond(in.status, typeJSON, out)
	}
}

// postModern serves a message of the modern era: nothing is remembered between two of them.
func (d *httpDoor) postModern(hc *httpConn, r *codec.Request, in *inbound) {
	hc.reply.modern, in.auth = true, r.Authorization
	out := hc.ls.body[:0]
	fault := checkVersionAndMethod(r, in)
	switch {
	case fault != nil:
		out = in.fail(out, fault, nil)
	case in.env.Negotiable() != nil:
		out = in.failUnsupported(out)
	default:
		if fault = d.s.checkHeaders(r, in); fault != nil {
			out = in.fail(out, fault, nil)
		} else {
			out = d.s.dispatch(in, out)
		}
	}
	d.answer(hc, in, out)
}

// postUnclaimed is a body without a claim under a header that names a modern revision.
func (d *httpDoor) postUnclaimed(hc *httpConn, in *inbound) {
	if in.msg.Kind == codec.KindNotification {
		d.answer(hc, in, hc.ls.body[:0])
		return
	}
	fault := in.env.Check()
	if in.method == mcp.MethodInitialize {
		fault = codec.ErrHeaderMismatch.With("initialize is of the revisions before 2026-07-28")
	}
	d.answer(hc, in, in.fail(hc.ls.body[:0], fault, nil))
}

// initialize opens a legacy session.
func (d *httpDoor) initialize(hc *httpConn, r *codec.Request, in *inbound) {
	if r.Dup { // whose session would it be?
		d.failHTTP(hc, codec.ErrBadRequest.With("a header that MCP reads came more than once"))
		return
	}
	p, fault := newPeer(in)
	if fault != nil {
		d.answer(hc, in, in.fail(hc.ls.body[:0], fault, nil))
		return
	}
	session, err := d.s.sessions.Create(principalOf(r), p.version.String())
	if err != nil {
		d.answer(hc, in, in.fail(hc.ls.body[:0], codec.ErrOverloaded.With("%v", err), nil))
		return
	}
	p.sessionID = session.ID
	session.SetState(p)
	hc.ls.tally.methods[mcp.MethodInitialize]++
	out := codec.AppendResult(hc.ls.body[:0], in.msg.ID, in.view.initialized(p.version))
	hc.ls.body = out
	hc.ls.wire = hc.appendResponse(hc.ls.wire, 200, typeJSON, out, session.ID)
	hc.sent()
}

// legacy finds the session of a legacy request; false when the request was refused.
func (d *httpDoor) legacy(hc *httpConn, r *codec.Request) (*peer, bool) {
	if v := r.ProtocolVersion; v != nil && mcp.ParseVersion(v) == mcp.NoVersion {
		d.failHTTP(hc, codec.ErrBadRequest.With("MCP-Protocol-Version %.32q is not supported; "+
			"versions: %v", v, mcp.SupportedVersions()))
		return nil, false
	}
	if r.SessionID == nil {
		d.failHTTP(hc, codec.ErrBadRequest.With("the header Mcp-Session-Id is missing, and "+
			"params._meta lacks %q", mcp.MetaProtocolVersion))
		return nil, false
	}
	session, ok := d.s.sessions.Get(r.SessionID, principalOf(r))
	if !ok || r.Dup {
		d.failHTTP(hc, codec.ErrSessionNotFound)
		return nil, false
	}
	p, ok := session.State.(*peer)
	if !ok || p.view != hc.view { // a session of HTTP+SSE, or of another path
		d.failHTTP(hc, codec.ErrSessionNotFound)
		return nil, false
	}
	hc.reply.busy = session
	return p, true
}

func (d *httpDoor) postLegacy(hc *httpConn, r *codec.Request, in *inbound) {
	p, ok := d.legacy(hc, r)
	if !ok {
		return
	}
	in.peer, in.calls, in.version, in.auth = p, &p.calls, p.version, r.Authorization
	in.origin = hc.legacyOrigin(p)
	d.answer(hc, in, d.s.dispatch(in, hc.ls.body[:0]))
}

// postReply takes a client's answer to a request of the server. What nobody waits for is accepted
// all the same: the answer may have crossed the end of its call.
func (d *httpDoor) postReply(hc *httpConn, r *codec.Request, in *inbound) {
	p, ok := d.legacy(hc, r)
	if !ok {
		return
	}
	p.answered(in)
	hc.respond(202, "", nil)
}

func (d *httpDoor) postBatch(hc *httpConn, r *codec.Request, body []byte) {
	var p *peer // nil has no batches
	if r.SessionID != nil && !mcp.ParseVersion(r.ProtocolVersion).Modern() {
		var ok bool
		if p, ok = d.legacy(hc, r); !ok {
			return
		}
	}
	var parent origin = hc
	calls := &hc.calls
	if p != nil {
		parent, calls = hc.legacyOrigin(p), &p.calls
	}
	out := d.s.batch(hc.ls, parent, p, calls, body, hc.ls.body[:0])
	if len(out) > 0 {
		hc.ls.body = out
		hc.respond(400, typeJSON, out)
	}
}

// principalOf names who a session belongs to: without authorization it is everybody, else the
// one who holds the same credentials.
func principalOf(r *codec.Request) string { return principalText(r.Authorization) }
