package codec

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

var testDate = AppendDate(nil, time.Unix(784111777, 0))

func TestAppendResponseHead(t *testing.T) {
	f := func(h ResponseHead, want string) {
		t.Helper()
		h.Date = testDate
		want = strings.ReplaceAll(want, "\n", "\r\n") + "\r\n"
		if got := AppendResponseHead([]byte("x"), &h); string(got) != "x"+want {
			t.Errorf("got\n%s\nwant\n%s", got[1:], want)
		}
	}
	const date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\n"
	f(ResponseHead{Status: 200, ContentType: "application/json", Length: 2},
		"HTTP/1.1 200 OK\n"+date+"Content-Type: application/json\nContent-Length: 2\n")
	f(ResponseHead{Status: 202, SessionID: []byte("a\r\nb: c")},
		"HTTP/1.1 202 Accepted\n"+date+"Content-Length: 0\nMcp-Session-Id: a  b: c\n")
	f(ResponseHead{Status: 405, Allow: "POST", Close: true},
		"HTTP/1.1 405 Method Not Allowed\n"+date+
			"Content-Length: 0\nAllow: POST\nConnection: close\n")
	f(ResponseHead{Status: 204, Length: LengthNone, KeepAlive: true},
		"HTTP/1.1 204 No Content\n"+date+"Connection: keep-alive\n")
	f(ResponseHead{Status: 200, Length: LengthUntilClose, KeepAlive: true},
		"HTTP/1.1 200 OK\n"+date+"Connection: close\n")
	f(ResponseHead{Status: 503, Extra: AppendHeader(nil, "Retry-After", []byte("1"))},
		"HTTP/1.1 503 Service Unavailable\n"+date+"Content-Length: 0\nRetry-After: 1\n")
	f(ResponseHead{Status: 599}, "HTTP/1.1 599 \n"+date+"Content-Length: 0\n")
}

// What we write, net/http and our own parser read alike.
func TestResponseRoundTrip(t *testing.T) {
	stream := AppendContinue(nil)
	stream = append(AppendJSONHead(stream, testDate, 2), "{}"...)
	stream = AppendEventStreamHead(stream, testDate, []byte("s1"))
	stream = AppendChunk(stream, []byte(": a\n\n"))
	stream = AppendLastChunk(AppendChunk(stream, []byte(": b\n\n")))
	stream = AppendResponseHead(stream, &ResponseHead{Status: 204, Length: LengthNone})
	last := ResponseHead{Status: 200, ContentType: "text/plain", Length: LengthUntilClose}
	stream = append(AppendResponseHead(stream, &last), "the rest"...)

	var p ResponseParser
	var r Response
	var body Body
	std := bufio.NewReader(bytes.NewReader(stream))
	for len(stream) > 0 {
		n, err := p.Head(stream, &r)
		if err != nil || n == 0 {
			t.Fatalf("Head = %d, %v at %q", n, err, stream)
		}
		want, stdErr := http.ReadResponse(std, nil)
		if stdErr != nil {
			t.Fatal(stdErr)
		}
		body.StartResponse(&r, false, nil)
		got, used, _, err := body.Decode(nil, stream[n:])
		if err != nil {
			t.Fatal(err)
		}
		stream = stream[n+used:]
		data, stdErr := io.ReadAll(want.Body)
		if stdErr != nil || want.Body.Close() != nil {
			t.Fatal(stdErr)
		}
		if r.Status != want.StatusCode || string(got) != string(data) ||
			r.KeepAlive == want.Close || string(r.ContentType) != want.Header.Get("Content-Type") ||
			string(r.SessionID) != want.Header.Get("Mcp-Session-Id") ||
			r.Interim() != (r.Status == 100) {
			t.Errorf("got %d %q, body %q; want %d %v, body %q",
				r.Status, r.Headers, got, want.StatusCode, want.Header, data)
		}
	}
}

func TestResponseHead(t *testing.T) {
	f := func(stream string, toHEAD bool, want string, wantLeft int) {
		t.Helper()
		for _, size := range []int{1, len(stream)} {
			got, left, done, err := readResponse(stream, size, toHEAD)
			if err != nil || got != want || left != wantLeft || !done {
				t.Errorf("%q by %d: body %q, %d bytes left, done %v, %v; want %q, %d left",
					stream, size, got, left, done, err, want, wantLeft)
			}
		}
	}
	f("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabX", false, "ab", 1)
	f("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", false, "ab", 0)
	f("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nX", false, "ab", 1)
	f("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nX", true, "", 1)
	f("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nX", false, "", 1)
	f("HTTP/1.1 204 No Content\r\n\r\nX", false, "", 1)
}

// readResponse reads one response that comes in pieces of size bytes.
func readResponse(stream string, size int, toHEAD bool) (string, int, bool, error) {
	var p ResponseParser
	var r Response
	var b Body
	var buf, body []byte
	inBody, done := false, false
	for from := 0; from < len(stream); from += size {
		buf = append(buf, stream[from:min(from+size, len(stream))]...)
		if done {
			continue
		}
		if !inBody {
			n, err := p.Head(buf, &r)
			if err != nil {
				return "", 0, false, err
			}
			if n == 0 {
				continue
			}
			b.StartResponse(&r, toHEAD, nil)
			buf, inBody = buf[n:], true
		}
		var n int
		var err *HTTPError
		body, n, done, err = b.Decode(body, buf)
		if err != nil {
			return "", 0, false, err
		}
		buf = buf[n:]
	}
	return string(body), len(buf), done || b.UntilClose(), nil
}

func TestResponseRefused(t *testing.T) {
	f := func(stream string) {
		t.Helper()
		for _, size := range []int{1, len(stream)} {
			if body, _, _, err := readResponse(stream, size, false); err == nil {
				t.Errorf("%q by %d: accepted, body %q", stream, size, body)
			}
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, line := range []string{
		"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK",
		"HTTP/1.1  200 OK",
		"HTTP/2.0 200 OK", "http/1.1 200 OK", "HTTP/1.1 200OK", "HTTP/1.1 +20 OK", "200 OK", "",
		"ICY 200 OK",
	} {
		f(line + "\r\nContent-Length: 0\r\n\r\n")
	}
	f("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n")
	f(ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n")
	f(ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n")
	f(ok + "Content-Length: +2\r\n\r\n")
	f(ok + "Content-Length: 4194305\r\n\r\n")
	f(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n")
	f("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	f(ok + "X-A: a\r\n b\r\n\r\n")
	f(ok + "X-A : a\r\n\r\n")
	f(ok + "Content_Length: 5\r\n\r\n")
	f(ok + "X-A: " + strings.Repeat("a", 17<<10))
	f(ok + strings.Repeat("X-A: a\r\n", 101))
	f(ok + "\r\n" + strings.Repeat("a", 4<<20+1))
}

func TestHTTPErrorWire(t *testing.T) {
	for _, status := range []int{400, 413, 414, 417, 431, 501, 505} {
		e := &HTTPError{Status: status, Reason: "x"}
		if got := e.Wire().Status; got != status {
			t.Errorf("Wire of %d has status %d", status, got)
		}
	}
	if got := refuseNoHost.Error(); got != "codec: HTTP 400: no Host" {
		t.Errorf("Error() = %q", got)
	}
}
