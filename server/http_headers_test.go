package server_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

func TestHeaderFaults(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		f := func(line string) {
			t.Helper()
			head := "GET /livez HTTP/1.1\r\nHost: localhost\r\n" + line + "\r\n\r\n"
			row(fmt.Sprintf("%q", line), head, 400)
		}
		f("X: a\r\n b") // obs-fold
		f("X: a\r\n\tb")
		f(" X: a")
		f("X : a") // space before the colon
		f("X\t: a")
		f("X: a\x00b")
		f("X\x00: a")
		f("X: a\x01")
		f("X: a\x7f")
		f("X: a\x0b")
		f("X@Y: a") // no token
		f("X Y: a")
		f("X(: a")
		f("\xc3\xbc: a")
		f(": a")
		f("X")
		f("Content_Length: 5") // _ twins of what decides
		f("Transfer_Encoding: chunked")
		f("mcp_session_id: x")
		f("MCP_PROTOCOL_VERSION: x")
		f("Mcp_Param_Region: x")
		f("X_Forwarded_For: 10.0.0.1")
		f("Authorization_: x\r\nAUTHORIZATION: y\r\nX_Real_IP: z")
		f("Host_: x\r\nOri_gin: y\r\nLast_Event_ID: 1")
	})
}

func TestHostFaults(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		f := func(name, lines string) {
			t.Helper()
			row(name, "GET /livez HTTP/1.1\r\n"+lines+"\r\n", 400)
		}
		f("no Host", "")
		f("two Hosts", "Host: localhost\r\nHost: localhost\r\n")
		f("two Hosts that differ", "Host: localhost\r\nHost: evil.example\r\n")
		for _, value := range []string{
			"", "a b", "a,b", "localhost:", "localhost:x", "localhost:99999", "u@localhost",
			"http://localhost", "localhost/x", "[::1", "[zz]", "[::1]x", "localhost:80:80", "%6c",
			"[fe80::1%25eth0]", "lo\\calhost",
		} {
			f(fmt.Sprintf("Host %q", value), "Host: "+value+"\r\n")
		}
		absolute := func(name, target, host string) {
			t.Helper()
			row(name, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n", 400)
		}
		absolute("absolute-form of another host", "http://evil.example/livez", "localhost")
		absolute("absolute-form of another port", "http://localhost:1/livez", "localhost:2")
		absolute("absolute-form with user", "http://me@localhost/livez", "localhost")
		absolute("absolute-form of another scheme", "ftp://localhost/livez", "localhost")
		absolute("absolute-form without host", "http:///livez", "localhost")
		row("absolute-form of a foreign host, no Host in HTTP/1.0",
			"GET http://a b/livez HTTP/1.0\r\n\r\n", 400)
	})
}

func TestAbsoluteFormThatFits(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	a := c.exchange("GET http://LocalHost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if a.StatusCode != 200 || a.body != "ok\n" {
		t.Fatalf("got %s %q", a.Status, a.body)
	}
}

func TestHeadLimits(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		const get = "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
		row("a header of 100 KB", get+"X: "+strings.Repeat("y", 100<<10)+"\r\n\r\n", 431)
		row("a header of 100 KB without an end", get+"X: "+strings.Repeat("y", 100<<10), 431)
		row("101 headers", get+strings.Repeat("X: y\r\n", 100)+"\r\n", 431)
		row("1,000 headers", get+strings.Repeat("X: y\r\n", 1000)+"\r\n", 431)
		row("a URI of 64 KB", "GET /"+strings.Repeat("a", 64<<10)+" HTTP/1.1\r\n\r\n", 414)
		row("a URI of 64 KB without an end", "GET /"+strings.Repeat("a", 64<<10), 414)
	})
	c := r.dialHTTP()
	most := "GET /livez HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: y\r\n", 99) + "\r\n"
	if a := c.exchange(most); a.StatusCode != 200 {
		t.Errorf("100 headers: %s", a.Status)
	}
	a := c.exchange("GET /" + strings.Repeat("a", 8000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if a.StatusCode != 404 {
		t.Errorf("a URI of 8 KB: %s", a.Status)
	}
}

func TestHeadLimitsAreOptions(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Limits.HeadBytes, o.Limits.Headers, o.Limits.TargetBytes = 300, 3, 50
	})
	r.vectors(func(row func(name, wire string, status int)) {
		const get = "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
		row("4 headers", get+strings.Repeat("X: y\r\n", 3)+"\r\n", 431)
		row("a head of 320 bytes", get+"X: "+strings.Repeat("y", 280)+"\r\n\r\n", 431)
		row("a URI of 51 bytes", "GET /"+strings.Repeat("a", 50)+" HTTP/1.1\r\n\r\n", 414)
	})
	if a := r.dialHTTP().exchange(livez); a.StatusCode != 200 {
		t.Fatalf("livez: %s", a.Status)
	}
}

func TestBodyLimit(t *testing.T) {
	const limit = 64 << 10
	r := start(t, func(o *server.Options) { o.Limits.MessageBytes = limit })
	call := modernCall("1", "echo", `{"message":"`)
	call = call[:strings.Index(call, `"arguments"`)]
	sized := func(n int) string {
		body := call + `"arguments":{"message":""},` + modernMeta + `}}`
		return body + strings.Repeat(" ", n-len(body))
	}
	r.vectors(func(row func(name, wire string, status int)) {
		row("limit and one", wirePost(sized(limit+1)), 413)
		head := framed + fmt.Sprintf("Content-Length: %d\r\n\r\n", int64(1)<<50)
		row("2^50, only announced", head, 413)
		row("limit and one in chunks", framed+"Transfer-Encoding: chunked\r\n\r\n"+
			chunks(sized(limit+1), 4<<10), 413)
	})
	c := r.dialHTTP()
	if a := c.exchange(wirePost(sized(limit))); a.StatusCode != 200 {
		t.Errorf("exactly the limit: %s %s", a.Status, a.body)
	}
	wire := wirePost("", "Transfer-Encoding: chunked", "MCP-Protocol-Version: 2026-07-28",
		"Mcp-Method: tools/call", "Mcp-Name: echo") + chunks(sized(limit), 4<<10)
	if a := c.exchange(wire); a.StatusCode != 200 {
		t.Errorf("exactly the limit in chunks: %s %s", a.Status, a.body)
	}
}

func TestExpectContinueIsAnswered(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	body := modernCall("1", "echo", `{"message":"hi"}`)
	wire := wirePost(body, "Expect: 100-continue")
	head := strings.TrimSuffix(wire, body)
	f := func(first, rest string) {
		t.Helper()
		c.send(first)
		if a := c.answer("POST"); a.StatusCode != 100 {
			t.Fatalf("got %s, want 100", a.Status)
		}
		c.send(rest)
		if a := c.answer("POST"); a.StatusCode != 200 || !strings.Contains(a.body, "hi") {
			t.Fatalf("got %s %s", a.Status, a.body)
		}
	}
	f(head, body)
	f(head, body) // again on the same connection, and once only though the body comes in parts
	f(head+body[:10], body[10:])
	chunked := wirePost("", "Expect: 100-continue", "Transfer-Encoding: chunked",
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: echo")
	f(chunked, chunks(body, 50))
	c.send(wire) // the body is there already: no 100
	if a := c.answer("POST"); a.StatusCode != 200 {
		t.Fatalf("got %s, want 200 at once", a.Status)
	}
}

func TestExpectContinueIsRefusedWithoutA100(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.MessageBytes = 64 << 10 })
	f := func(name string, want int, lines string) {
		t.Helper()
		c := r.dialHTTP()
		c.send("POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n" + lines + "\r\n")
		if a := c.onlyAnswer(); a.StatusCode != want {
			t.Errorf("%s: got %s, want %d", name, a.Status, want)
		}
	}
	const expect = "Expect: 100-continue\r\n"
	f("above the limit", 413, "Host: localhost\r\nContent-Length: 70000\r\n"+expect)
	f("another expectation", 417, "Host: localhost\r\nContent-Length: 5\r\nExpect: tea\r\n")
	f("bad Host", 403, "Host: evil.example\r\nContent-Length: 5\r\n"+expect)
	f("bad Origin", 403, "Host: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 5\r\n"+
		expect)
	f("two lengths", 400, "Host: localhost\r\nContent-Length: 5\r\nContent-Length: 5\r\n"+expect)
}

func TestMethodsOfHTTP(t *testing.T) {
	r := start(t, nil)
	f := func(method, path string, want int, allow string) {
		t.Helper()
		c := r.dialHTTP()
		a := c.exchange(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if a.StatusCode != want || a.Header.Get("Allow") != allow {
			t.Errorf("%s %s: got %s Allow %q, want %d %q", method, path, a.Status,
				a.Header.Get("Allow"), want, allow)
		}
		if a := c.exchange(livez); a.StatusCode != 200 { // the framing was never in doubt
			t.Errorf("after %s %s: %s", method, path, a.Status)
		}
	}
	const mcp, pages = "GET, POST, DELETE, OPTIONS", "GET, HEAD"
	f("GET", "/mcp", 406, "")
	f("HEAD", "/mcp", 405, mcp)
	f("PUT", "/mcp", 405, mcp)
	f("PATCH", "/mcp", 405, mcp)
	f("TRACE", "/mcp", 501, "")
	f("BREW", "/mcp", 501, "")
	f("post", "/mcp", 501, "")
	f("POST", "/health", 405, pages)
	f("PUT", "/metrics", 405, pages)
	f("DELETE", "/readyz", 405, pages)
	f("TRACE", "/livez", 405, pages)
	f("OPTIONS", "*", 404, "")
}

func TestUnknownPathsAre404(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	for _, path := range []string{
		"/", "/mcp/", "/MCP", "//mcp", "/mcp%2f", "/%6dcp", "/health/", "/metrics/x", "/./mcp",
		"/debug/pprof/", "/.env",
	} {
		for _, method := range []string{"GET", "POST", "HEAD", "DELETE"} {
			a := c.exchange(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if a.StatusCode != 404 || method == "HEAD" != (a.body == "") {
				t.Errorf("%s %s: %s %q", method, path, a.Status, a.body)
			}
		}
	}
	a := c.exchange("GET /livez?verbose=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if a.body != "ok\n" {
		t.Errorf("a query: %s", a.Status)
	}
}

func TestConnectionClose(t *testing.T) {
	r := start(t, nil)
	for _, value := range []string{"close", "Close", "keep-alive, close", "x, close ,y"} {
		c := r.dialHTTP()
		c.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: " + value + "\r\n\r\n")
		c.send(livez)
		if a := c.answer("GET"); a.StatusCode != 200 || !a.Close {
			t.Errorf("Connection: %s: %s, close %v", value, a.Status, a.Close)
		}
		if rest, _ := io.ReadAll(c.r); len(rest) > 0 {
			t.Errorf("Connection: %s: %q came behind", value, rest)
		}
	}
}
