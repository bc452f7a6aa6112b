package server_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/server"
)

// deflating is a server that agrees to compression, with one loop.
func deflating(t *testing.T) *running {
	t.Helper()
	return start(t, func(o *server.Options) {
		o.WebSocket.Compression, o.WebSocket.CompressionMin = true, 300
		o.Limits.MessageBytes, o.Loops.Count = 1<<20, 1
	})
}

const wsDeflate = "Sec-WebSocket-Extensions: permessage-deflate"

// deflated is a frame of a client with a compressed message in it.
func deflated(message string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	_, _ = io.WriteString(w, message)
	_ = w.Flush()
	return reserved(masked(ws.OpText, true, strings.TrimSuffix(out.String(), deflateTail)))
}

// reserved sets the first reserved bit of a frame.
func reserved(frame string) string { return string([]byte{frame[0] | 0x40}) + frame[1:] }

const deflateTail = "\x00\x00\xff\xff"

// inflated reads a message and tells whether it was compressed.
func (c wsConn) inflated() (message string, compressed bool) {
	c.t.Helper()
	frame := c.frame()
	if frame.Header.OpCode != ws.OpText {
		c.t.Fatalf("got frame %+v %q", frame.Header, frame.Payload)
	}
	if frame.Header.Rsv == 0 {
		return string(frame.Payload), false
	}
	rest := strings.NewReader(deflateTail + "\x01\x00\x00\xff\xff")
	text, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(frame.Payload), rest)))
	if err != nil || frame.Header.Rsv != 4 {
		c.t.Fatalf("cannot inflate: %v, %+v", err, frame.Header)
	}
	return string(text), true
}

// wsDeflated sends and reads compressed messages.
type wsDeflated struct{ wsConn }

func (c wsDeflated) send(message string) { c.peerConn.send(deflated(message)) }
func (c wsDeflated) next() string        { got, _ := c.inflated(); return got }

func TestWSCompressionIsAgreed(t *testing.T) {
	on, off := deflating(t), start(t, nil)
	f := func(r *running, status int, want string, more ...string) {
		t.Helper()
		c := r.dialHTTP()
		c.send(wsHead(append(more, wsVersion, "Sec-WebSocket-Key: "+wsKey)...))
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(resp.Header.Values("Sec-WebSocket-Extensions"), "|")
		if resp.StatusCode != status || got != want {
			t.Errorf("%v: %s, %q; want %d, %q", more, resp.Status, got, status, want)
		}
	}
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	f(on, 101, agreed, wsDeflate)
	f(on, 101, agreed, wsDeflate+"; client_max_window_bits")
	f(on, 101, agreed, wsDeflate+"; server_max_window_bits=9, permessage-deflate, x")
	f(on, 101, agreed, "sec-websocket-extensions: other", wsDeflate, wsDeflate)
	f(on, 101, "")
	f(on, 101, "", "Sec-WebSocket-Extensions: other")
	f(on, 101, "", wsDeflate+"; unknown")
	f(on, 101, "", wsDeflate+"; server_no_context_takeover=1")
	f(on, 400, "", wsDeflate+";")
	f(on, 400, "", wsDeflate, "Sec-WebSocket-Extensions: a b")
	f(off, 101, "", wsDeflate)
	f(off, 400, "", wsDeflate+"; a=")
}

// Large messages are compressed in both directions, small ones are not, of workers and of the
// loop alike, and the metrics say how much.
func TestWSCompression(t *testing.T) {
	r := deflating(t)
	c := r.dialWS(wsDeflate)
	large := strings.Repeat("all work and no play ", 500)
	sent := deflated(modernCall("1", "echo", fmt.Sprintf(`{"message":%q}`, large)))
	c.peerConn.send(sent)
	got, compressed := c.inflated()
	if !compressed || !strings.Contains(got, large) {
		t.Errorf("compressed %t: %.200s", compressed, got)
	}
	c.peerConn.send(deflated(modernCall("2", "slow", `{"ms":1}`)))
	if got, compressed = c.inflated(); compressed || idOf(got) != "2" {
		t.Errorf("compressed %t: %.200s", compressed, got)
	}
	c.send(modernRequest("3", "tools/list", "")) // nothing obliges a client to compress
	if got, compressed = c.inflated(); !compressed || !strings.Contains(got, `"echo"`) {
		t.Errorf("compressed %t: %.200s", compressed, got)
	}
	plain := r.dialWS()
	plain.send(modernRequest("4", "tools/list", ""))
	if _, compressed = plain.inflated(); compressed {
		t.Error("compressed for a client that did not offer it")
	}
	for name, least := range map[string]float64{
		`messages_total{direction="in"}`: 2, `messages_total{direction="out"}`: 2,
		`bytes_total{direction="in"}`: 100, `bytes_total{direction="out"}`: 100,
		`plain_bytes_total{direction="in"}`:  float64(len(large)),
		`plain_bytes_total{direction="out"}`: float64(len(large)),
	} {
		name = "mcploop_websocket_compressed_" + name
		if got := r.metric(name); got < least || got > 100*least {
			t.Errorf("%s is %v; want about %v", name, got, least)
		}
	}
}

// What breaks the rules of compression costs the connection that did it, and no other.
func TestWSCompressionFaults(t *testing.T) {
	r := deflating(t)
	other := r.dialWS(wsDeflate)
	f := func(want ws.StatusCode, sent ...string) {
		t.Helper()
		c := r.dialWS(wsDeflate)
		c.peerConn.send(strings.Join(sent, ""))
		c.closes(want)
		wantIn(t, other.ask(modernCall("1", "echo", `{"message":"alive"}`)), "alive")
	}
	f(1002, reserved(masked(ws.OpPing, true, "")))
	f(1002, reserved(masked(ws.OpClose, true, "\x03\xe8")))
	f(1002, masked(ws.OpText, false, "{"), reserved(masked(ws.OpContinuation, true, "}")))
	f(1002, "\xe1\x80\x00\x00\x00\x00") // the second reserved bit, too
	f(1003, reserved(masked(ws.OpBinary, true, "\x00")))
	f(1007, reserved(masked(ws.OpText, true, "no deflate stream")))
	f(1007, reserved(masked(ws.OpText, true, "")))
	f(1007, deflated("\"\xff\""))
	f(1009, deflated(strings.Repeat(" ", 1<<20+1)))
	f(1009, deflated(strings.Repeat(" ", 256<<20)))
	plain := r.dialWS()
	plain.peerConn.send(deflated("{}"))
	plain.closes(1002)
}

// Frames that stand for a megabyte each are answered one a turn, all of them and in order.
func TestWSCompressedFlood(t *testing.T) {
	r := deflating(t)
	c := r.dialWS(wsDeflate)
	const count = 100
	var sent strings.Builder
	for i := range count {
		pad := strings.Repeat(" ", 1<<20-500)
		sent.WriteString(deflated(modernCall(fmt.Sprint(i), "echo", pad+`{"message":"m"}`)))
	}
	c.peerConn.send(sent.String())
	for i := range count {
		if got := c.next(); idOf(got) != fmt.Sprint(i) {
			t.Fatalf("got %.200s; want the answer to %d", got, i)
		}
	}
}

// A compressed message that never becomes whole has the time limit of every other one.
func TestWSCompressedPartIsCut(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.WebSocket.Compression, o.Limits.FrameTimeout = true, 100*time.Millisecond
	})
	c := r.dialWS(wsDeflate)
	c.peerConn.send(reserved(masked(ws.OpText, false, "\xf2\x48")))
	c.closes(1002)
}

// wsRows: each metric of WebSockets moves, see TestEachMetricMoves.
func wsRows() []metricRow {
	return []metricRow{
		{[]string{"mcploop_websockets_opened_total"}, nil, func(r *running) { r.dialWS() }},
		{[]string{"mcploop_websocket_faults_total"}, nil, func(r *running) {
			c := r.dialWS()
			c.peerConn.send(masked(ws.OpBinary, true, ""))
			c.closes(1003)
		}},
		{
			[]string{
				"mcploop_websocket_compressed_messages_total",
				"mcploop_websocket_compressed_bytes_total",
				"mcploop_websocket_compressed_plain_bytes_total",
			},
			func(o *server.Options) { o.WebSocket.Compression = true },
			func(r *running) {
				c := r.dialWS(wsDeflate)
				c.peerConn.send(deflated(modernRequest("1", "tools/list", "")))
				c.inflated()
			},
		},
		{
			[]string{"mcploop_websockets_silent_total"},
			func(o *server.Options) {
				o.WebSocket.PingInterval, o.WebSocket.PongTimeout = 1, 1
			},
			func(r *running) { r.dialWS() },
		},
	}
}
