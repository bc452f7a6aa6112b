package codec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var httpSeeds = []string{
	typicalHead + strings.Repeat("x", 312),
	post("Content-Length: 3\r\n", "abc") + chunked("3;a=\"b\"\r\nabc\r\n0\r\n\r\n"),
	"\r\nGET http://h/a%20b?c HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n.",
	chunked("1\r\na\r\n000\r\nX-A: b\r\n\r\n") +
		"GET //x HTTP/1.1\r\nHost: h.x:1\r\nTrailer: a\r\n\r\n",
	post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
	post("X-A: a\r\n b\r\nMcp_Method: x\r\nContent-Length : 3\r\n", "abc"),
}

// Whatever is read, net/http reads alike; and the pieces in which it came make no difference.
func FuzzHTTP1(f *testing.F) {
	for i, seed := range httpSeeds {
		f.Add(seed, uint8(i))
	}
	limits := DefaultHTTPLimits()
	limits.BodyBytes = 1 << 16
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		whole := readHTTP(stream, max(1, len(stream)), &limits)
		runtime.ReadMemStats(&after)
		// The request, its description and both copies of the body; nothing that was announced.
		if used := after.TotalAlloc - before.TotalAlloc; used > uint64(64*len(stream)+64<<10) {
			t.Errorf("%d bytes took %d bytes of memory", len(stream), used)
		}
		pieces := readHTTP(stream, int(size)+1, &limits)
		if !slices.Equal(whole.got, pieces.got) || whole.err != pieces.err {
			t.Errorf("whole: %q, %v\nby %d: %q, %v",
				whole.got, whole.err, int(size)+1, pieces.got, pieces.err)
		}
		sameAsStd(t, stream, &limits)
	})
}

// sameAsStd reads the requests of a stream with both parsers, one after the other.
func sameAsStd(t *testing.T, stream string, limits *HTTPLimits) {
	p := RequestParser{Limits: limits}
	var r Request
	for stream != "" {
		n, err := p.Head([]byte(stream), &r)
		if n == 0 || err != nil {
			return
		}
		var b Body
		b.StartRequest(&r, limits)
		body, used, done, err := b.Decode(nil, []byte(stream[n:]))
		if !done || err != nil {
			return
		}
		head := strings.TrimLeft(stream[:n], "\r\n")
		rd := bufio.NewReader(strings.NewReader(head + stream[n:n+used]))
		want, stdErr := http.ReadRequest(rd)
		if stdErr != nil {
			t.Fatalf("%q: net/http: %v", stream[:n], stdErr)
		}
		data, stdErr := io.ReadAll(want.Body)
		if stdErr != nil {
			t.Fatalf("%q: net/http's body: %v", stream[:n+used], stdErr)
		}
		if rest, _ := io.ReadAll(rd); len(rest) > 0 {
			t.Fatalf("%q: net/http leaves %q", stream[:n+used], rest)
		}
		compareStd(t, &r, want)
		if !bytes.Equal(body, data) {
			t.Fatalf("%q: body %q; net/http: %q", stream[:n+used], body, data)
		}
		stream = stream[n+used:]
	}
}

func compareStd(t *testing.T, r *Request, want *http.Request) {
	length := want.ContentLength
	if length == 0 && r.ContentLength < 0 {
		length = -1 // net/http does not tell an absent length from 0
	}
	got := fmt.Sprintf("%s %s %d %s %v %d", r.Method, r.Target, r.Minor, r.Host, r.KeepAlive,
		r.ContentLength)
	std := fmt.Sprintf("%s %s %d %s %v %d", want.Method, want.RequestURI, want.ProtoMinor,
		want.Host, !want.Close, length)
	// In absolute form net/http takes the authority, in its own spelling, for the Host.
	if !strings.EqualFold(got, std) && len(r.Host) > 0 {
		t.Fatalf("got %s; net/http: %s", got, std)
	}
	if path := want.URL.EscapedPath(); path != "" && path != string(r.Path) {
		t.Fatalf("path %q; net/http: %q", r.Path, path)
	}
	if want.URL.RawQuery != string(r.Query) {
		t.Fatalf("query %q; net/http: %q", r.Query, want.URL.RawQuery)
	}
	values := http.Header{}
	for _, h := range r.Headers {
		values.Add(string(h.Name), string(h.Value))
	}
	// net/http takes these away, or adds the first to go with a Pragma.
	for _, name := range []string{"Cache-Control", "Host", "Transfer-Encoding", "Trailer"} {
		values.Del(name)
		want.Header.Del(name)
	}
	if fmt.Sprint(values) != fmt.Sprint(want.Header) {
		t.Fatalf("headers %q; net/http: %q", values, want.Header)
	}
}

// Any stream, in any pieces, gives the same body, and what is decoded was there.
func FuzzChunked(f *testing.F) {
	for i, seed := range []string{
		"5\r\nhello\r\n0\r\n\r\n", "5;a=b\r\nhello\r\n0\r\nX-A: b\r\n\r\nrest",
		"ffffffffffffffff\r\n",
		"a\r\n0123456789\r\n3;x=\"\\\"\"\r\nabc\r\n00\r\n\r\n", "1\r\na\r0\r\n\r\n",
		"0\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(seed), uint8(i))
	}
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		step := int(size) + 1
		var c Chunked
		c.Reset(nil)
		whole, n, done, err := c.Decode(nil, stream)
		if len(whole) > n || n > len(stream) || done && err != nil {
			t.Fatalf("used %d of %d, decoded %d, %v, %v", n, len(stream), len(whole), done, err)
		}
		c.Reset(nil)
		var pieces, buf []byte
		var done2 bool
		var err2 *HTTPError
		total := 0
		for from := 0; from < len(stream) && !done2 && err2 == nil; from += step {
			buf = append(buf, stream[from:min(from+step, len(stream))]...)
			var used int
			pieces, used, done2, err2 = c.Decode(pieces, buf)
			buf = buf[used:]
			total += used
		}
		if !bytes.Equal(whole, pieces) || done != done2 || err != err2 || n != total {
			t.Fatalf("whole: %q %d %v %v\nby %d: %q %d %v %v",
				whole, n, done, err, step, pieces, total, done2, err2)
		}
		if !done {
			return
		}
		again := AppendLastChunk(AppendChunk(nil, whole))
		c.Reset(nil)
		if got, n, done, err := c.Decode(nil, again); !bytes.Equal(got, whole) ||
			n != len(again) || !done || err != nil {
			t.Fatalf("round trip of %q: %q, %v, %v", whole, got, done, err)
		}
	})
}

// A response comes out the same in any pieces.
func FuzzResponse(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabX", uint8(0))
	f.Add("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", uint8(1))
	f.Add("HTTP/1.0 200 OK\r\n\r\nuntil the end", uint8(2))
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		body, left, done, err := readResponse(stream, max(1, len(stream)), false)
		body2, left2, done2, err2 := readResponse(stream, int(size)+1, false)
		if body != body2 || left != left2 || done != done2 || !errors.Is(err, err2) {
			t.Fatalf("whole: %q %d %v %v\nby %d: %q %d %v %v",
				body, left, done, err, int(size)+1, body2, left2, done2, err2)
		}
	})
}

// What is written as an event is read as that event, and as nothing else.
func FuzzSSE(f *testing.F) {
	f.Add("7", "message", `{"a":1}`, uint8(0))
	f.Add("", "", "a\n\ndata: forged\r\n\r\nid: 9\r\r", uint8(1))
	f.Add("a\nb", "x\ry", "\ufeff", uint8(2))
	f.Fuzz(func(t *testing.T, id, event, data string, size uint8) {
		stream := AppendComment(nil, event)
		stream = AppendEvent(stream, id, event, []byte(data))
		stream = AppendEvent(stream, "end", "", nil)
		got, _, err := readEvents(string(stream), int(size)+1, 1<<20)
		if err != nil {
			t.Fatalf("%q: %v", stream, err)
		}
		plain := strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace
		lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace
		want := []string{plain(id) + "|" + plain(event) + "|" + lines(data), "end||"}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q; want %q", got, want)
		}
	})
}

// Any stream, in any pieces, gives the same events.
func FuzzEventReader(f *testing.F) {
	f.Add("\ufeffid: 1\r\ndata: a\r\rdata: b\n\n:c\nretry: 5\n\n", uint8(0))
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		got, _, err := readEvents(stream, int(size)+1, 64)
		want, _, wantErr := readEvents(stream, max(1, len(stream)), 64)
		if !slices.Equal(got, want) || !errors.Is(err, wantErr) {
			t.Fatalf("whole: %q, %v\nby %d: %q, %v", want, wantErr, int(size)+1, got, err)
		}
	})
}
