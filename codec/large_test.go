package codec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// skimmed reads a stream with Skip in pieces and returns its events; of one above most the data
// are those of all its parts, with "large" in front. It fails when more than most has to be kept.
func skimmed(t *testing.T, stream string, size, most int) (got []string) {
	t.Helper()
	r := EventReader{Max: most, Skip: true}
	var buf []byte
	var e Event
	for from := 0; from < len(stream); from += size {
		buf = append(buf, stream[from:min(from+size, len(stream))]...)
		for {
			n, ok, err := r.Next(buf, &e)
			if err != nil {
				t.Fatal(err)
			}
			buf = buf[n:]
			if !ok {
				break
			}
			switch e.Part {
			case EventWhole:
				got = append(got, fmt.Sprintf("%s|%s|%s", e.ID, e.Type, e.Data))
			case EventLarge:
				got = append(got, fmt.Sprintf("large %s|%s|%s", e.ID, e.Type, e.Data))
			case EventLargePart:
				got[len(got)-1] += string(e.Data)
			case EventLargeEnd:
				got[len(got)-1] += "."
			}
		}
		if len(buf) > most {
			t.Fatalf("%d bytes are kept of %.40q by %d", len(buf), stream, size)
		}
	}
	return got
}

// TestEventReaderSkips: an event above Max comes in parts, and the stream goes on behind it.
func TestEventReaderSkips(t *testing.T) {
	f := func(stream string, want ...string) {
		t.Helper()
		for size := 1; size <= len(stream); size++ {
			if got := skimmed(t, stream, size, 20); !slices.Equal(got, want) {
				t.Errorf("%q by %d: %q; want %q", stream, size, got, want)
			}
		}
	}
	a, b := strings.Repeat("a", 30), strings.Repeat("b", 30)
	f("data: x\n\ndata: "+a+"\n\ndata: y\n\n", "||x", "large ||"+a+".", "||y")
	f("data:"+a+"\r\n\r\ndata: y\r\n\r\n", "large ||"+a+".", "||y")
	f("data:"+a+"\r\rdata: y\r\r", "large ||"+a+".", "||y")
	f("id: 1\nevent: e\ndata: xyz\ndata: "+a+"\ndata:"+b+"\ndata\ndat\ndata:\n\n",
		"large 1|e|xyz"+a+b+".")
	f("data: "+a+"\nevent: late\n:"+b+"\nother: "+b+"\n\ndata: y\n\n", "large ||"+a+".", "||y")
	f("other: "+a+"\n\ndata: y\n\n", "large ||.", "||y")
	f("data: x\n:"+a+"\ndata: y\n\n", "||x\ny")
	f("data: never ended "+a, "large ||never ended "+a)
	f(strings.Repeat("data: 12345\n", 3)+"\n", "large ||123451234512345.")
}

// wsSkimmed reads frames of a server with Skip in pieces.
func wsSkimmed(t *testing.T, sent string, size, most int) (got []string, code WSCode) {
	t.Helper()
	f := WSFrames{Max: most, FromServer: true, Skip: true}
	var buf []byte
	for from := 0; from < len(sent); from += size {
		buf = append(buf, sent[from:min(from+size, len(sent))]...)
		for event := WSPart; event != WSNeedMore; {
			var payload []byte
			var n int
			payload, n, event, code = f.Next(buf)
			switch event {
			case WSText, WSPing:
				got = append(got, string(payload))
			case WSLarge:
				got = append(got, "large "+string(payload))
			case WSLargePart:
				got[len(got)-1] += string(payload)
			case WSLargeEnd:
				got[len(got)-1] += string(payload) + "."
			case WSFault:
				return got, code
			}
			buf = buf[n:]
		}
		if len(buf) > most+ws.MaxHeaderSize {
			t.Fatalf("%d bytes are kept of %.40q by %d", len(buf), sent, size)
		}
	}
	return got, 0
}

// TestWSSkips: a text message above Max comes in parts, also when it comes in fragments with other
// frames between them, and the connection goes on behind it.
func TestWSSkips(t *testing.T) {
	frame := func(op ws.OpCode, fin bool, payload string) string {
		return string(ws.MustCompileFrame(ws.NewFrame(op, fin, []byte(payload))))
	}
	f := func(sent string, code WSCode, want ...string) {
		t.Helper()
		for size := 1; size <= len(sent); size++ {
			if got, c := wsSkimmed(t, sent, size, 20); !slices.Equal(got, want) || c != code {
				t.Errorf("%q by %d: %q, %d; want %q, %d", sent, size, got, c, want, code)
			}
		}
	}
	const cont = ws.OpContinuation
	a, b := strings.Repeat("a", 30), strings.Repeat("b", 300)
	x, y := frame(ws.OpText, true, "x"), frame(ws.OpText, true, "y")
	f(x+frame(ws.OpText, true, a)+y, 0, "x", "large "+a+".", "y")
	f(frame(ws.OpText, true, b)+y, 0, "large "+b+".", "y")
	f(frame(ws.OpText, false, "abc")+frame(cont, false, "def")+frame(cont, true, a)+y, 0,
		"large abcdef"+a+".", "y")
	f(frame(ws.OpText, false, a)+frame(cont, false, "")+frame(cont, false, "z")+
		frame(cont, true, "")+y, 0, "large "+a+"z.", "y")
	f(frame(ws.OpText, false, "abc")+frame(cont, false, a)+frame(ws.OpPing, true, "p")+y,
		WSProtocol, "large abc"+a, "p")
	f(frame(ws.OpText, true, a)+frame(cont, true, "z"), WSProtocol, "large "+a+".")
	f(frame(ws.OpBinary, true, a), WSTooLarge)
	f(frame(ws.OpBinary, false, "a")+frame(cont, true, a), WSTooLarge)
	f("\x81\x7f\x00\x00\x00\x04\x00\x00\x00\x00"+a, 0, "large "+a)
}

// FuzzSkip: in whatever pieces they come, the same events and messages do.
func FuzzSkip(f *testing.F) {
	f.Add("data: a\n\ndata: "+strings.Repeat("b", 80)+"\r\nid: 1\n\n:c\n", uint8(0))
	f.Add("\x81\x7e\x00\x50"+strings.Repeat("b", 80)+"\x81\x01a", uint8(3))
	f.Fuzz(func(t *testing.T, sent string, size uint8) {
		whole, pieces := max(1, len(sent)), int(size)+1
		if !strings.HasPrefix(sent, "\x81") {
			if _, _, err := readEvents(sent, whole, 64); err != nil &&
				!errors.Is(err, ErrEventTooLong) {
				t.Fatal(err)
			}
			want, got := skimmed(t, sent, whole, 64), skimmed(t, sent, pieces, 64)
			if !slices.Equal(got, want) {
				t.Fatalf("whole: %q\nby %d: %q", want, pieces, got)
			}
			return
		}
		want, code := wsSkimmed(t, sent, whole, 64)
		if got, c := wsSkimmed(t, sent, pieces, 64); !slices.Equal(got, want) || c != code {
			t.Fatalf("whole: %q, %d\nby %d: %q, %d", want, code, pieces, got, c)
		}
	})
}
