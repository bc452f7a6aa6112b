package client

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// webSocket is the wire of RFC 6455: one connection on which all calls are under way at once, a
// message in each text frame. MCP has no such transport; servers that have it know the
// subprotocol "mcp".
type webSocket struct {
	link
	request []byte // the upgrade
	key     string
	parser  codec.ResponseParser
	limits  codec.HTTPLimits
	interim int
	ready   bool // the upgrade was answered
	frames  codec.WSFrames
	reply   []byte // what the server wants to hear, before it is framed
	why     error  // of our end of the connection; nil while there is none
}

func newWebSocket(m *Mux, u *url.URL) *webSocket {
	w := &webSocket{link: newLink(m), limits: codec.DefaultHTTPLimits()}
	w.parser.Limits = &w.limits
	w.frames = codec.WSFrames{Max: m.opt.MessageBytesMax, FromServer: true, Skip: true}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	w.key = base64.StdEncoding.EncodeToString(nonce[:])
	w.request = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"+
		"Sec-WebSocket-Protocol: mcp\r\n%s%s\r\n", u.RequestURI(), u.Host, w.key,
		HeaderLines(m.opt.Headers), m.opt.Tokens.now(nil).text())
	return w
}

// mask makes what one frame is masked with.
func mask() (m codec.WSMask) {
	_, _ = rand.Read(m[:])
	return m
}

// wsHeaderBytes is how much a client's frame is longer than its message, at most.
const wsHeaderBytes = 14

func (w *webSocket) prepare() *job { return nil }

func (w *webSocket) send(c *Call, _ *job, e *encoder, _ *facts) error {
	if c.verb == verbDelete || c.verb == verbListen {
		panic("BUG: only HTTP needs a message for that")
	}
	if w.overloaded(len(e.body) + wsHeaderBytes) {
		return ErrOverloaded
	}
	id, notify := c.id, c.verb != verbRequest
	e.probe = codec.AppendWSClientText(e.probe[:0], e.body, mask())
	// When it fails the conn ends, and conclude tells this call why with all the others.
	if err := w.conn.SendSoon(e.probe, w.m.opt.outboxMax(), false); notify && err == nil {
		w.sent(id)
	}
	return nil
}

func (w *webSocket) drop(*Call, *job) {}

// close is our close frame, and then our end: the server's own frame is not waited for by calls,
// of which there are none any more.
func (w *webSocket) close(err error) <-chan struct{} {
	if err != nil {
		w.conn.Close(err)
		return w.gone
	}
	_ = w.conn.Send(codec.AppendWSClientClose(nil, codec.WSNormal, mask()))
	w.conn.Finish()
	return w.gone
}

// Open, Data, EOF, Expired and Closed are loop.Handler.

// Open asks for the upgrade.
func (w *webSocket) Open(c *loop.Conn) {
	c.SetDeadline(w.m.opt.DialTimeout)
	_ = c.Send(w.request) // else Closed says why
}

// Data reads the answer to the upgrade, then frames, and brings each message to its call.
func (w *webSocket) Data(c *loop.Conn, buf, out []byte) (n int, reply []byte) {
	for !w.ready && n < len(buf) {
		used, err := w.upgrade(buf[n:])
		if err != nil {
			c.Close(err)
			return len(buf), out
		}
		if used == 0 {
			return n, out
		}
		n += used
		if w.ready {
			c.SetDeadline(0)
			close(w.opened)
		}
	}
	w.read.begin()
	for n < len(buf) && w.why == nil && !c.Enough(out) && !w.read.enough() {
		payload, used, event, code := w.frames.Next(buf[n:])
		if n += used; event == codec.WSNeedMore {
			break
		}
		out = w.take(c, payload, event, code, out)
	}
	if w.why != nil {
		return len(buf), out
	}
	w.read.pace(c)
	return n, out
}

// take does what a frame asks for.
func (w *webSocket) take(
	c *loop.Conn, payload []byte, event codec.WSEvent, code codec.WSCode, out []byte,
) []byte {
	switch event {
	case codec.WSText:
		var err error
		if w.reply, err = w.frame(payload, w.reply[:0]); err != nil {
			return w.finish(c, out, codec.WSProtocol, err)
		}
		if len(w.reply) > 0 {
			out = codec.AppendWSClientText(out, w.reply, mask())
		}
	case codec.WSLarge:
		w.tooLarge()
		w.skim(payload, false)
	case codec.WSLargePart:
		w.skim(payload, false)
	case codec.WSLargeEnd:
		w.skim(payload, true)
	case codec.WSBinary:
		return w.finish(c, out, codec.WSUnsupported,
			fmt.Errorf("%w: the server sent a binary message", ErrAnswer))
	case codec.WSPing:
		w.read.noticed(len(payload))
		out = codec.AppendWSClientPong(out, payload, mask())
	case codec.WSClose:
		return w.finish(c, out, code, fmt.Errorf("%w: it closed the WebSocket with code %d %.123q",
			ErrGone, code, payload[min(len(payload), 2):]))
	case codec.WSFault:
		return w.finish(c, out, code, w.fault(code))
	}
	return out
}

// fault is why a connection ends whose frames cannot be read on.
func (w *webSocket) fault(code codec.WSCode) error {
	if code == codec.WSTooLarge {
		w.m.tooLarge()
		return fmt.Errorf("%w: the WebSocket ended at a binary message above %d bytes",
			ErrAnswer, w.m.opt.MessageBytesMax)
	}
	return fmt.Errorf("%w: the server broke the rules of WebSocket (code %d)", ErrAnswer, code)
}

// finish fails the calls and closes: our close frame goes out, and nothing more is read.
func (w *webSocket) finish(c *loop.Conn, out []byte, code codec.WSCode, why error) []byte {
	w.why = why
	w.m.fail(why)
	c.Finish()
	return codec.AppendWSClientClose(out, code, mask())
}

// upgrade reads one head. It returns its length, 0 when it is not whole.
func (w *webSocket) upgrade(buf []byte) (int, error) {
	var r codec.Response
	n, fault := w.parser.Head(buf, &r)
	switch {
	case fault != nil:
		return 0, fmt.Errorf("%w: %s", ErrAnswer, fault.Reason)
	case n == 0:
		return 0, nil
	case r.Interim():
		if w.interim++; w.interim > interimMax {
			return 0, fmt.Errorf("%w: too many interim answers", ErrAnswer)
		}
		return n, nil
	case r.Status != 101:
		return 0, refusal(&r, nil)
	}
	w.ready = true
	return n, w.checkUpgrade(&r)
}

// checkUpgrade: a client must not go on when any of this is wrong (RFC 6455, 4.1).
func (w *webSocket) checkUpgrade(r *codec.Response) error {
	upgrade, _ := r.Header("upgrade")
	connection, _ := r.Header("connection")
	accept, accepts := r.Header("sec-websocket-accept")
	protocol, protocols := r.Header("sec-websocket-protocol")
	_, extensions := r.Header("sec-websocket-extensions")
	want := codec.AppendWSAccept(nil, []byte(w.key))
	switch {
	case !bytes.EqualFold(upgrade, []byte("websocket")) || !hasToken(connection, "upgrade"):
		return fmt.Errorf("%w: the upgrade was not to WebSocket", ErrAnswer)
	case accepts != 1 || !bytes.Equal(accept, want):
		return fmt.Errorf("%w: Sec-WebSocket-Accept is %.64q; want %q", ErrAnswer, accept, want)
	case protocols > 1 || protocols == 1 && string(protocol) != "mcp":
		return fmt.Errorf("%w: Sec-WebSocket-Protocol is %.64q; want mcp", ErrAnswer, protocol)
	case extensions > 0:
		return fmt.Errorf("%w: an extension that was not offered", ErrAnswer)
	}
	return nil
}

// hasToken: a comma-separated header has token, in any case.
func hasToken(value []byte, token string) bool {
	for part := range bytes.SplitSeq(value, []byte(",")) {
		if strings.EqualFold(string(bytes.TrimSpace(part)), token) {
			return true
		}
	}
	return false
}

// EOF without a close frame: the server is simply gone.
func (w *webSocket) EOF(c *loop.Conn) {
	if w.why == nil {
		w.why = ErrGone
		w.m.fail(ErrGone)
	}
	c.Finish()
}

// Closed fails what is in flight.
func (w *webSocket) Closed(_ *loop.Conn, err error) {
	if w.why != nil {
		w.conclude(w.why)
		return
	}
	w.conclude(w.lost(err))
}
