package codec

import (
	"fmt"
	"strings"
	"testing"
)

type hostileFrame struct {
	name  string
	frame []byte
	want  string
}

// hostile returns frames that are cheap to send and meant to be dear to scan.
func hostile() []hostileFrame {
	call := func(params string) []byte {
		return []byte(`{"jsonrpc":"2.0","id":1,"method":"a","params":{"v":` + params + `}}`)
	}
	envelope := func(members string) []byte {
		return []byte(`{"jsonrpc":"2.0","id":1,"method":"a",` + members + `}`)
	}
	rep := strings.Repeat
	method := rep("m", 64<<10)
	keys := manyKeys(100_000)
	head := `{"jsonrpc":"2.0","id":`
	return []hostileFrame{
		{"100k arrays", call(rep("[", 100_000) + rep("]", 100_000)), "parse"},
		{"100k arrays, unclosed", call(rep("[", 100_000)), "parse"},
		{"100k arrays, alone", []byte(rep("[", 100_000)), "parse"},
		{"50k objects", call(rep(`{"a":`, 50_000) + "1" + rep("}", 50_000)), "parse"},
		{"100k keys in arguments", call("{" + keys + "}"), "ok"},
		{"100k keys in params", envelope(`"params":{` + keys + "}"), "invalid"},
		{"100k keys in _meta", envelope(`"params":{"_meta":{` + keys + "}}"), "invalid"},
		{"100k keys in the envelope", envelope(keys), "invalid"},
		{"100k times the same key", envelope(`"x":1` + rep(`,"x":1`, 100_000)), "invalid"},
		{"1024 keys of 1 KB", envelope(longKeys(1024)), "ok"},
		{"100k digits", call(rep("9", 100_000)), "ok"},
		{"100k digits as id", []byte(head + rep("9", 100_000) + `}`), "invalid"},
		{"1 MB white space", call(rep(" \n\t\r", 256<<10) + "1"), "ok"},
		{"1 MB escapes", call(`"` + rep(`\n`, 512<<10) + `"`), "ok"},
		{"1 MB kana", call(`"` + rep("か", 350_000) + `"`), "ok"},
		{"1 MB small arrays", call("[[]" + rep(",[]", 350_000) + "]"), "ok"},
		{"64 KB method", []byte(head + `1,"method":"` + method + `"}`), "ok"},
		{"64 KB method, escaped", []byte(head + `1,"method":"\n` + method + `"}`), "ok"},
	}
}

// longKeys returns n members of params whose keys differ only at the end of a kilobyte.
func longKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%s%04d":0`, strings.Repeat("k", 1020), i)
	}
	return `"params":{` + b.String()[1:] + `}`
}

func TestScanHostileFrames(t *testing.T) {
	for _, h := range hostile() {
		var s Scanner
		var m Message
		if got := refusal(s.Scan(h.frame, &m)); got != h.want {
			t.Errorf("%s: %s; want %s", h.name, got, h.want)
		}
	}
}

// BenchmarkHostile prints bytes per second: about the same for all means linear time.
func BenchmarkHostile(b *testing.B) {
	for _, h := range hostile() {
		b.Run(strings.ReplaceAll(h.name, " ", "_"), func(b *testing.B) {
			var s Scanner
			var m Message
			b.SetBytes(int64(len(h.frame)))
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Scan(h.frame, &m)
			}
		})
	}
}
