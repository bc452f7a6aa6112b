package codec

import (
	"strings"
	"testing"
)

func TestBatch(t *testing.T) {
	f := func(frame, want string, elements ...string) {
		t.Helper()
		var s Scanner
		var got []string
		n, err := s.Batch([]byte(frame), func(raw []byte) { got = append(got, string(raw)) })
		if refusal(err) != want || n != len(elements) ||
			strings.Join(got, "|") != strings.Join(elements, "|") {
			t.Errorf("Batch(%.60s) = %d, %s, %q; want %s, %q",
				frame, n, refusal(err), got, want, elements)
		}
	}
	f(` [ {"a":1} , 2,"x" ] `, "ok", `{"a":1}`, `2`, `"x"`)
	f(`[[]]`, "ok", `[]`)
	f(`[]`, "invalid")
	f(` [ ] `, "invalid")
	f(`{}`, "invalid")
	f(`1`, "invalid")
	f(``, "parse")
	f(`[`, "parse")
	f(`[1`, "parse")
	f(`[1,`, "parse")
	f(`[1,]`, "parse")
	f(`[1 2]`, "parse")
	f(`[1]]`, "parse")
	f(`{"a":}`, "parse")
	f(`[`+strings.Repeat("1,", BatchMaxDefault)+`1]`, "invalid")
}

func TestBatchElementsCanBeScanned(t *testing.T) {
	var s Scanner
	var m Message
	var ids strings.Builder
	frame := []byte(`[` + smallCall + `,` + modernCall + `,` + smallCall + `]`)
	n, err := s.Batch(frame, func(raw []byte) {
		if err := s.Scan(raw, &m); err != nil {
			t.Error(err)
		}
		ids.Write(m.ID)
		ids.WriteByte(' ')
	})
	if n != 3 || err != nil || ids.String() != "12345 7 12345 " {
		t.Errorf("Batch = %d, %v, ids %s", n, err, ids.String())
	}
}

func TestIsBatch(t *testing.T) {
	f := func(frame string, want bool) {
		t.Helper()
		if got := IsBatch([]byte(frame)); got != want {
			t.Errorf("IsBatch(%q) = %v; want %v", frame, got, want)
		}
	}
	f("[", true)
	f(" \r\n\t[1]", true)
	f("{}", false)
	f("", false)
	f("  ", false)
	f("\xef\xbb\xbf[]", false)
}
