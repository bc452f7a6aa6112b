package codec

import (
	"fmt"
	"strings"
	"testing"
)

// httpStream reads requests as a connection does: it keeps what was not used, and looks at
// nothing behind a refusal.
type httpStream struct {
	parser  RequestParser
	request Request
	body    Body
	inBody  bool
	head    string
	buf     []byte
	decoded []byte
	got     []string // one line per request
	err     *HTTPError
}

func (s *httpStream) feed(piece []byte) {
	s.buf = append(s.buf, piece...)
	for s.err == nil {
		if !s.inBody {
			n, err := s.parser.Head(s.buf, &s.request)
			if n == 0 || err != nil {
				s.err = err
				return
			}
			s.head = describe(&s.request)
			s.body.StartRequest(&s.request, s.parser.Limits)
			s.inBody, s.decoded = true, s.decoded[:0]
			s.buf = s.buf[n:]
		}
		var n int
		var done bool
		s.decoded, n, done, s.err = s.body.Decode(s.decoded, s.buf)
		s.buf = s.buf[n:]
		if !done || s.err != nil {
			return
		}
		s.got = append(s.got, fmt.Sprintf("%s body=%q", s.head, s.decoded))
		s.inBody = false
	}
}

func describe(r *Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s 1.%d keep=%v", r.Method, r.Target, r.Minor, r.KeepAlive)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, " %s:%q", h.Name, h.Value)
	}
	return b.String()
}

// readHTTP reads a whole stream that comes in pieces of size bytes.
func readHTTP(stream string, size int, limits *HTTPLimits) *httpStream {
	s := &httpStream{parser: RequestParser{Limits: limits}}
	for from := 0; from < len(stream) && s.err == nil; from += size {
		s.feed([]byte(stream[from:min(from+size, len(stream))]))
	}
	return s
}

// mustRefuse checks that a stream is refused with a status, in one piece and byte by byte, and
// that no request comes out of it or from behind it.
func mustRefuse(t *testing.T, name, stream string, status int) {
	t.Helper()
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, size := range []int{1, len(stream) + len(smuggled)} {
		s := readHTTP(stream+smuggled, size, nil)
		switch {
		case s.err == nil:
			t.Errorf("%s: accepted %q", name, s.got)
		case s.err.Status != status:
			t.Errorf("%s: refused with %v; want %d", name, s.err, status)
		case len(s.got) > 0:
			t.Errorf("%s: read %q before the refusal", name, s.got)
		}
	}
}

func mustAccept(t *testing.T, name, stream string, requests int) *httpStream {
	t.Helper()
	whole := readHTTP(stream, len(stream), nil)
	bytewise := readHTTP(stream, 1, nil)
	if whole.err != nil || len(whole.got) != requests || len(whole.buf) != 0 {
		t.Errorf("%s: got %q, error %v, %d bytes left; want %d requests",
			name, whole.got, whole.err, len(whole.buf), requests)
	}
	if fmt.Sprint(whole.got) != fmt.Sprint(bytewise.got) {
		t.Errorf("%s: in one piece %q, byte by byte %q", name, whole.got, bytewise.got)
	}
	return whole
}

func post(headers, body string) string {
	return "POST /mcp HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body
}

func TestRequestFramingRefused(t *testing.T) {
	f := func(name, stream string, status int) {
		t.Helper()
		mustRefuse(t, name, stream, status)
	}
	const te = "Transfer-Encoding: chunked\r\n"
	f("CL then TE", post("Content-Length: 4\r\n"+te, "0\r\n\r\n"), 400)
	f("TE then CL", post(te+"Content-Length: 4\r\n", "0\r\n\r\n"), 400)
	f("CL 0 and TE", post(te+"Content-Length: 0\r\n", "0\r\n\r\n"), 400)
	f("two CLs that differ", post("Content-Length: 4\r\nContent-Length: 5\r\n", "abcde"), 400)
	f("two equal CLs", post("Content-Length: 4\r\ncontent-length: 4\r\n", "abcd"), 400)
	for _, v := range []string{
		"5, 5", "5,5", "+5", "0x5", "-1", "5 5", "", "5;", "5.0", "1e1", "٥", "'5'", "5\t5", "_5",
		"9223372036854775808", "1000000000000000000000", "00000000000000000000000005",
	} {
		f("CL "+v, post("Content-Length: "+v+"\r\n", "abcde"), 400)
	}
	for _, v := range []string{
		"xchunked", "chunkedx", "identity", "gzip", "gzip, chunked", "chunked, chunked", "",
		"chunked, identity", "chunked,", ",chunked", "chunked;q=1", `"chunked"`, "chun ked",
		"chunked\x0b", "\x0bchunked", "chunked\x0c", "chunked\x85", "chunked\xa0", "cow",
	} {
		f("TE "+v, post("Transfer-Encoding: "+v+"\r\n", "0\r\n\r\n"), 400)
	}
	f("two TEs", post(te+te, "0\r\n\r\n"), 400)
	f("two TEs, one identity", post(te+"Transfer-Encoding: identity\r\n", "0\r\n\r\n"), 400)
	f("TE in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\n"+te+"\r\n0\r\n\r\n", 400)
	f("body above the limit", post("Content-Length: 4194305\r\n", ""), 413)
	f("expect, body above the limit",
		post("Expect: 100-continue\r\nContent-Length: 4194305\r\n", ""), 413)
	f("unknown expectation", post("Expect: 200-ok\r\nContent-Length: 5\r\n", "abcde"), 417)
	f("two expectations", post("Expect: 100-continue, x\r\nContent-Length: 5\r\n", ""), 417)
}

func TestRequestLinesRefused(t *testing.T) {
	f := func(name, stream string, status int) {
		t.Helper()
		mustRefuse(t, name, stream, status)
	}
	const host = "\r\nHost: h\r\n\r\n"
	f("garbage", "hello\r\n\r\n", 400)
	f("HTTP/0.9", "GET /\r\n", 400)
	f("no target", "GET HTTP/1.1"+host, 400)
	f("empty target", "GET  HTTP/1.1"+host, 400)
	f("leading space", " GET / HTTP/1.1"+host, 400)
	f("two spaces", "GET  / HTTP/1.1"+host, 400)
	f("tab for space", "GET\t/ HTTP/1.1"+host, 400)
	f("space behind", "GET / HTTP/1.1 "+host, 400)
	f("space in target", "GET /a b HTTP/1.1"+host, 400)
	f("tab in target", "GET /a\tb HTTP/1.1"+host, 400)
	f("bare CR in line", "GET /\rHTTP/1.1"+host, 400)
	f("bare LF line end", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400)
	f("only LFs", "GET / HTTP/1.1\nHost: h\n\n", 400)
	f("NUL in target", "GET /\x00 HTTP/1.1"+host, 400)
	f("UTF-8 in target", "GET /δ HTTP/1.1"+host, 400)
	f("fragment", "GET /a#b HTTP/1.1"+host, 400)
	f("backslash", `GET \a HTTP/1.1`+host, 400)
	f("bad escape", "GET /%zz HTTP/1.1"+host, 400)
	f("cut escape", "GET /%4 HTTP/1.1"+host, 400)
	f("method not a token", "G@T / HTTP/1.1"+host, 400)
	f("long method", strings.Repeat("A", 33)+" / HTTP/1.1"+host, 501)
	f("CONNECT", "CONNECT example.com:443 HTTP/1.1"+host, 501)
	f("* and GET", "GET * HTTP/1.1"+host, 400)
	f("relative target", "GET mcp HTTP/1.1"+host, 400)
	f("other scheme", "GET ftp://h/ HTTP/1.1"+host, 400)
	f("user information", "GET http://u@h/ HTTP/1.1\r\nHost: u@h\r\n\r\n", 400)
	f("no authority", "GET http:///mcp HTTP/1.1"+host, 400)
	f("HTTP/1.2", "GET / HTTP/1.2"+host, 505)
	f("HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
	f("HTTP/0.9 spelled", "GET / HTTP/0.9"+host, 505)
	f("HTTP/9.9", "GET / HTTP/9.9"+host, 505)
	f("HTTP/1.10", "GET / HTTP/1.10"+host, 400)
	f("lower case", "GET / http/1.1"+host, 400)
	f("HTTP/1", "GET / HTTP/1"+host, 400)
	f("HTTP/01.1", "GET / HTTP/01.1"+host, 400)
	f("64 KB target", "GET /"+strings.Repeat("a", 64<<10)+" HTTP/1.1"+host, 414)
	f("9 KB target", "GET /"+strings.Repeat("a", 9<<10)+" HTTP/1.1"+host, 414)
	f("five empty lines", strings.Repeat("\r\n", 5)+"GET / HTTP/1.1"+host, 400)
	f("leading bare LF", "\nGET / HTTP/1.1"+host, 400)
	f("leading bare CR", "\rGET / HTTP/1.1"+host, 400)
}

func TestRequestAccepted(t *testing.T) {
	f := func(name, stream string, requests int) {
		t.Helper()
		mustAccept(t, name, stream, requests)
	}
	f("typical", typicalHead+strings.Repeat("x", 312), 1)
	f("no headers in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 1)
	f("four empty lines", "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 1)
	f("CRLF behind a body", post("Content-Length: 1\r\n", "a\r\n")+post("", ""), 2)
	f("CL 0", post("Content-Length: 0\r\n", ""), 1)
	f("CL with zeros", post("Content-Length: 003\r\n", "abc"), 1)
	f("CL with spaces", post("Content-Length:\t 3 \t\r\n", "abc"), 1)
	f("TE in any case", post("transfer-encoding:CHUNKED\r\n", "1\r\na\r\n0\r\n\r\n"), 1)
	f("value with tab and UTF-8", post("X-A: a\tb é \xff\r\n", ""), 1)
	f("empty value", post("X-A:\r\n", ""), 1)
	f("absolute form", "GET http://H:80/a?b HTTP/1.1\r\nHost: h:80\r\n\r\n", 1)
	f("absolute form, no path", "GET http://h?b HTTP/1.1\r\nHost: h\r\n\r\n", 1)
	f("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 1)
	f("1,000 pipelined", strings.Repeat(post("Content-Length: 2\r\n", "{}"), 1000), 1000)
}
