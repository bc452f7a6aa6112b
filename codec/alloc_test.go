//go:build !race

package codec

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/gobwas/ws"
	"github.com/valyala/fastjson"
)

func TestHotPathDoesNotAllocate(t *testing.T) {
	var s Scanner
	var m Message
	var p fastjson.Parser
	lines := Lines{}
	out := make([]byte, 0, 64<<10)
	batch := []byte(`[` + smallCall + `,` + modernCall + `]`)
	escaped := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"n\u0061me":1}}`)
	members := []byte(`{"jsonrpc":"2.0","id":1,"method":"a","params":{` + manyKeys(100) + `}}`)
	stream := bytes.Repeat([]byte(smallCall+"\n"), 10)
	elem := func(raw []byte) { _ = s.Scan(raw, &m) }
	id, result := []byte(`"x"`), []byte(`{"content":[{"type":"text","text":"hi"}]}`)
	small, modern, big := []byte(smallCall), []byte(modernCall), callOf(64<<10)
	broken := []byte(`{"a":`)

	f := func(what string, run func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations; want 0", what, n)
		}
	}
	f("scan", func() { _ = s.Scan(small, &m) })
	f("scan, a line", func() { _ = s.ScanLine(stream, &m) })
	f("scan, modern", func() { _ = s.Scan(modern, &m); _ = m.MetaValue("x") })
	f("scan, 64 KB", func() { _ = s.Scan(big, &m) })
	f("scan, escaped", func() { _ = s.Scan(escaped, &m) })
	f("scan, 100 members", func() { _ = s.Scan(members, &m) })
	f("scan, parse error", func() { _ = s.Scan(broken, &m) })
	f("batch", func() { _, _ = s.Batch(batch, elem) })
	f("valid", func() { _ = s.Valid(big) })
	f("params", func() { _ = s.Scan(small, &m); _, _ = m.ParseParams(&p) })
	f("result", func() { out = AppendResult(out[:0], id, result) })
	f("error", func() { out = AppendError(out[:0], id, ErrParse, result) })
	f("notification", func() { out = AppendNotification(out[:0], "a/b", result) })
	f("request", func() { out = AppendRequest(out[:0], id, "a/b", result) })
	f("string", func() { out = AppendString(out[:0], "a\"é\xff\n") })
	f("unquote", func() { out, _ = UnquoteString(out[:0], []byte(`"\u00e9\n"`)) })
	f("content", func() { _, _ = StringContent(id) })
	f("lines", func() {
		for rest := stream; len(rest) > 0; {
			_, n, _ := lines.Next(rest)
			rest = rest[n:]
		}
	})
}

// Once their buffers are there, WebSockets need no more, with compression and without.
func TestWSDoesNotAllocate(t *testing.T) {
	message := callOf(16 << 10)
	deflated := deflatedFrame(ws.OpText, true, deflate(t, string(message)))
	plain := clientFrame(ws.OpText, true, string(message))
	frames := WSFrames{Inflater: &WSInflater{}}
	var z WSDeflater
	buf, out := make([]byte, 0, 64<<10), make([]byte, 0, 64<<10)
	f := func(what string, run func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations; want 0", what, n)
		}
	}
	read := func(frame []byte) func() {
		return func() {
			buf = append(buf[:0], frame...) // it is unmasked in place
			if _, _, event, code := frames.Next(buf); event != WSText {
				t.Fatalf("event %d, code %d", event, code)
			}
		}
	}
	f("a frame", read(plain))
	f("a compressed frame", read(deflated))
	f("a text", func() { out = AppendWSText(out[:0], message) })
	f("a text of a client", func() { out = AppendWSClientText(out[:0], message, WSMask{1}) })
	f("a compressed text", func() { out, _ = z.AppendText(out[:0], message) })
}

// Hostile frames cost memory by our limits, not by their length.
func TestScanMemoryIsBounded(t *testing.T) {
	const limit = 512 << 10
	var before, after runtime.MemStats
	for _, h := range hostile() {
		var s Scanner // a new one: its first growth counts too
		var m Message
		runtime.ReadMemStats(&before)
		_ = s.Scan(h.frame, &m)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > limit {
			t.Errorf("%s: %d bytes of memory for a frame of %d; want at most %d",
				h.name, got, len(h.frame), limit)
		}
	}
}
