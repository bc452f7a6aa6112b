package client_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestFallback: what a server may do at server/discover, and where Auto ends up.
func TestFallback(t *testing.T) {
	refusal := func(code int, data string) string {
		const form = `{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"no"%s}}`
		return fmt.Sprintf(form, code, data)
	}
	for name, c := range map[string]struct {
		answer string // to server/discover; "" for none, "close" to end the connection
		legacy bool   // whether Auto gets through
	}{
		"unknown method":  {refusal(-32601, ""), true},
		"not initialized": {refusal(-32000, ""), true},
		"null id":         {strings.Replace(refusal(-32600, ""), "ID", "null", 1), true},
		"silence":         {"", true},
		"close":           {"close", true},
		"only legacy":     {strings.Replace(discoverOf("2025-11-25"), "%s", "ID", 1), true},
		"garbage result":  {`{"jsonrpc":"2.0","id":ID,"result":[1]}`, true},
		"unsupported":     {refusal(-32022, `,"data":{"supported":["2025-06-18"]}`), true},
		"later revision":  {refusal(-32022, `,"data":{"supported":["2031-01-01"]}`), false},
		"header mismatch": {refusal(-32020, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			url := "tcp://" + listen(t, func(conn net.Conn) { legacyServer(conn, c.answer) })
			got, err := client.Connect(testContext(t), client.Options{
				URL: url, ProbeTimeout: 200 * time.Millisecond,
			})
			if err != nil {
				if c.legacy {
					t.Errorf("got %v, want the legacy era", err)
				}
				return
			}
			defer got.Close()
			if !c.legacy || got.Version() != mcp.V20251125 || got.ServerInfo().Name != "script" {
				t.Errorf("got version %s of %+v", got.Version(), got.ServerInfo())
			}
		})
	}
}

// TestOfferedRevision: a server that refuses a revision and offers it is asked by it, once.
func TestOfferedRevision(t *testing.T) {
	for refusals, well := range map[int64]bool{1: true, 2: false} {
		var asked atomic.Int64
		url := "tcp://" + listen(t, func(conn net.Conn) {
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				_, rest, _ := strings.Cut(lines.Text(), `"id":`)
				id, _, _ := strings.Cut(rest, ",")
				if asked.Add(1) <= refusals {
					fmt.Fprintf(conn, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32022,`+
						`"message":"no","data":{"supported":["2026-07-28"]}}}`+"\n", id)
					continue
				}
				fmt.Fprintf(conn, discoverAnswer+"\n", id)
			}
		})
		got, err := client.Connect(testContext(t), client.Options{URL: url, Era: client.Modern})
		if err == nil {
			got.Close()
		}
		if (err == nil) != well || asked.Load() != 2 {
			t.Errorf("%d refusals: got %v after %d requests, want 2", refusals, err, asked.Load())
		}
	}
}

func discoverOf(version string) string {
	return strings.Replace(discoverAnswer, "2026-07-28", version, 1)
}

func legacyServer(conn net.Conn, discover string) {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		_, rest, _ := strings.Cut(lines.Text(), `"id":`)
		id, _, _ := strings.Cut(rest, ",")
		switch {
		case strings.Contains(lines.Text(), `"initialize"`):
			fmt.Fprintf(conn, initializeAnswer+"\n", id)
		case !strings.Contains(lines.Text(), `"server/discover"`):
		case discover == "close":
			return
		case discover != "":
			fmt.Fprintln(conn, strings.ReplaceAll(discover, "ID", id))
		}
	}
}

// TestPin asks for every revision by name.
func TestPin(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	for transport, url := range urls(s) {
		for _, version := range mcp.SupportedVersions() {
			if transport == "sse" && mcp.ParseVersion([]byte(version)).Modern() {
				continue
			}
			t.Run(transport+"/"+version, func(t *testing.T) {
				c := connect(t, client.Options{URL: url, Version: version})
				if got := c.Version().String(); got != version {
					t.Errorf("got %s", got)
				}
				r, err := c.Call(testContext(t), "echo", echoInput{version})
				wantText(t, r, err, version)
			})
		}
	}
}

// TestPinRefused: a legacy server that answers with another revision is not what was asked for.
func TestPinRefused(t *testing.T) {
	url := "tcp://" + listen(t, func(conn net.Conn) { legacyServer(conn, "") })
	_, err := client.Connect(testContext(t), client.Options{URL: url, Version: "2025-03-26"})
	if err == nil || !strings.Contains(err.Error(), `"2025-11-25"`) {
		t.Errorf("got %v, want it to name what the server chose", err)
	}
}

// TestSessionRenewed: the server forgets the session; the next call opens another one.
func TestSessionRenewed(t *testing.T) {
	var sessions, lost atomic.Int32
	url := "http://" + listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body := make([]byte, r.ContentLength+1)
			n, _ := r.Body.Read(body)
			_, rest, _ := strings.Cut(string(body[:n]), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			switch session := r.Header.Get("Mcp-Session-Id"); {
			case strings.Contains(string(body), `"initialize"`):
				out := ok(fmt.Sprintf(initializeAnswer, id))
				fmt.Fprint(conn, strings.Replace(out, "\r\n",
					fmt.Sprintf("\r\nMcp-Session-Id: s%d\r\n", sessions.Add(1)), 1))
			case id == "":
				fmt.Fprint(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
			case session == "s1":
				lost.Add(1)
				fmt.Fprint(conn, answer("404 Not Found", "text/plain", "session not found"))
			default:
				fmt.Fprint(conn, ok(withID(good, id)))
			}
		}
	}) + "/mcp"
	c := connect(t, client.Options{URL: url, Era: client.Legacy})
	for range 2 {
		raw, err := c.Raw(testContext(t), "tools/call", nil)
		checkAnswer(t, string(raw), err, nil)
	}
	if sessions.Load() != 2 || lost.Load() != 1 {
		t.Errorf("got %d sessions, %d lost; want 2 and 1", sessions.Load(), lost.Load())
	}
}

// TestSessionEnds: Close deletes the session at the server.
func TestSessionEnds(t *testing.T) {
	deleted := make(chan string, 1)
	url := "http://" + listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for r, err := http.ReadRequest(in); err == nil; r, err = http.ReadRequest(in) {
			body := make([]byte, max(r.ContentLength, 0)+1)
			n, _ := r.Body.Read(body)
			_, rest, initialize := strings.Cut(string(body[:n]), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			switch {
			case r.Method == "DELETE":
				deleted <- r.Header.Get("Mcp-Session-Id") + " " +
					r.Header.Get("Mcp-Protocol-Version")
				fmt.Fprint(conn, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
			case initialize:
				out := ok(fmt.Sprintf(initializeAnswer, id))
				fmt.Fprint(conn, strings.Replace(out, "\r\n", "\r\nMcp-Session-Id: abc\r\n", 1))
			default:
				fmt.Fprint(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
			}
		}
	}) + "/mcp"
	c := connect(t, client.Options{URL: url, Era: client.Legacy})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := await(t, "the DELETE", deleted); got != "abc 2025-11-25" {
		t.Errorf("got %q", got)
	}
}

// TestRefusedOptions: what cannot work is said before anything is dialed.
func TestRefusedOptions(t *testing.T) {
	const nobody = "tcp://127.0.0.1:1"
	with := func(name, value string) client.Options {
		return client.Options{URL: nobody, Headers: map[string]string{name: value}}
	}
	for name, c := range map[string]struct {
		opt  client.Options
		want string
	}{
		"nothing":     {client.Options{}, "either Options.URL or Options.Command"},
		"https user":  {client.Options{URL: "https://u:p@127.0.0.1/mcp"}, "Options.Headers"},
		"scheme":      {client.Options{URL: "ftp://example.com"}, `scheme "ftp"`},
		"no port":     {client.Options{URL: "tcp://127.0.0.1"}, "host:port"},
		"no path":     {client.Options{URL: "unix://relative"}, "unix:///path"},
		"credentials": {client.Options{URL: "http://u:p@127.0.0.1/mcp"}, "Options.Headers"},
		"version":     {client.Options{URL: nobody, Version: "2020-01-01"}, "2020-01-01"},
		"era": {
			client.Options{URL: nobody, Era: client.Modern, Version: "2024-11-05"}, "modern era",
		},
		"header":     {with("a b", "c"), "token"},
		"own header": {with("HOST", "c"), "HOST"},
		"ws header":  {with("Sec-WebSocket-Key", "c"), "Sec-WebSocket-Key"},
		"wss user":   {client.Options{URL: "wss://u:p@127.0.0.1/mcp"}, "Options.Headers"},
		"ws user":    {client.Options{URL: "ws://u:p@127.0.0.1/mcp"}, "Options.Headers"},
		"modern sse": {
			client.Options{URL: "sse://127.0.0.1/sse", Version: "2026-07-28"}, "over HTTP+SSE",
		},
		"injection": {with("a", "c\r\nd: e"), "control"},
		"limit":     {client.Options{URL: nobody, InFlightMax: -1}, "InFlightMax = -1"},
		"params":    {client.Options{URL: nobody, Capabilities: 5}, "Capabilities"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.Connect(testContext(t), c.opt)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "u:p@") {
				t.Errorf("got %v with the password", err)
			}
		})
	}
}

// TestUnreachable: nobody listens; the error says so at once, in every era.
func TestUnreachable(t *testing.T) {
	for _, url := range []string{
		"tcp://127.0.0.1:1", "http://localhost:1/mcp", "unix:///no/such/socket",
		"ws://127.0.0.1:1/mcp", "sse://127.0.0.1:1/sse",
	} {
		_, err := client.Connect(testContext(t), client.Options{URL: url})
		wantError(t, err, client.ErrUnreachable)
		if errors.Is(err, client.ErrAnswer) {
			t.Errorf("got %v", err)
		}
	}
}
