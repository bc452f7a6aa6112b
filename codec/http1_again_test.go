package codec

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// TestHeadAgain: a head says the same whatever was parsed before it, into the same Request and from
// the same place or another one.
func TestHeadAgain(t *testing.T) {
	const rest = "Host: a\r\nAccept: application/json\r\nMcp-Name: x\r\n\r\n"
	heads := []string{
		"POST /mcp HTTP/1.1\r\nContent-Length: 10\r\n" + rest,
		"POST /mcp HTTP/1.1\r\nContent-Length: 11\r\n" + rest,
		"POST /mcq HTTP/1.1\r\nContent-Length: 11\r\n" + rest,
		"POST /mcp HTTP/1.1\r\nContent-Length: 1\r\n" + rest,
		"POST /mcp HTTP/1.1\r\nContent-Length: 10\r\nX: " + strings.Repeat("y", againBytesMax) +
			"\r\n" + rest,
		"POST /mcp HTTP/1.1\r\nContent-Length: 1 0\r\n" + rest,
		"POST /mcp HTTP/1.1\r\nContent-Length: 10\r\nHost: a\r\n", // in part
		"GET /mcp HTTP/1.0\r\n\r\n",
	}
	small := DefaultHTTPLimits()
	small.BodyBytes = 10
	var r Request
	places := [2][]byte{make([]byte, 2*againBytesMax), make([]byte, 2*againBytesMax)}
	for i := range 4000 {
		n := i * i / 3
		head, place := heads[n%len(heads)], places[n/7%2]
		if i%3 == 0 {
			head = heads[0]
		}
		limits := []*HTTPLimits{&defaultHTTPLimits, &small}[n/5%2]
		clear(place)
		buf := place[:copy(place, head+"body and more")]
		got, gotErr := (&RequestParser{Limits: limits}).Head(buf, &r)
		var fresh Request
		want, wantErr := (&RequestParser{Limits: limits}).Head(buf, &fresh)
		if got != want || gotErr != wantErr {
			t.Fatalf("%q: got %d, %v, want %d, %v", head, got, gotErr, want, wantErr)
		}
		if got == 0 {
			continue
		}
		seen := r
		seen.last, fresh.last, seen.Judged = again{}, again{}, false
		if !reflect.DeepEqual(seen, fresh) {
			t.Fatalf("%q: got %+v, want %+v", head, seen, fresh)
		}
		r.Judged = true
	}
}

// TestHeadAgainJudged: what is said of a head is forgotten with it.
func TestHeadAgainJudged(t *testing.T) {
	var r Request
	var p RequestParser
	buf := []byte("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
	parse := func(want bool) {
		t.Helper()
		if n, err := p.Head(buf, &r); n != len(buf) || err != nil || r.Judged != want {
			t.Fatalf("got %d, %v, judged %v; want %v", n, err, r.Judged, want)
		}
		r.Judged = true
	}
	parse(false)
	parse(true)
	buf[5] = 'b'
	parse(false)
	if string(r.Path) != "/b" {
		t.Errorf("got %s", r.Path)
	}
	buf = bytes.Clone(buf)
	parse(false)
}

// TestHeadAgainOfMany: where all heads differ they are not kept, and where they are the same again
// they are.
func TestHeadAgainOfMany(t *testing.T) {
	var r Request
	var p RequestParser
	buf := []byte("GET /00 HTTP/1.1\r\nHost: a\r\n\r\n")
	kept := 0
	parse := func(n int) {
		buf[5], buf[6] = '0'+byte(n/10), '0'+byte(n%10)
		if _, err := p.Head(buf, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.last.bytes) > 0 {
			kept++
		}
	}
	for n := range 80 {
		parse(n)
	}
	if kept > 80/othersEvery+othersMany+1 {
		t.Errorf("kept %d of 80 heads that all differ", kept)
	}
	for range 2 * othersEvery {
		parse(99)
	}
	kept = 0
	for range 10 {
		parse(99)
	}
	if kept != 10 {
		t.Errorf("a head that is always the same was kept %d of 10 times", kept)
	}
}

// TestResponseHeadAgain is TestHeadAgain for responses; other statuses than 200 are not kept.
func TestResponseHeadAgain(t *testing.T) {
	var r Response
	var p ResponseParser
	place := make([]byte, 200)
	f := func(head string, kept bool) {
		t.Helper()
		for range 2 {
			buf := place[:copy(place, head)]
			var fresh Response
			n, err := p.Head(buf, &r)
			want, wantErr := (&ResponseParser{}).Head(buf, &fresh)
			if n != want || err != wantErr || kept != (len(r.last.bytes) == n) {
				t.Fatalf("%q: got %d, %v, kept %q", head, n, err, r.last.bytes)
			}
			seen := r
			seen.last, fresh.last = again{}, again{}
			if !reflect.DeepEqual(seen, fresh) {
				t.Fatalf("%q: got %+v, want %+v", head, seen, fresh)
			}
		}
	}
	f("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", true)
	f("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true)
	f("HTTP/1.1 202 OK\r\nContent-Length: 3\r\n\r\n", false)
	f("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", true)
}
