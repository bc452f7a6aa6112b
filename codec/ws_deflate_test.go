package codec

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// deflatedFrame is a frame of a client with the first reserved bit set.
func deflatedFrame(op ws.OpCode, fin bool, payload string) []byte {
	frame := clientFrame(op, fin, payload)
	frame[0] |= rsvDeflated << 4
	return frame
}

// deflate compresses with the standard library, which is not what the server does it with.
func deflate(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

// deflating reads frames of a connection that has agreed to compress.
func deflating(maxBytes int, sent ...[]byte) (message string, event WSEvent, code WSCode) {
	f := WSFrames{Max: maxBytes, Inflater: &WSInflater{}}
	buf := bytes.Join(sent, nil)
	for {
		payload, n, event, code := f.Next(buf)
		if buf = buf[n:]; event != WSPart {
			return string(payload), event, code
		}
	}
}

// The examples of RFC 7692, 7.2.3, and what else a sender may do.
func TestWSInflates(t *testing.T) {
	f := func(want string, sent ...[]byte) {
		t.Helper()
		got, event, code := deflating(200_000, sent...)
		if got != want || event != WSText {
			t.Errorf("got %.100q, event %d, code %d; want %.100q", got, event, code, want)
		}
	}
	whole := func(payload string) []byte { return deflatedFrame(ws.OpText, true, payload) }
	f("Hello", whole("\xf2\x48\xcd\xc9\xc9\x07\x00"))
	f("Hello", deflatedFrame(ws.OpText, false, "\xf2\x48\xcd"),
		clientFrame(ws.OpPong, true, "between"),
		clientFrame(ws.OpContinuation, true, "\xc9\xc9\x07\x00"))
	f("Hello", whole("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")) // a block as it is
	f("Hello", whole("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))             // the last block
	f("Hello", whole("\xf3\x48\xcd\xc9\xc9\x07\x00"))                 // and nothing behind it
	f("Hello", whole("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"))
	f("HelloHello", whole("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00")) // window goes on
	f("", whole("\x00"))
	f("plain", clientFrame(ws.OpText, true, "plain"))
	f("in parts", clientFrame(ws.OpText, false, "in "),
		clientFrame(ws.OpContinuation, true, "parts"))
	long := strings.Repeat("été ", 20_000)
	f(long, whole(deflate(t, long)))
}

func TestWSInflateFaults(t *testing.T) {
	f := func(want WSCode, sent ...[]byte) {
		t.Helper()
		if _, event, code := deflating(1000, sent...); event != WSFault || code != want {
			t.Errorf("event %d, code %d; want %d", event, code, want)
		}
	}
	whole := func(payload string) []byte { return deflatedFrame(ws.OpText, true, payload) }
	hello := "\xf2\x48\xcd\xc9\xc9\x07\x00"
	f(WSProtocol, deflatedFrame(ws.OpText, false, hello[:3]),
		deflatedFrame(ws.OpContinuation, true, hello[3:]))
	f(WSProtocol, clientFrame(ws.OpText, false, "a"), deflatedFrame(ws.OpContinuation, true, "b"))
	f(WSProtocol, deflatedFrame(ws.OpPing, true, ""))
	f(WSProtocol, deflatedFrame(ws.OpClose, true, "\x03\xe8"))
	for _, first := range []byte{0x91, 0xa1, 0xd1, 0xe1, 0xf1, 0xc0, 0xc9, 0xc3} {
		f(WSProtocol, []byte{first}) // told before the header is whole
	}
	f(WSBadText, whole(""))
	f(WSBadText, whole("no deflate stream"))
	f(WSBadText, whole(deflate(t, "\xff")))
	f(WSBadText, whole(strings.Repeat("\x03\x00", finalBlocksMax+1)))
	f(WSTooLarge, whole(deflate(t, strings.Repeat("a", 1001))))
	f(WSTooLarge, whole(strings.Repeat("\x00", 1001)))
	f(WSTooLarge, deflatedFrame(ws.OpText, false, strings.Repeat("\x00", 600)),
		clientFrame(ws.OpContinuation, true, strings.Repeat("\x00", 401)))
	got, event, _ := deflating(1000, whole(deflate(t, strings.Repeat("a", 1000))))
	if len(got) != 1000 {
		t.Errorf("the limit itself: %d bytes, event %d", len(got), event)
	}
}

// A bomb of 1 GiB is inflated to the limit, and what it took is let go.
func TestWSBombTakesTheLimit(t *testing.T) {
	const limit = 1 << 20
	bomb := strings.Repeat(deflate(t, strings.Repeat("a", 1<<20))+"\x00\x00\xff\xff", 1024)
	z := &WSInflater{}
	f := WSFrames{Max: limit, Inflater: z}
	if _, _, _, code := f.Next(deflatedFrame(ws.OpText, true, bomb[:limit])); code != WSTooLarge {
		t.Fatalf("code %d", code)
	}
	if cap(z.out) > limit+limit/4 {
		t.Errorf("%d bytes were taken for a limit of %d", cap(z.out), limit)
	}
	if z.Trim(); cap(z.out) > inflateKeepMax || cap(z.raw) > inflateKeepMax {
		t.Errorf("%d and %d bytes were kept", cap(z.out), cap(z.raw))
	}
}

func TestWSDeflater(t *testing.T) {
	random := make([]byte, 5000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	f := func(message string, want bool) {
		t.Helper()
		var z WSDeflater
		out, deflated := z.AppendText([]byte("before"), []byte(message))
		frame, had := bytes.CutPrefix(out, []byte("before"))
		h, payload := readFrame(t, frame)
		if !had || deflated != want || h.OpCode != ws.OpText || !h.Fin || h.Masked {
			t.Fatalf("%d bytes: deflated %t, %+v", len(message), deflated, h)
		}
		if !deflated {
			if h.Rsv != 0 || string(payload) != message {
				t.Errorf("%d bytes were changed: %+v", len(message), h)
			}
			return
		}
		tail := io.MultiReader(bytes.NewReader(payload), strings.NewReader(wsDeflateTail))
		got, err := io.ReadAll(flate.NewReader(tail))
		if err != nil || string(got) != message || h.Rsv != rsvDeflated {
			t.Errorf("%d bytes: got %.100q, %v, %+v", len(message), got, err, h)
		}
	}
	for _, n := range []int{200, 1000, 65_535, 70_000, 1 << 20} {
		f(strings.Repeat(`{"a":"b"},`, n/10), true)
	}
	f(string(random), false)
	f("", false)
	f("x", false)
}

func TestAcceptWSDeflate(t *testing.T) {
	f := func(offer string, accept, valid bool) {
		t.Helper()
		if a, v := AcceptWSDeflate([]byte(offer)); a != accept || v != valid {
			t.Errorf("%q: accept %t, valid %t; want %t, %t", offer, a, v, accept, valid)
		}
	}
	f("permessage-deflate", true, true)
	f("permessage-deflate; client_max_window_bits", true, true)
	f("permessage-deflate; client_max_window_bits=8", true, true)
	f(`permessage-deflate ; client_max_window_bits = "15"`, true, true)
	f("permessage-deflate; server_no_context_takeover; client_no_context_takeover", true, true)
	f("other; a=b, , permessage-deflate;client_no_context_takeover", true, true)
	f("permessage-deflate; server_max_window_bits=10, permessage-deflate", true, true)
	f("", false, true)
	f("x-webkit-deflate-frame", false, true)
	f("Permessage-Deflate", false, true)
	f("permessage-deflate; server_max_window_bits=15", false, true)
	f("permessage-deflate; server_no_context_takeover=1", false, true)
	f("permessage-deflate; client_no_context_takeover; client_no_context_takeover", false, true)
	for _, bits := range []string{"7", "16", "08", "1", "100", "x", "1a"} {
		f("permessage-deflate; client_max_window_bits="+bits, false, true)
	}
	f("permessage-deflate; unknown", false, true)
	f("permessage-deflate; client_max_window_bits=", false, false)
	f(`permessage-deflate; client_max_window_bits="15`, false, false)
	f("permessage-deflate;", false, false)
	f("permessage-deflate; =1", false, false)
	f("permessage-deflate client_max_window_bits", false, false)
	f("permessage-deflate, other; a b", false, false)
	f("per message\x00", false, false)
}

// FuzzWSInflate: nothing larger than Max comes out, and what one library deflates the other
// inflates.
func FuzzWSInflate(f *testing.F) {
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))
	f.Add([]byte("Hello, hello, hello"))
	f.Fuzz(func(t *testing.T, text []byte) {
		const limit = 4096
		var z WSInflater
		if got, code := z.inflate(text, limit); len(got) > limit || got != nil && code != 0 {
			t.Fatalf("%d bytes, code %d", len(got), code)
		}
		got, code := z.inflate([]byte(deflate(t, string(text))), limit)
		if want := len(text) <= limit; want != (code == 0) || want && !bytes.Equal(got, text) {
			t.Fatalf("%.100q became %.100q, code %d", text, got, code)
		}
	})
}

// FuzzAcceptWSDeflate: what is accepted was well-formed, and is so beside another extension.
func FuzzAcceptWSDeflate(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits=\"15\", other; a=b")
	f.Fuzz(func(t *testing.T, offer string) {
		accept, valid := AcceptWSDeflate([]byte(offer))
		if accept && (!valid || !strings.Contains(offer, "permessage-deflate")) {
			t.Fatalf("%q: accept %t, valid %t", offer, accept, valid)
		}
		more, stillValid := AcceptWSDeflate([]byte("x;y=z , " + offer))
		if more != accept || stillValid != valid {
			t.Fatalf("%q: accept %t, valid %t; behind another one %t, %t", offer, accept, valid,
				more, stillValid)
		}
	})
}

// dense is text of n bytes that compresses badly.
func dense(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('0' + rand.IntN(64))
	}
	return string(text)
}

// What takes long is left to the caller: it comes as it was sent, and is inflated by the same
// rules.
func TestWSLargeMessagesAreInflatedLater(t *testing.T) {
	const most = 64 << 10
	f := func(op ws.OpCode, payload string, event WSEvent, want string, code WSCode) {
		t.Helper()
		z := &WSInflater{}
		frames := WSFrames{Max: most, Inflater: z, InlineMax: 1000}
		message, _, got, _ := frames.Next(deflatedFrame(op, true, payload))
		if got != event {
			t.Fatalf("event %d; want %d", got, event)
		}
		if event != WSDeflated {
			return
		}
		text, c := z.InflateText(message, most)
		if string(text) != want || c != code {
			t.Errorf("got %.20q of %d bytes, %d; want %d bytes, %d", text, len(text), c,
				len(want), code)
		}
		if frames.Partial() || z.Took() != 0 {
			t.Error("something of the message is left")
		}
	}
	text := dense(20_000)
	f(ws.OpText, deflate(t, text), WSDeflated, text, 0)
	f(ws.OpText, deflate(t, text[:500]), WSText, "", 0)
	f(ws.OpBinary, deflate(t, text), WSBinary, "", 0)
	f(ws.OpText, deflate(t, text+strings.Repeat("a", most)), WSDeflated, "", WSTooLarge)
	f(ws.OpText, deflate(t, text+"\xff"), WSDeflated, "", WSBadText)
	f(ws.OpText, text, WSDeflated, "", WSBadText)
}

// The length of a message that was none is not told of the next one, which another conn sent.
func TestWSFaultyMessageIsNotCounted(t *testing.T) {
	z := &WSInflater{}
	frames := WSFrames{Max: 100, Inflater: z}
	bomb := deflatedFrame(ws.OpText, true, deflate(t, strings.Repeat("a", 200)))
	if _, _, event, _ := frames.Next(bomb); event != WSFault {
		t.Fatalf("event %d", event)
	}
	z.Trim()
	if n := z.Took(); n != 0 {
		t.Errorf("%d bytes were taken", n)
	}
}
