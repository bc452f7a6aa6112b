package client_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
)

// wsPeer is the server's side of one WebSocket.
type wsPeer struct {
	net.Conn
	in    *bufio.Reader
	t     *testing.T
	pongs int
}

// rawWS is a server that agrees to the upgrade and plays.
func rawWS(t *testing.T, play func(p *wsPeer)) (url string) {
	return "ws://" + listen(t, func(conn net.Conn) {
		p := &wsPeer{Conn: conn, in: bufio.NewReader(conn), t: t}
		r, err := http.ReadRequest(p.in)
		if err != nil {
			return
		}
		fmt.Fprint(conn, upgraded(r.Header.Get("Sec-WebSocket-Key")))
		play(p)
	}) + "/mcp"
}

func upgraded(key string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Protocol: mcp\r\nSec-WebSocket-Accept: " +
		acceptOf(key) + "\r\n\r\n"
}

func acceptOf(key string) string { return string(codec.AppendWSAccept(nil, []byte(key))) }

// read returns the next frame, which a client must have masked; "" when the client has gone.
func (p *wsPeer) read() (op ws.OpCode, payload string) {
	h, err := ws.ReadHeader(p.in)
	if err != nil {
		return 0, ""
	}
	if !h.Masked || !h.Fin || h.Rsv != 0 {
		p.t.Errorf("a client sent %+v", h)
	}
	raw := make([]byte, h.Length)
	if _, err := io.ReadFull(p.in, raw); err != nil {
		return 0, ""
	}
	ws.Cipher(raw, h.Mask, 0)
	if h.OpCode == ws.OpPong {
		p.pongs++
	}
	return h.OpCode, string(raw)
}

// request returns the id of the next request; server/discover is answered on the way.
func (p *wsPeer) request() (id string) {
	for {
		op, payload := p.read()
		if op == ws.OpPong {
			continue
		}
		_, rest, ok := strings.Cut(payload, `"id":`)
		if !ok {
			return ""
		}
		id, _, _ = strings.Cut(rest, ",")
		if !strings.Contains(payload, `"server/discover"`) {
			return id
		}
		p.text(fmt.Sprintf(discoverAnswer, id))
	}
}

func (p *wsPeer) text(message string) { p.frame(ws.OpText, true, message) }

func (p *wsPeer) frame(op ws.OpCode, fin bool, payload string) {
	_, _ = p.Write(ws.MustCompileFrame(ws.NewFrame(op, fin, []byte(payload))))
}

func closing(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// TestWSAnswers plays one answer; it is whole, or the call fails and the connection with it.
func TestWSAnswers(t *testing.T) {
	frame := func(op ws.OpCode, fin bool, payload string) string {
		return string(ws.MustCompileFrame(ws.NewFrame(op, fin, []byte(payload))))
	}
	text := func(payload string) string { return frame(ws.OpText, true, payload) }
	masked := string(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(good)))))
	reserved := "\xc1" + text(good)[1:]
	long := strings.Repeat("x", 70_000)
	for name, c := range map[string]struct {
		raw   string
		want  error // nil: the result
		open  bool  // the connection goes on all the same
		close uint16
	}{
		"text": {raw: text(good)},
		"fragments": {raw: frame(ws.OpText, false, good[:20]) + frame(ws.OpPing, true, "?") +
			frame(ws.OpContinuation, false, "") + frame(ws.OpContinuation, true, good[20:])},
		"noise": {raw: text("DEBUG") + text("") + text(good)},
		"stray": {raw: text(`{"jsonrpc":"2.0","id":5,"result":{}}`) + text(good) + text(good)},
		"pongs": {raw: frame(ws.OpPong, true, "unasked") + text(good)},

		"endless noise": {
			raw: strings.Repeat(text("x"), 20), want: client.ErrAnswer, close: 1002,
		},
		"binary":    {raw: frame(ws.OpBinary, true, good), want: client.ErrAnswer, close: 1003},
		"masked":    {raw: masked, want: client.ErrAnswer, close: 1002},
		"reserved":  {raw: reserved, want: client.ErrAnswer, close: 1002},
		"opcode":    {raw: "\x83\x00", want: client.ErrAnswer, close: 1002},
		"long ping": {raw: "\x89\x7e\x00\x80", want: client.ErrAnswer, close: 1002},
		"orphan": {
			raw: frame(ws.OpContinuation, true, good), want: client.ErrAnswer, close: 1002,
		},
		"bad text":    {raw: text("\"\xff\""), want: client.ErrAnswer, close: 1007},
		"too large":   {raw: text(good + long), want: client.ErrTooLarge, open: true},
		"large noise": {raw: text(long) + text(good)},
		"16 GiB": {
			raw:  "\x81\x7f\x00\x00\x00\x04\x00\x00\x00\x00" + good,
			want: client.ErrTooLarge, open: true,
		},
		"2^63": {
			raw: "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", want: client.ErrAnswer, close: 1002,
		},
		"large pieces": {
			raw: frame(ws.OpBinary, false, long[:40_000]) +
				frame(ws.OpContinuation, true, long[:40_000]),
			want: client.ErrAnswer, close: 1009,
		},
		"closed": {
			raw:  frame(ws.OpClose, true, closing(1001, "bye")),
			want: client.ErrGone, close: 1001,
		},
		"closed without": {
			raw: frame(ws.OpClose, true, ""), want: client.ErrGone, close: 1005,
		},
		"bad close": {
			raw: frame(ws.OpClose, true, closing(1006, "")), want: client.ErrAnswer, close: 1002,
		},
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan uint16, 1)
			url := rawWS(t, func(p *wsPeer) {
				fmt.Fprint(p, withID(c.raw, p.request()))
				closed <- p.closeCode()
			})
			opt := client.Options{URL: url, MessageBytesMax: 65_536, NoiseMax: 10}
			opt.CloseGrace = 100 * time.Millisecond
			c2 := connect(t, opt)
			raw, err := c2.Raw(testContext(t), "tools/call", nil)
			checkAnswer(t, string(raw), err, c.want)
			if c.want == nil || c.open {
				_ = c2.Close()
				c.close = 1000
			} else if _, err := c2.Raw(testContext(t), "any", nil); err == nil {
				t.Error("got an answer on a connection that ended")
			}
			if code := await(t, "the close frame", closed); code != c.close {
				t.Errorf("closed with %d, want %d", code, c.close)
			}
		})
	}
}

// closeCode reads up to the client's close frame; 0 when there is none.
func (p *wsPeer) closeCode() uint16 {
	for {
		op, payload := p.read()
		switch {
		case op == ws.OpClose && payload == "":
			return 1005
		case op == ws.OpClose:
			return binary.BigEndian.Uint16([]byte(payload))
		case op == 0:
			return 0
		}
	}
}

// TestWSUpgradeRefused: whatever is wrong with the upgrade, Connect fails and says what.
func TestWSUpgradeRefused(t *testing.T) {
	good := upgraded("KEY")
	_, rest, _ := strings.Cut(good, "\r\n")
	without := func(line string) string { return strings.Replace(good, line+"\r\n", "", 1) }
	for name, c := range map[string]struct {
		raw  string
		want string
	}{
		"403":         {answer("403 Forbidden", "text/plain", "no"), "HTTP status 403: Forbidden"},
		"200":         {ok("{}"), "HTTP status 200"},
		"redirect":    {answer("307 Temporary Redirect", "", ""), "HTTP status 307"},
		"no upgrade":  {without("Upgrade: websocket"), "not to WebSocket"},
		"h2c":         {strings.Replace(good, ": websocket", ": h2c", 1), "not to WebSocket"},
		"no accept":   {strings.Replace(good, "-Accept", "-X", 1), "Sec-WebSocket-Accept"},
		"bad accept":  {good, "Sec-WebSocket-Accept"},
		"protocol":    {strings.Replace(good, ": mcp", ": chat", 1), "Sec-WebSocket-Protocol"},
		"extension":   {"HTTP/1.1 101 S\r\nSec-WebSocket-Extensions: x\r\n" + rest, "extension"},
		"no HTTP":     {"SSH-2.0-OpenSSH\r\n", "not an answer"},
		"interims":    {strings.Repeat("HTTP/1.1 100 C\r\n\r\n", 20), "too many interim"},
		"end of head": {"HTTP/1.1 101 S\r\nUpgr", "server has gone"},
	} {
		t.Run(name, func(t *testing.T) {
			url := "ws://" + listen(t, func(conn net.Conn) {
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				raw := c.raw
				if name == "protocol" || name == "extension" { // else the first fault is the key's
					raw = strings.Replace(raw, acceptOf("KEY"),
						acceptOf(r.Header.Get("Sec-WebSocket-Key")), 1)
				}
				fmt.Fprint(conn, raw)
			})
			_, err := client.Connect(testContext(t), client.Options{URL: url})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

// TestWSServerIsSilent: no answer to the upgrade, none to a call, no end of the connection.
func TestWSServerIsSilent(t *testing.T) {
	dead := "ws://" + listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	_, err := client.Connect(testContext(t), client.Options{
		URL: dead, DialTimeout: 50 * time.Millisecond,
	})
	wantError(t, err, client.ErrUnreachable)
	url := rawWS(t, func(p *wsPeer) {
		for p.request() != "" {
		}
	})
	c := connect(t, client.Options{URL: url, CallTimeout: 100 * time.Millisecond})
	_, err = c.Raw(testContext(t), "any", nil)
	wantError(t, err, client.ErrTimeout)
}

// TestWSGoneMidCall: the connection is reset under several calls; each fails, once.
func TestWSGoneMidCall(t *testing.T) {
	const calls = 10
	url := rawWS(t, func(p *wsPeer) {
		for range calls {
			p.request()
		}
		p.frame(ws.OpText, false, `{"jsonrpc":"2.0","id":1,"res`)
		_ = p.Conn.(*net.TCPConn).SetLinger(0)
	})
	c := connect(t, client.Options{URL: url})
	ended := make(chan error, calls+1)
	for range calls {
		go func() {
			_, err := c.Raw(t.Context(), "any", nil)
			ended <- err
		}()
	}
	for range calls {
		wantError(t, await(t, "a call to end", ended), client.ErrGone)
	}
	if got := c.Stats(); got.InFlight != 0 || len(ended) != 0 {
		t.Errorf("got %+v and %d more outcomes", got, len(ended))
	}
}

// TestWSServerAsks: a ping gets its pong, a request its refusal, both masked, on the connection.
func TestWSServerAsks(t *testing.T) {
	got := make(chan string, 2)
	url := rawWS(t, func(p *wsPeer) {
		id := p.request()
		p.frame(ws.OpPing, true, "are you there?")
		op, payload := p.read()
		got <- fmt.Sprint(op, payload)
		p.text(`{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage"}`)
		_, payload = p.read()
		got <- payload
		p.text(withID(good, id))
		p.closeCode()
	})
	c := connect(t, client.Options{URL: url, Headers: map[string]string{"Authorization": "x"}})
	raw, err := c.Raw(testContext(t), "any", nil)
	checkAnswer(t, string(raw), err, nil)
	if pong := await(t, "the pong", got); pong != fmt.Sprint(ws.OpPong, "are you there?") {
		t.Errorf("got %q for a ping", pong)
	}
	if text := <-got; !strings.HasPrefix(text, `{"jsonrpc":"2.0","id":7,"error":{"code":-32601`) {
		t.Errorf("got %q for sampling", text)
	}
}

// TestWSFramesBehindTheUpgrade: what comes in one piece with the head is not lost.
func TestWSFramesBehindTheUpgrade(t *testing.T) {
	url := "ws://" + listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		told := ws.NewTextFrame([]byte(`{"jsonrpc":"2.0","method":"notifications/message"}`))
		fmt.Fprint(conn, upgraded(r.Header.Get("Sec-WebSocket-Key")),
			string(ws.MustCompileFrame(told)))
		(&wsPeer{Conn: conn, in: in, t: t}).request()
	})
	got := make(chan string, 1)
	connect(t, client.Options{URL: url, OnNotification: func(method string, _ []byte) {
		got <- method
	}})
	if method := await(t, "the notification", got); method != "notifications/message" {
		t.Errorf("got %q", method)
	}
}
