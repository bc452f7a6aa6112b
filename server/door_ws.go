package server

// Hot path: no allocation, no lock, no log, no time.Now.

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// wsDoor serves JSON-RPC over WebSocket, a message in each text frame. It is a custom transport:
// MCP has none, but clients know the subprotocol "mcp". What a message means is the line door's
// business.
type wsDoor struct {
	line *lineDoor
	s    *Server
}

// webSocket is what a connection of the WebSocket door has beside that of the line door.
type webSocket struct {
	frames codec.WSFrames
	pinged bool // a ping is not answered yet

	large    *largeMessage // is inflated on a goroutine of its own; nil: none is
	inflates atomic.Bool   // it is not done
}

// deflates: permessage-deflate was agreed.
func (w *webSocket) deflates() bool { return w.frames.Inflater != nil }

// inflatedTurnBytes is how much one connection may have inflated before others have their turn:
// 1 MiB. A small frame can stand for a large message.
const inflatedTurnBytes = 1 << 20

// upgrade answers GET /mcp with an Upgrade header (RFC 6455, 4.2). Origin and Host were checked.
func (d *httpDoor) upgrade(hc *httpConn, r *codec.Request) {
	key, fault := checkUpgrade(r)
	deflate, wellFormed := offersDeflate(r)
	switch {
	case fault == codec.ErrUpgradeRequired:
		d.upgradeRequired(hc)
		return
	case fault == nil && !wellFormed:
		fault = codec.ErrBadRequest.With("Sec-WebSocket-Extensions is malformed")
	case fault == nil && d.s.draining.Load():
		fault = codec.ErrOverloaded.With("the server is shutting down")
	}
	if fault != nil {
		d.failHTTP(hc, fault)
		return
	}
	out := append(hc.ls.wire, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Accept: "...)
	out = codec.AppendWSAccept(out, key)
	if _, offered := r.Header("sec-websocket-protocol"); offered > 0 {
		out = append(out, "\r\nSec-WebSocket-Protocol: mcp"...)
	}
	deflate = deflate && d.s.opt.WebSocket.Compression
	if deflate {
		out = append(out, "\r\nSec-WebSocket-Extensions: "+codec.WSDeflateAccept...)
	}
	hc.ls.wire = append(out, "\r\n\r\n"...)
	hc.ls.count.webSockets.Add(1)
	lc := &lineConn{
		view: hc.view, conn: hc.conn, ls: hc.ls, phase: phaseIdle,
		auth: bytes.Clone(r.Authorization), ws: &webSocket{},
	}
	lc.ws.frames.Max = d.s.opt.Limits.MessageBytes
	if deflate {
		lc.ws.frames.Inflater, lc.ws.frames.InlineMax = &hc.ls.inflater, inflateInline
	}
	hc.upgraded = true
	hc.conn.State = lc
	hc.conn.Become(d.ws)
	hc.conn.SetDeadline(d.ws.line.idle)
}

// checkUpgrade returns the client's key, or why there is no WebSocket for it.
func checkUpgrade(r *codec.Request) ([]byte, *codec.Error) {
	version, versions := r.Header("sec-websocket-version")
	key, keys := r.Header("sec-websocket-key")
	nonce, err := base64.StdEncoding.AppendDecode(nil, key)
	switch upgrade, _ := r.Header("upgrade"); {
	case r.Minor == 0 || !bytes.EqualFold(upgrade, []byte("websocket")) || !asksUpgrade(r):
		return nil, codec.ErrBadRequest.With("Upgrade must be websocket, named in Connection")
	case versions != 1 || string(version) != "13":
		return nil, codec.ErrUpgradeRequired
	case keys != 1 || err != nil || len(nonce) != 16:
		return nil, codec.ErrBadRequest.With("Sec-WebSocket-Key must be the base64 of 16 bytes")
	}
	for i := range r.Headers {
		if bytes.EqualFold(r.Headers[i].Name, []byte("sec-websocket-protocol")) &&
			!lists(r.Headers[i].Value, "mcp") {
			return nil, codec.ErrBadRequest.With("Sec-WebSocket-Protocol must offer mcp")
		}
	}
	return bytes.Clone(key), nil
}

// offersDeflate: permessage-deflate is offered with parameters that we keep. Several headers are
// one list (RFC 6455, 9.1).
func offersDeflate(r *codec.Request) (offered, wellFormed bool) {
	for i := range r.Headers {
		if !bytes.EqualFold(r.Headers[i].Name, []byte("sec-websocket-extensions")) {
			continue
		}
		accept, valid := codec.AcceptWSDeflate(r.Headers[i].Value)
		if !valid {
			return false, false
		}
		offered = offered || accept
	}
	return offered, true
}

// asksUpgrade: Connection must have the token upgrade (RFC 6455, 4.2.1).
func asksUpgrade(r *codec.Request) bool {
	value, _ := r.Header("connection")
	return lists(bytes.ToLower(value), "upgrade")
}

// lists tells whether a comma-separated header has a token.
func lists(value []byte, token string) bool {
	for element := range bytes.SplitSeq(value, []byte(",")) {
		if string(bytes.TrimSpace(element)) == token {
			return true
		}
	}
	return false
}

// upgradeRequired answers a version of WebSocket that we do not speak (RFC 6455, 4.4).
func (d *httpDoor) upgradeRequired(hc *httpConn) {
	hc.ls.count.fault(codec.ErrUpgradeRequired)
	hc.ls.body = codec.AppendError(hc.ls.body[:0], nil, codec.ErrUpgradeRequired, nil)
	head := hc.head(codec.ErrUpgradeRequired.Status)
	head.ContentType, head.Length = typeJSON, len(hc.ls.body)
	head.Extra = append(head.Extra, "Sec-WebSocket-Version: 13\r\n"...)
	hc.ls.wire = append(codec.AppendResponseHead(hc.ls.wire, &head), hc.ls.body...)
	hc.sent()
}

// Open implements loop.Handler; a WebSocket begins as HTTP.
func (d *wsDoor) Open(*loop.Conn) {}

// Data implements loop.Handler: it answers every whole message of buf.
func (d *wsDoor) Data(c *loop.Conn, buf, out []byte) (int, []byte) {
	lc := c.State.(*lineConn)
	lc.ws.pinged = false // whatever came, the peer is there
	if lc.view != nil && lc.view.gone.Load() {
		return len(buf), d.close(lc, out, codec.WSGoingAway, "there is no such server any more")
	}
	used, inflated, whole, more := 0, 0, false, true
	if lc.ws.large != nil {
		if !d.isInflated(lc) {
			return 0, out
		}
		code := lc.ws.large.code
		if used, out = d.inflated(lc, out); code != 0 {
			return len(buf), d.close(lc, out, code, "")
		}
		whole = true
	}
	for more && used < len(buf) && !c.Paused() && !c.Enough(out) {
		payload, n, event, code := lc.ws.frames.Next(buf[used:])
		used += n
		switch event {
		case codec.WSNeedMore:
			more = false
		case codec.WSText:
			whole = true
			inflated += lc.countInflated(len(payload))
			out = d.message(lc, payload, out)
			inflated += lc.deflateCost(len(lc.ls.body))
			if inflated >= inflatedTurnBytes && !c.Paused() {
				more = false
				c.Pause() // the rest comes in another turn
				c.Resume()
			}
		case codec.WSDeflated:
			used, more = used-n, false
			d.inflateLater(lc, payload, n)
		case codec.WSPing:
			out = codec.AppendWSPong(out, payload)
		case codec.WSBinary:
			return len(buf), d.close(lc, out, codec.WSUnsupported, "messages of MCP are text")
		case codec.WSClose, codec.WSFault:
			return len(buf), d.close(lc, out, code, "")
		}
	}
	d.line.setPhase(c, lc, whole, lc.ws.frames.Partial())
	lc.ls.inflater.Trim()
	lc.ls.flush()
	return used, out
}

// inflateCost is what a compressed byte counts for: a peer can make each take as long as that many
// bytes that are inflated from it.
const inflateCost = 16

// deflateCost is what an answer of so many bytes cost to compress, in bytes that are inflated: four
// for each. Conn.Enough, which sees the compressed ones, would let many more of them pass than of
// others.
func (lc *lineConn) deflateCost(length int) int {
	if !lc.ws.deflates() || length < lc.ls.s.opt.WebSocket.CompressionMin {
		return 0
	}
	return 4 * length
}

// countInflated counts the message of so many bytes that was the last one, and returns what it cost
// to inflate, in bytes; 0 if it was not compressed.
func (lc *lineConn) countInflated(length int) int {
	if !lc.ws.deflates() {
		return 0
	}
	took := lc.ls.inflater.Took()
	if took == 0 {
		return 0
	}
	lc.ls.count.inflated.add(took, length)
	return length + inflateCost*took
}

// message answers one message; the answer's length is known only behind it.
func (d *wsDoor) message(lc *lineConn, message, out []byte) []byte {
	lc.ls.body = d.line.frame(lc, message, lc.ls.body[:0])
	if len(lc.ls.body) == 0 {
		return out
	}
	return lc.appendText(out, lc.ls.body)
}

// appendText frames a message, compressed if the peer understands it and it is worth it. Safe for
// concurrent use.
func (lc *lineConn) appendText(out, message []byte) []byte {
	s := lc.ls.s
	if !lc.ws.deflates() || len(message) < s.opt.WebSocket.CompressionMin {
		return codec.AppendWSText(out, message)
	}
	z := s.deflate.Get().(*codec.WSDeflater)
	defer s.deflate.Put(z)
	start := len(out)
	out, deflated := z.AppendText(out, message)
	if deflated {
		lc.ls.count.deflated.add(len(out)-start, len(message))
	}
	return out
}

// close sends a close frame and ends the connection: nobody is left to answer.
func (d *wsDoor) close(lc *lineConn, out []byte, code codec.WSCode, reason string) []byte {
	lc.ls.inflater.Trim()
	lc.ls.flush()
	if code != codec.WSNormal && code != codec.WSGoingAway && code != codec.WSNoCode {
		lc.ls.count.wsFaults.Add(1)
		d.s.logFault(lc.conn, fmt.Sprintf("WebSocket closed with %d %s", code, reason))
	}
	lc.conn.Finish()
	return codec.AppendWSClose(out, code, reason)
}

// EOF implements loop.Handler: without a close frame the peer is simply gone.
func (d *wsDoor) EOF(c *loop.Conn) { c.Finish() }

// Drain implements loop.Drainer.
func (d *wsDoor) Drain(c *loop.Conn) { d.line.Drain(c) }

// Expired implements loop.Handler: a partial message took too long, a ping was not answered, or it
// is time for one.
func (d *wsDoor) Expired(c *loop.Conn, out []byte) []byte {
	lc := c.State.(*lineConn)
	switch o := &d.s.opt.WebSocket; {
	case lc.phase == phasePartial:
		d.s.logFault(c, "half a message")
		return codec.AppendWSClose(out, codec.WSProtocol, "a message was not whole in time")
	case c.Paused(): // its pong would not be read, and calls of it are in flight
		c.SetDeadline(o.PongTimeout)
		return out
	case lc.ws.pinged:
		lc.ls.count.wsSilent.Add(1)
		d.s.logFault(c, "no answer to a ping")
		return out
	default:
		lc.ws.pinged = true
		c.SetDeadline(o.PongTimeout)
		return codec.AppendWSPing(out)
	}
}

// Closed implements loop.Handler.
func (d *wsDoor) Closed(c *loop.Conn, err error) { d.line.Closed(c, err) }
