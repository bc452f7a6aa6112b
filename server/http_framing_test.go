package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

const framed = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
	"Accept: application/json, text/event-stream\r\n"

func TestSmugglingLengths(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		f := func(name, lines string) {
			t.Helper()
			row(name, framed+lines+"\r\nhello", 400)
		}
		te := "Transfer-Encoding: chunked\r\n"
		f("CL then TE", "Content-Length: 5\r\n"+te)
		f("TE then CL", te+"Content-Length: 5\r\n")
		f("CL 0 and TE", "Content-Length: 0\r\n"+te)
		f("two CLs that agree", "Content-Length: 5\r\nContent-Length: 5\r\n")
		f("two CLs that differ", "Content-Length: 5\r\nContent-Length: 6\r\n")
		f("two CLs, one in capitals", "Content-Length: 5\r\nCONTENT-LENGTH: 6\r\n")
		for _, value := range []string{
			"5, 5", "5,6", "+5", "0x5", "-1", "5 5", "", "5a", "a", "5.0", "5;", "\"5\"",
			"99999999999999999999", "18446744073709551621", "5\x0b", "\x0c5", "5_0", "1e1", "٥",
		} {
			f(fmt.Sprintf("CL %q", value), "Content-Length: "+value+"\r\n")
		}
	})
}

func TestSmugglingTransferCodings(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		body := "\r\n5\r\nhello\r\n0\r\n\r\n"
		for _, value := range []string{
			"xchunked", "chunkedx", "chunked\x0b", "\x0bchunked", "identity", "gzip", "",
			"gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ", chunked",
			"identity, chunked", "chunked;q=1", "\"chunked\"", "chun ked", "chunked\x00",
		} {
			row(fmt.Sprintf("TE %q", value), framed+"Transfer-Encoding: "+value+"\r\n"+body, 400)
		}
		te := "Transfer-Encoding: chunked\r\n"
		row("duplicate TE", framed+te+te+body, 400)
		row("two TEs", framed+te+"Transfer-Encoding: identity\r\n"+body, 400)
		row("TE in HTTP/1.0", strings.Replace(framed, "1.1", "1.0", 1)+te+body, 400)
		row("TE with a space before the colon", framed+"Transfer-Encoding : chunked\r\n"+body, 400)
		row("TE folded", framed+"Transfer-Encoding:\r\n chunked\r\n"+body, 400)
		row("TE twin", framed+"Transfer_Encoding: chunked\r\n"+body, 400)
	})
}

func TestSmugglingChunks(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		f := func(name, body string, status int) {
			t.Helper()
			row(name, framed+"Transfer-Encoding: chunked\r\n\r\n"+body, status)
		}
		const end = "\r\nhello\r\n0\r\n\r\n"
		for _, size := range []string{
			"0x5", "5 ", " 5", "-5", "+5", "5_0", "5;\x00", "", ";", "g", "5;a=\"b", "5; a", "5\t",
			"00000000000000005", "10000000000000005", "5;a=b\x7f", "5,5", "5\x0b",
		} {
			f(fmt.Sprintf("chunk size %q", size), size+end, 400)
		}
		f("chunk size of 2^64-1", "FFFFFFFFFFFFFFFF"+end, 413)
		f("chunk size of 2^63", "8000000000000000"+end, 413)
		f("bare LF after the size", "5\nhello\r\n0\r\n\r\n", 400)
		f("bare CR after the size", "5\rhello\r\n0\r\n\r\n", 400)
		f("bare LF after the data", "5\r\nhello\n0\r\n\r\n", 400)
		f("no CRLF after the data", "5\r\nhello0\r\n\r\n", 400)
		f("more data than announced", "5\r\nhelloworld\r\n0\r\n\r\n", 400)
		f("bare LF in the last chunk", "5\r\nhello\r\n0\n\r\n", 400)
		f("missing final CRLF", "5\r\nhello\r\n0\r\n", 400)
		for _, field := range []string{
			"Content-Length: 5", "Transfer-Encoding: chunked", "Host: evil.example",
			"Authorization: Bearer x", "Mcp-Session-Id: x", "Content_Length: 5", "Cookie: a=b",
			"no colon", "X : y", " folded", "X: y\x00", ": empty",
		} {
			f(fmt.Sprintf("trailer %q", field), "5\r\nhello\r\n0\r\n"+field+"\r\n\r\n", 400)
		}
		announced := framed + "Trailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n5" + end
		row("a forbidden trailer announced", announced, 400)
	})
}

func TestSmugglingLineEnds(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		const get = "GET /health HTTP/1.1"
		row("bare LF after the request line", get+"\nHost: localhost\r\n\r\n", 400)
		row("bare CR after the request line", get+"\rHost: localhost\r\n\r\n", 400)
		row("bare LF after a header", get+"\r\nHost: localhost\n\r\n", 400)
		row("bare CR in a header", get+"\r\nHost: localhost\rX: y\r\n\r\n", 400)
		row("bare LF at the end", get+"\r\nHost: localhost\r\n\n", 400)
		row("bare CR at the end", get+"\r\nHost: localhost\r\n\r\r", 400)
		row("only LFs", get+"\nHost: localhost\n\n", 400)
		row("missing final CRLF", get+"\r\nHost: localhost\r\n", 400)
		row("CR CR LF", get+"\r\nHost: localhost\r\r\n\r\n", 400)
		row("many empty lines first", strings.Repeat("\r\n", 9)+livez, 400)
		row("a LF first", "\n"+get+"\r\nHost: localhost\r\n\r\n", 400)
		row("a space first", " "+get+"\r\nHost: localhost\r\n\r\n", 400)
	})
}

func TestSmugglingRequestLines(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		f := func(line string, status int) {
			t.Helper()
			row(fmt.Sprintf("%q", line), line+"\r\nHost: localhost\r\n\r\n", status)
		}
		f("GET /livez", 400)
		f("GET  /livez HTTP/1.1", 400)
		f("GET /livez  HTTP/1.1", 400)
		f("GET /livez HTTP/1.1 ", 400)
		f("GET\t/livez HTTP/1.1", 400)
		f("GET /li vez HTTP/1.1", 400)
		f("GET /livez#top HTTP/1.1", 400)
		f("GET /liv\x80z HTTP/1.1", 400)
		f("GET /%zz HTTP/1.1", 400)
		f("GET livez HTTP/1.1", 400)
		f("GET * HTTP/1.1", 400)
		f("GET  HTTP/1.1", 400)
		f("G@T /livez HTTP/1.1", 400)
		f("GET /livez http/1.1", 400)
		f("GET /livez HTTP/1.10", 400)
		f("GET /livez HTTP/2.0", 505)
		f("GET /livez HTTP/0.9", 505)
		f("PRI * HTTP/2.0", 505)
		f("CONNECT localhost:80 HTTP/1.1", 501)
		f(strings.Repeat("M", 40)+" /livez HTTP/1.1", 501)
		f("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400) // TLS on the plain port
		f("SSH-2.0-OpenSSH_9.6", 400)
		f(`{"jsonrpc":"2.0","id":1,"method":"ping"}`, 400)
	})
}

func TestBodyThatIsLongerThanItsLengthIsTheNextRequest(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	body := modernCall("1", "echo", `{"message":"hi"}`)
	c.send(wirePost(body) + "GARBAGE\r\n\r\n")
	if a := c.answer("POST"); a.StatusCode != 200 {
		t.Fatalf("got %s %s", a.Status, a.body)
	}
	c.refused(400)
}

func TestChunkExtensionsAreBounded(t *testing.T) {
	r := start(t, nil)
	r.vectors(func(row func(name, wire string, status int)) {
		head := framed + "Transfer-Encoding: chunked\r\n\r\n"
		row("one chunk with 5 KB", head+"5;a="+strings.Repeat("b", 5000)+"\r\nhello\r\n", 413)
		one := "1;a=" + strings.Repeat("b", 1000) + "\r\nx\r\n"
		row("1-byte chunks with 1 KB each", head+strings.Repeat(one, 50), 413)
		one = "1;a=" + strings.Repeat("b", 4000) + "\r\nx\r\n"
		row("1-byte chunks with 4 KB each", head+strings.Repeat(one, 20), 413)
		row("a size line without an end", head+"5;a="+strings.Repeat("b", 6000), 413)
		many := strings.Repeat("X-Y: z\r\n", 200)
		row("200 trailers", head+"5\r\nhello\r\n0\r\n"+many+"\r\n", 431)
		row("a trailer of 20 KB", head+"0\r\nX: "+strings.Repeat("y", 20_000)+"\r\n\r\n", 431)
	})
}

func TestBodyOfTinyChunksIsBounded(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.MessageBytes = 64 << 10 })
	r.vectors(func(row func(name, wire string, status int)) {
		body := strings.Repeat(" ", 60<<10)
		head := framed + "Transfer-Encoding: chunked\r\n\r\n"
		row("60 KB in chunks of a byte", head+chunks(body, 1), 413)
	})
}

// sequence makes sure that the loop has seen what was sent before it on other connections.
func sequence(canary *peerConn) {
	canary.t.Helper()
	if a := canary.exchange(livez); a.StatusCode != 200 {
		canary.t.Fatalf("livez: %s", a.Status)
	}
}

func TestChunkedBodySplitAnywhere(t *testing.T) {
	r := start(t, oneLoop)
	canary, c := r.dialHTTP(), r.dialHTTP()
	body := modernCall(`"split"`, "echo", `{"message":"grüße"}`)
	wire := wirePost("", "Transfer-Encoding: chunked", "MCP-Protocol-Version: 2026-07-28",
		"Mcp-Method: tools/call", "Mcp-Name: echo")
	wire += strings.TrimSuffix(chunks(body, 29), "0\r\n\r\n") + "0;last\r\nX-Sum: 1\r\n\r\n"
	for i := 1; i < len(wire); i++ {
		c.send(wire[:i])
		sequence(canary)
		c.send(wire[i:])
		a := c.answer("POST")
		if a.StatusCode != 200 || !strings.Contains(a.body, `"text":"grüße"`) {
			t.Fatalf("split at %d: %s %s", i, a.Status, a.body)
		}
	}
}

func TestRequestByteByByte(t *testing.T) {
	r := start(t, oneLoop)
	canary, c := r.dialHTTP(), r.dialHTTP()
	wire := wirePost(modernCall("7", "echo", `{"message":"slow but whole"}`))
	for i := range len(wire) {
		c.send(wire[i : i+1])
		if i%16 == 0 {
			sequence(canary)
		}
	}
	if a := c.answer("POST"); !strings.Contains(a.body, "slow but whole") {
		t.Fatalf("got %s %s", a.Status, a.body)
	}
}
