package codec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func chunked(body string) string { return post("Transfer-Encoding: chunked\r\n", body) }

func TestChunkedRefused(t *testing.T) {
	f := func(name, body string, status int) {
		t.Helper()
		mustRefuse(t, name, chunked(body), status)
	}
	const end = "\r\nabcde\r\n0\r\n\r\n"
	for _, size := range []string{
		"0x5", "5 ", " 5", "-5", "+5", "5_0", "5\t", "", ";a=b", "g", "5,5", "5;\x00", "5;a=\x00",
		"5.0",
		"5;", "5;;a", "5;a=", "5;a=b=c", "5; a=b", "5;a =b", "5;a= b", `5;a="b`, `5;a="b"c`,
		"5;a=b;",
		"5\x0b", "5\r", "\n5", "5\x00", "5 ;a", "00000000000000005", "5:", "5(a)", `5;"a"`,
		`5;a="\`,
	} {
		f(fmt.Sprintf("size %q", size), size+end, 400)
	}
	f("bare LF behind size", "5\nabcde\r\n0\r\n\r\n", 400)
	f("bare LF in extension", "5;a\nabcde\r\n0\r\n\r\n", 400)
	f("bare CR behind size", "5\rabcde\r\n0\r\n\r\n", 400)
	f("CR in place of CRLF CR", "5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n", 400)
	f("no CRLF behind data", "5\r\nabcde0\r\n\r\n", 400)
	f("LF behind data", "5\r\nabcde\n0\r\n\r\n", 400)
	f("CR behind data", "5\r\nabcde\r0\r\n\r\n", 400)
	f("too much data", "5\r\nabcdef\r\n0\r\n\r\n", 400)
	f("no last chunk", "5\r\nabcde\r\n", 400)
	f("missing final CRLF", "5\r\nabcde\r\n0\r\n", 400)
	f("data without size", "\r\nabcde\r\n0\r\n\r\n", 400)
	f("size above the limit", "400001\r\n", 413)
	f("size of 2^64-1", "ffffffffffffffff\r\n", 413)
	f("size of 2^63", "8000000000000000\r\n", 413)
	f("sum above the limit", "3fffff\r\n"+strings.Repeat("a", 0x3fffff)+"\r\n2\r\n", 413)
	f("extension of 4 KiB", "5;"+strings.Repeat("a", 4096)+end, 413)
	f("endless extension", "5;"+strings.Repeat("a", 1<<20), 413)
	ext := "1;" + strings.Repeat("a", 1000) + "\r\nx\r\n"
	f("1-byte chunks with extensions", strings.Repeat(ext, 5), 413)
	mustAccept(t, "4 KiB of extensions", chunked(strings.Repeat(ext, 4)+"0\r\n\r\n"), 1)
}

func TestChunkedTrailers(t *testing.T) {
	f := func(name, trailer string, status int) {
		t.Helper()
		mustRefuse(t, name, chunked("1\r\na\r\n0\r\n"+trailer+"\r\n\r\n"), status)
	}
	for _, name := range []string{
		"Content-Length", "Transfer-Encoding", "Host", "Authorization", "content-type", "Origin",
		"Content-Encoding", "Mcp-Session-Id", "Mcp-Param-Region", "Cookie", "TE", "Trailer",
		"Expect",
		"Connection", "Upgrade", "X-Forwarded-For", "Content_Length", "Mcp_Session_Id",
		"Set-Cookie",
	} {
		f(name, name+": 5", 400)
		announced := post("Transfer-Encoding: chunked\r\nTrailer: X-A, "+name+"\r\n", "0\r\n\r\n")
		mustRefuse(t, "Trailer: "+name, announced, 400)
	}
	f("no colon", "X-A", 400)
	f("space before colon", "X-A : b", 400)
	f("fold", "X-A: a\r\n b", 400)
	f("bare LF", "X-A: a\nX-B: b", 400)
	f("NUL", "X-A: a\x00", 400)
	f("trailer of 17 KB", "X-A: "+strings.Repeat("a", 17<<10), 431)
	f("endless trailers", strings.Repeat("X-A: a\r\n", 101), 431)
	mustRefuse(t, "Trailer is not a list", post("Trailer: a b\r\n", ""), 400)

	good := chunked("1\r\na\r\n0\r\nX-A: b\r\nDigest: c\r\n\r\n")
	s := mustAccept(t, "trailers", good+post("", ""), 2)
	if !strings.HasSuffix(s.got[0], `body="a"`) {
		t.Errorf("trailers: got %q", s.got[0])
	}
}

func TestChunkedAccepted(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		s := mustAccept(t, body, chunked(body), 1)
		if len(s.got) == 1 && !strings.HasSuffix(s.got[0], fmt.Sprintf("body=%q", want)) {
			t.Errorf("%q: got %q; want body %q", body, s.got[0], want)
		}
	}
	f("0\r\n\r\n", "")
	f("000\r\n\r\n", "")
	f("5\r\nhello\r\n0\r\n\r\n", "hello")
	f("A\r\n0123456789\r\n00a\r\n9876543210\r\n0\r\n\r\n", "01234567899876543210")
	f("0000000000000002\r\n\r\n\r\n0\r\n\r\n", "\r\n")
	f("2;a;b=c;d=\"e; \\\" f\"\r\nhi\r\n0;x\r\n\r\n", "hi")
}

// A chunk's announced size must not make the buffer grow.
func TestChunkedMemory(t *testing.T) {
	limits := DefaultHTTPLimits()
	limits.BodyBytes = 1 << 62
	var c Chunked
	c.Reset(&limits)
	dst, n, done, err := c.Decode(nil, []byte("1000000000000000\r\nabc"))
	if string(dst) != "abc" || n != 21 || done || err != nil || cap(dst) > 64 {
		t.Errorf("Decode = %q (cap %d), %d, %v, %v", dst, cap(dst), n, done, err)
	}
}

func TestBodyLimit(t *testing.T) {
	limits := DefaultHTTPLimits()
	limits.BodyBytes = 5
	for _, stream := range []string{
		post("Content-Length: 5\r\n", "abcde"), chunked("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
	} {
		if s := readHTTP(stream, 1, &limits); s.err != nil || len(s.got) != 1 {
			t.Errorf("%q: %q, %v; want one request", stream, s.got, s.err)
		}
	}
	for _, stream := range []string{
		post("Content-Length: 6\r\n", ""), chunked("2\r\nab\r\n4\r\n"),
	} {
		if s := readHTTP(stream, 1, &limits); s.err != refuseBody {
			t.Errorf("%q: %v; want %v", stream, s.err, refuseBody)
		}
	}
}

func TestAppendChunks(t *testing.T) {
	var out []byte
	out = AppendChunk(out, nil)
	out = AppendChunk(out, []byte("hello "))
	out, mark := BeginChunk(out)
	out = append(out, bytes.Repeat([]byte("x"), 300)...)
	out = EndChunk(out, mark)
	before := len(out)
	out, mark = BeginChunk(out)
	if out = EndChunk(out, mark); len(out) != before {
		t.Errorf("an empty chunk left %q", out[before:])
	}
	out = AppendLastChunk(out)
	var c Chunked
	c.Reset(nil)
	got, n, done, err := c.Decode(nil, out)
	want := "hello " + strings.Repeat("x", 300)
	if string(got) != want || n != len(out) || !done || err != nil {
		t.Errorf("decoded %q, %d of %d, %v, %v; want %q", got, n, len(out), done, err, want)
	}
}
