package server

import (
	"bytes"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// route answers one whole request. Origin and Host are checked before anything else is looked at.
func (d *httpDoor) route(hc *httpConn, r *codec.Request, body []byte) {
	fault, origin := d.s.guardian.Load().check(r)
	if fault != nil {
		d.failHTTP(hc, fault)
		return
	}
	hc.reply.cors = origin
	hc.view = &d.s.view
	switch string(r.Path) {
	case mcpPath:
		d.endpoint(hc, r, body)
	case ssePath:
		d.openSSE(hc, r)
	case messagesPath:
		d.postMessage(hc, r, body)
	case "/health", "/livez", "/readyz", "/metrics":
		d.operator(hc, r)
	default:
		d.part(hc, r, body)
	}
}

// mcpPath is where everything is served; below it are the parts.
const mcpPath = "/mcp"

// part serves a path that has a view of its own.
func (d *httpDoor) part(hc *httpConn, r *codec.Request, body []byte) {
	name, path := partOf(r.Path)
	hc.view = d.s.views.find(name)
	switch {
	case path == "":
		d.failHTTP(hc, codec.ErrNotFound.With("MCP is served on /mcp"))
		return
	case hc.view == nil:
		d.failHTTP(hc, codec.ErrNotFound.With("no server %.64q here; /mcp has all that there is",
			name))
		return
	}
	hc.view.requests.Add(1)
	if path == ssePath {
		d.openSSE(hc, r)
		return
	}
	d.endpoint(hc, r, body)
}

// serversPath is where other gateways have a server's endpoint: /servers/NAME/mcp.
const serversPath = "/servers/"

// partOf returns the view's name and what of it is asked for: mcpPath, ssePath or, for other
// paths, "".
func partOf(target []byte) (name []byte, path string) {
	if name, ok := bytes.CutPrefix(target, []byte(mcpPath+"/")); ok {
		return name, mcpPath
	}
	if name, ok := bytes.CutPrefix(target, []byte(ssePath+"/")); ok {
		return name, ssePath
	}
	if name, ok := bytes.CutPrefix(target, []byte(serversPath)); ok {
		if name, ok = bytes.CutSuffix(name, []byte(mcpPath)); ok {
			return name, mcpPath
		}
	}
	return nil, ""
}

// endpoint is /mcp or a part of it: POST in both eras, GET and DELETE in the legacy one.
func (d *httpDoor) endpoint(hc *httpConn, r *codec.Request, body []byte) {
	switch string(r.Method) {
	case "POST":
		d.post(hc, r, body)
	case "DELETE":
		d.deleteSession(hc, r)
	case "OPTIONS":
		d.preflight(hc)
	case "GET":
		if _, asks := r.Header("upgrade"); asks > 0 {
			d.upgrade(hc, r)
			return
		}
		d.get(hc, r)
	case "HEAD", "PUT", "PATCH":
		d.notAllowed(hc, "GET, POST, DELETE, OPTIONS")
	default:
		d.failHTTP(hc, codec.ErrNotImplemented.With("HTTP method %.32q", r.Method))
	}
}

// failHTTP answers with a status and a JSON-RPC error without an id.
func (d *httpDoor) failHTTP(hc *httpConn, e *codec.Error) {
	hc.ls.count.fault(e)
	d.s.logFault(hc.conn, e.Message)
	hc.ls.body = codec.AppendError(hc.ls.body[:0], nil, e, nil)
	hc.respond(e.Status, typeJSON, hc.ls.body)
}

// refuse answers what is not HTTP as we read it, and closes: no byte after it is interpreted.
func (d *httpDoor) refuse(hc *httpConn, fault *codec.HTTPError) {
	e := fault.Wire().With("%s", fault.Reason)
	hc.ls.count.fault(e)
	d.s.logFault(hc.conn, e.Message)
	hc.ls.wire = d.appendRefusal(hc.ls.wire, fault.Status, e)
	hc.closing = true
	hc.conn.Finish()
}

func (d *httpDoor) appendRefusal(dst []byte, status int, e *codec.Error) []byte {
	body := codec.AppendError(nil, nil, e, nil)
	head := codec.ResponseHead{
		Status: status, ContentType: typeJSON, Length: len(body), Date: d.s.dateValue(),
		Close: true,
	}
	return append(codec.AppendResponseHead(dst, &head), body...)
}

func (d *httpDoor) notAllowed(hc *httpConn, allow string) {
	hc.ls.count.fault(codec.ErrMethodNotAllowed)
	hc.ls.body = codec.AppendError(hc.ls.body[:0], nil, codec.ErrMethodNotAllowed, nil)
	head := hc.head(405)
	head.ContentType, head.Length, head.Allow = typeJSON, len(hc.ls.body), allow
	hc.ls.wire = codec.AppendResponseHead(hc.ls.wire, &head)
	if !hc.reply.headOnly {
		hc.ls.wire = append(hc.ls.wire, hc.ls.body...)
	}
	hc.sent()
}

// preflight answers a browser's question before a cross-origin request.
func (d *httpDoor) preflight(hc *httpConn) {
	head := hc.head(204)
	head.Length, head.Allow = codec.LengthNone, "GET, POST, DELETE, OPTIONS"
	head.Extra = append(head.Extra, "Access-Control-Allow-Methods: GET, POST, DELETE\r\n"+
		"Access-Control-Allow-Headers: *, Authorization\r\nAccess-Control-Max-Age: 600\r\n"...)
	hc.ls.wire = codec.AppendResponseHead(hc.ls.wire, &head)
	hc.sent()
}

// deleteSession ends a legacy session (2025-03-26 to 2025-11-25, "Session management").
func (d *httpDoor) deleteSession(hc *httpConn, r *codec.Request) {
	if mcp.ParseVersion(r.ProtocolVersion).Modern() {
		d.notAllowed(hc, "POST, OPTIONS")
		return
	}
	if r.SessionID == nil || r.Dup {
		d.failHTTP(hc, codec.ErrBadRequest.With("DELETE needs one header Mcp-Session-Id"))
		return
	}
	one, found := d.s.sessions.Get(r.SessionID, principalOf(r))
	if !found || sees(one) != hc.view || !d.s.sessions.Delete(r.SessionID, principalOf(r)) {
		d.failHTTP(hc, codec.ErrSessionNotFound)
		return
	}
	hc.respond(204, "", nil)
}
