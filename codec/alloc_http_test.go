//go:build !race

package codec

import (
	"strings"
	"testing"
	"time"
)

func TestHTTPDoesNotAllocate(t *testing.T) {
	var p RequestParser
	var r Request
	var rp ResponseParser
	var resp Response
	var body Body
	var events EventReader
	var event Event
	head := []byte(typicalHead)
	half := head[:len(head)/2]
	json := AppendJSONHead(nil, testDate, 312)
	chunks := []byte(chunked("5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-A: b\r\n\r\n"))
	bad := []byte(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", ""))
	data := []byte(strings.Repeat(`{"jsonrpc":"2.0"}`, 16))
	stream := AppendEvent(nil, "S1::001", "message", data)
	session := []byte("b5945349-3e84-4545-a1f1-27698ee00e98")
	out := make([]byte, 0, 4096)
	now := time.Unix(784111777, 0)
	refusal := ResponseHead{Status: 405, Allow: "POST", Close: true, Date: testDate}

	f := func(what string, run func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations; want 0", what, n)
		}
	}
	f("request head", func() { _, _ = p.Head(head, &r) })
	f("request head in two pieces", func() { _, _ = p.Head(half, &r); _, _ = p.Head(head, &r) })
	f("refused head", func() { _, _ = p.Head(bad, &r) })
	f("accepts", func() { _ = r.Accepts("text/event-stream") })
	f("other header", func() { _, _ = r.Header("mcp-param-region") })
	f("chunked body", func() {
		n, _ := p.Head(chunks, &r)
		body.StartRequest(&r, nil)
		_, _, _, _ = body.Decode(out, chunks[n:])
	})
	f("response head", func() { _, _ = rp.Head(json, &resp) })
	f("append JSON head", func() { _ = AppendJSONHead(out, testDate, 312) })
	f("append event stream head", func() { _ = AppendEventStreamHead(out, testDate, session) })
	f("append refusal", func() { _ = AppendResponseHead(out, &refusal) })
	f("append date", func() { _ = AppendDate(out, now) })
	f("append chunk", func() { _ = AppendLastChunk(AppendChunk(out, data)) })
	f("append event", func() { _ = AppendEvent(out, "S1::001", "message", data) })
	f("append event, id as bytes", func() { _ = AppendEvent(out, session, nil, data) })
	f("append comment", func() { _ = AppendComment(out, "") })
	f("read event", func() { _, _, _ = events.Next(stream, &event) })
}
