package codec

import "testing"

// The vectors on which net/http, fasthttp and Hertz were compared when the parser was chosen.
// fasthttp let 4 of them pass that a strict gateway refuses, net/http 7, Hertz 14.
func TestComparedVectors(t *testing.T) {
	const (
		head  = "POST /mcp HTTP/1.1\r\nHost: h\r\n"
		te    = "Transfer-Encoding: chunked\r\n"
		chunk = "\r\n4\r\nabcd\r\n0\r\n\r\n"
	)
	f := func(name, stream string, status int) {
		t.Helper()
		if status == 0 {
			mustAccept(t, name, stream, 1)
			return
		}
		mustRefuse(t, name, stream, status)
	}
	f("CL+TE", head+"Content-Length: 4\r\n"+te+chunk, 400)
	f("TE+CL", head+te+"Content-Length: 4\r\n"+chunk, 400)
	f("dup CL differ", head+"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", 400)
	// RFC 9112 lets a server take equal lengths for one. What stands in front of us may not.
	f("dup CL same", head+"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400)
	f("CL list 4,4", head+"Content-Length: 4,4\r\n\r\nabcd", 400)
	f("CL +4", head+"Content-Length: +4\r\n\r\nabcd", 400)
	f("CL 0x4", head+"Content-Length: 0x4\r\n\r\nabcd", 400)
	f("CL overflow", head+"Content-Length: 18446744073709551620\r\n\r\nabcd", 400)
	f("TE gzip", head+"Transfer-Encoding: gzip\r\n"+chunk, 400)
	f("TE xchunked", head+"Transfer-Encoding: xchunked\r\n"+chunk, 400)
	f("TE dup", head+te+te+chunk, 400)
	f("TE on HTTP/1.0", "POST /mcp HTTP/1.0\r\nHost: h\r\n"+te+chunk, 400)
	f("space before colon", head+"Content-Length : 4\r\n\r\nabcd", 400)
	f("obs-fold", head+"X-A: a\r\n b\r\n\r\n", 400)
	f("bare LF", "POST /mcp HTTP/1.1\nHost: h\nContent-Length: 4\n\nabcd", 400)
	f("bare CR in value", head+"X-A: a\rb\r\n\r\n", 400)
	f("NUL in value", head+"X-A: a\x00b\r\n\r\n", 400)
	f("no Host", "POST /mcp HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd", 400)
	f("two Host", head+"Host: h\r\n\r\n", 400)
	f("bad method char", "PO(ST /mcp HTTP/1.1\r\nHost: h\r\n\r\n", 400)
	// The comparison would have let 1.2 pass. Nobody speaks it.
	f("HTTP/1.2", "POST /mcp HTTP/1.2\r\nHost: h\r\n\r\n", 505)
	f("HTTP/9.9", "POST /mcp HTTP/9.9\r\nHost: h\r\n\r\n", 505)
	f("lowercase http", "POST /mcp http/1.1\r\nHost: h\r\n\r\n", 400)
	f("chunk ext LF", head+te+"\r\n4;a\nabcd\r\n0\r\n\r\n", 400)
	f("chunk 0x", head+te+"\r\n0x4\r\nabcd\r\n0\r\n\r\n", 400)
	f("chunk bad end", head+te+"\r\n4\r\nabcdX\r\n0\r\n\r\n", 400)
	f("header no colon", head+"X-A\r\n\r\n", 400)
	f("empty hdr name", head+": a\r\n\r\n", 400)
	f("plain ok", head+"Content-Length: 4\r\n\r\nabcd", 0)
	f("chunked ok", head+te+chunk, 0)
}
