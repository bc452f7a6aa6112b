package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/server"
)

// wsConn is one WebSocket of a test client.
type wsConn struct{ *peerConn }

const wsKey = "dGhlIHNhbXBsZSBub25jZQ=="

// wsHead asks for an upgrade; more are further header lines.
func wsHead(more ...string) string {
	return "GET /mcp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		strings.Join(append(more, "\r\n"), "\r\n")
}

const wsVersion = "Sec-WebSocket-Version: 13"

func (r *running) dialWS(more ...string) wsConn {
	r.t.Helper()
	c := wsConn{r.dialHTTP()}
	head := wsHead(append(more, wsVersion, "Sec-WebSocket-Key: "+wsKey,
		"Sec-WebSocket-Protocol: mcp")...)
	c.peerConn.send(strings.Replace(head, "/mcp", r.endpoint(), 1))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	h := resp.Header
	if resp.StatusCode != 101 || h.Get("Sec-WebSocket-Protocol") != "mcp" ||
		h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		r.t.Fatalf("upgrade: %s %v", resp.Status, h)
	}
	return c
}

func masked(op ws.OpCode, fin bool, payload string) string {
	frame := ws.NewFrame(op, fin, []byte(payload))
	return string(ws.MustCompileFrame(ws.MaskFrameInPlace(frame)))
}

func (c wsConn) frame() ws.Frame {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	frame, err := readFrame(c.r)
	if err != nil {
		c.t.Fatalf("cannot read a frame: %v", err)
	}
	return frame
}

func (c wsConn) send(message string) { c.peerConn.send(masked(ws.OpText, true, message)) }

func (c wsConn) next() string {
	c.t.Helper()
	frame := c.frame()
	if frame.Header.OpCode != ws.OpText {
		c.t.Fatalf("got frame %+v %q", frame.Header, frame.Payload)
	}
	return string(frame.Payload)
}

func (c wsConn) status() int { return 0 }

func (c wsConn) ask(message string) string {
	c.t.Helper()
	c.send(message)
	return c.next()
}

// closes reads the close frame and the end behind it.
func (c wsConn) closes(want ws.StatusCode) {
	c.t.Helper()
	frame := c.frame()
	if frame.Header.OpCode != ws.OpClose {
		c.t.Fatalf("got frame %+v %q; want a close", frame.Header, frame.Payload)
	}
	code, _ := ws.ParseCloseFrameData(frame.Payload)
	if len(frame.Payload) == 0 {
		code = ws.StatusNoStatusRcvd
	}
	if code != want {
		c.t.Errorf("closed with %d; want %d", code, want)
	}
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Errorf("behind the close frame: %q, %v", rest, err)
	}
}

func TestWSHandshake(t *testing.T) {
	r := start(t, nil)
	key := "Sec-WebSocket-Key: " + wsKey
	f := func(want int, more ...string) {
		t.Helper()
		a := r.dialHTTP().exchange(wsHead(more...))
		if a.StatusCode != want {
			t.Errorf("%v: %s; want %d", more, a.Status, want)
		}
		if want == 426 && a.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("%v: %v", more, a.Header)
		}
	}
	f(426, key)
	f(426, key, "Sec-WebSocket-Version: 8")
	f(400, wsVersion)
	f(400, wsVersion, "Sec-WebSocket-Key: short")
	f(400, wsVersion, key, key)
	f(400, wsVersion, key, "Sec-WebSocket-Protocol: chat")
	f(403, wsVersion, key, "Origin: http://evil.example.com")
	a := r.dialHTTP().exchange("GET /mcp HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n" +
		"Connection: Upgrade\r\n\r\n")
	if a.StatusCode != 400 {
		t.Errorf("another protocol: %s", a.Status)
	}
}

// An upgrade from a foreign Origin or for a foreign Host is answered 403 like every request; there
// is no WebSocket then, and what came behind the request is not taken for frames of one.
func TestWSUpgradeRefused(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Security.AllowedOrigins = []string{"https://app.example"}
	})
	g := r.addGate("held")
	f := func(want int, host string, more ...string) {
		t.Helper()
		c := r.dialHTTP()
		head := wsHead(append(more, wsVersion, "Sec-WebSocket-Key: "+wsKey)...)
		c.send(strings.Replace(head, "localhost", host, 1) +
			masked(ws.OpText, true, modernCall("1", "held", "{}")))
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want {
			t.Errorf("Host %s, %v: %s; want %d", host, more, resp.Status, want)
		}
		if want == 101 {
			g.waitEntered()
			return
		}
		if rest, _ := io.ReadAll(c.r); strings.Contains(string(rest), "HTTP/1.1 200") ||
			resp.Header.Get("Sec-WebSocket-Accept") != "" {
			t.Errorf("%v: %q", resp.Header, rest)
		}
	}
	f(403, "evil.example")
	f(403, "localhost.evil.example:80")
	f(403, "localhost", "Origin: https://evil.example")
	f(403, "localhost", "Origin: https://app.example.evil.example")
	f(403, "localhost", "Origin: null")
	f(403, "localhost", "Origin: https://app.example", "Origin: https://evil.example")
	if n := r.metric("mcploop_websockets_opened_total"); n != 0 {
		t.Errorf("%v WebSockets were opened", n)
	}
	f(101, "localhost", "Origin: https://app.example")
	close(g.release)
}

// Frames that come with the upgrade request in one piece are not lost.
func TestWSFramesBehindTheUpgrade(t *testing.T) {
	r := start(t, nil)
	c := wsConn{r.dialHTTP()}
	c.peerConn.send(wsHead(wsVersion, "Sec-WebSocket-Key: "+wsKey) +
		masked(ws.OpText, true, modernCall("1", "echo", `{"message":"m"}`)) +
		masked(ws.OpText, true, modernCall("2", "slow", `{"ms":1}`)))
	if _, err := http.ReadResponse(c.r, nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2"} {
		if got := c.next(); idOf(got) != id {
			t.Errorf("got %s", got)
		}
	}
}

func TestWSCloses(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.MessageBytes = 4096 })
	f := func(want ws.StatusCode, sent ...string) {
		t.Helper()
		c := r.dialWS()
		c.peerConn.send(strings.Join(sent, ""))
		c.closes(want)
	}
	unmasked := string(ws.MustCompileFrame(ws.NewTextFrame([]byte("{}"))))
	f(1002, unmasked)
	f(1002, "\xc1\x80\x00\x00\x00\x00") // a reserved bit
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		f(1002, string([]byte{0x80 | op, 0x80, 0, 0, 0, 0}))
	}
	f(1002, masked(ws.OpPing, false, ""))
	f(1002, masked(ws.OpPing, true, strings.Repeat("p", 126)))
	f(1002, masked(ws.OpContinuation, true, "x"))
	f(1002, masked(ws.OpText, false, "{"), masked(ws.OpText, true, "}"))
	f(1002, "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	f(1009, "\x81\xff\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00")
	f(1009, masked(ws.OpText, true, strings.Repeat(" ", 4097)))
	f(1009, masked(ws.OpText, false, strings.Repeat(" ", 4000)),
		masked(ws.OpContinuation, true, strings.Repeat(" ", 97)))
	f(1003, masked(ws.OpBinary, true, "{}"))
	f(1007, masked(ws.OpText, true, "\"\xff\""))
	f(1007, masked(ws.OpText, false, "\"\xf4\x90"))
	f(1007, masked(ws.OpClose, true, "\x03\xe8\xff"))
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000} {
		f(1002, masked(ws.OpClose, true, string([]byte{byte(code >> 8), byte(code)})))
	}
	f(1002, masked(ws.OpClose, true, "x"))
	f(1000, masked(ws.OpClose, true, "\x03\xe8"))
	f(1005, masked(ws.OpClose, true, ""))
	if r.metric("mcploop_websocket_faults_total") < 30 {
		t.Error("faults were not counted")
	}
}

func TestWSFragmentsAndPings(t *testing.T) {
	r := start(t, nil)
	c := r.dialWS()
	call := modernCall("1", "echo", `{"message":"\u00e9é"}`)
	var sent strings.Builder
	for i := range len(call) {
		op := ws.OpContinuation
		if i == 0 {
			op = ws.OpText
		}
		sent.WriteString(masked(op, i == len(call)-1, call[i:i+1]))
		if i%50 == 0 {
			sent.WriteString(masked(ws.OpPing, true, fmt.Sprint(i)))
		}
	}
	c.peerConn.send(sent.String())
	for i := 0; i < len(call); i += 50 {
		got := c.frame()
		if got.Header.OpCode != ws.OpPong || string(got.Payload) != fmt.Sprint(i) {
			t.Fatalf("got %+v %q", got.Header, got.Payload)
		}
	}
	if got := c.next(); !strings.Contains(got, "éé") {
		t.Errorf("got %s", got)
	}
	for range 100_000 / 500 { // empty fragments cost nothing that stays
		c.peerConn.send(masked(ws.OpText, false, "") +
			strings.Repeat(masked(ws.OpContinuation, false, ""), 500) +
			masked(ws.OpContinuation, true, " "))
		if got := c.next(); !strings.Contains(got, "-32700") {
			t.Fatalf("got %s", got)
		}
	}
}

func TestWSSilentPeerIsCut(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.WebSocket.PingInterval, o.WebSocket.PongTimeout = 50*time.Millisecond, time.Minute
	})
	c := r.dialWS()
	for range 3 {
		if got := c.frame(); got.Header.OpCode != ws.OpPing {
			t.Fatalf("got %+v", got.Header)
		}
		c.peerConn.send(masked(ws.OpPong, true, ""))
	}
	wantIn(t, r.httpAlive(), "ok")
	silent := start(t, func(o *server.Options) {
		o.WebSocket.PingInterval, o.WebSocket.PongTimeout = 50*time.Millisecond, 50*time.Millisecond
	})
	dead := silent.dialWS()
	dead.frame()
	if rest, err := io.ReadAll(dead.r); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
	if silent.metric("mcploop_websockets_silent_total") != 1 {
		t.Error("the silent peer was not counted")
	}
}

// httpAlive is the text of /livez.
func (r *running) httpAlive() string {
	return r.dialHTTP().exchange(livez).body
}

func TestWSPartialMessageIsCut(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.FrameTimeout = 100 * time.Millisecond })
	c := r.dialWS()
	c.peerConn.send(masked(ws.OpText, false, "{"))
	c.closes(1002)
}

func TestWSCloseCancelsAndDrainSaysSo(t *testing.T) {
	r := start(t, nil)
	g := r.addGate("held")
	c := r.dialWS()
	c.send(modernCall("1", "held", "{}"))
	g.waitEntered()
	c.peerConn.send(masked(ws.OpClose, true, "\x03\xe8"))
	c.closes(1000)
	eventually(t, "the call is cancelled", func() bool {
		return r.metric("mcploop_calls_cancelled_total") == 1
	})
	close(g.release)
	quiet, busy := r.dialWS(), r.dialWS()
	busy.send(modernCall("2", "slow", `{"ms":300}`))
	busy.send(listenCall("3", wantTools))
	wantIn(t, busy.next(), "acknowledged")
	wait := r.drainBeside()
	quiet.closes(1001)
	got := busy.next() + busy.next()
	wantIn(t, got, `"id":2`, `"id":3`)
	busy.closes(1001)
	wait()
}

// A principal's sealed state is bound to the credentials of the upgrade.
func TestWSHasThePrincipalOfItsUpgrade(t *testing.T) {
	r := start(t, nil, addAskers)
	params := `"name":"ask_twice","inputResponses":{"name":` +
		`{"action":"accept","content":{"name":"B"}}}`
	ask := modernAsk("1", "tools/call", everyCapability, params)
	state := stateOf(t, r.dialWS("Authorization: Bearer a").ask(ask))
	retry := modernAsk("2", "tools/call", everyCapability,
		`"name":"ask_twice","inputResponses":{"roots":{"roots":[]}},"requestState":"`+state+`"`)
	wantIn(t, r.dialWS("Authorization: Bearer b").ask(retry), "-32602")
	wantIn(t, r.dialWS("Authorization: Bearer a").ask(retry), "B has 0 roots")
}

func TestWSHeldPeerIsNotCut(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.WebSocket.PingInterval, o.WebSocket.PongTimeout = 50*time.Millisecond, 50*time.Millisecond
		o.Limits.InFlightPerConn = 1
	})
	c := r.dialWS()
	c.send(modernCall("1", "slow", `{"ms":1000}`))
	frame := c.frame()
	for ; frame.Header.OpCode == ws.OpPing; frame = c.frame() {
		c.peerConn.send(masked(ws.OpPong, true, ""))
	}
	wantIn(t, string(frame.Payload), `"id":1`)
}

// Pings, and calls whose answers are compressed, of a peer that never reads: the pongs and answers
// that wait are bounded, and it is cut.
func TestWSFloodOfADeafPeer(t *testing.T) {
	for name, chunk := range map[string]string{
		"pings":  strings.Repeat(masked(ws.OpPing, true, strings.Repeat("p", 125)), 100),
		"errors": strings.Repeat(masked(ws.OpText, true, "x"), 500),
		"compressed": strings.Repeat(
			deflated(modernCall("1", "echo", `{"message":"`+incompressible(4000)+`"}`)), 10),
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(o *server.Options) {
				slowLimits(o)
				o.WebSocket.Compression = true
			})
			r.watch()
			c := r.dialDeaf(r.http)
			_, _ = io.WriteString(c, wsHead(wsVersion, "Sec-WebSocket-Key: "+wsKey, wsDeflate))
			r.floodUntilCut(c, chunk)
		})
	}
}

// incompressible is text of n bytes that does not repeat itself.
func incompressible(n int) string {
	var text strings.Builder
	for i := 0; text.Len() < n; i++ {
		sum := sha256.Sum256([]byte(fmt.Sprint(i)))
		text.WriteString(base64.StdEncoding.EncodeToString(sum[:]))
	}
	return text.String()[:n]
}
