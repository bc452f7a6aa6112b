package codec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// wsCase is one of Autobahn's cases as the corpus beside the checkout has it.
type wsCase struct {
	ID            string
	Informational bool // any behaviour that is no fault of ours will do
	Steps         []wsStep
	Expected      map[string]struct {
		Events []wsSeen
	}
	ExpectedClose struct {
		ClosedByMe bool
		CloseCode  []int
	}
}

type wsStep struct {
	Op, Hex string
	Chop    int
}

type wsSeen struct{ Type, Hex string }

// Every case of the corpus, in one piece and byte by byte. The echo that the cases speak of is this
// test; what they say of timing is not looked at.
func TestWSCorpus(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "shared", "corpora", "websocket",
		"autobahn_vectors.json"))
	if err != nil {
		t.Skip("the corpus of WebSocket cases is not beside this checkout")
	}
	var cases []wsCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var sent []byte
		for _, step := range c.Steps {
			if step.Op == "send" {
				frame, err := hex.DecodeString(step.Hex)
				if err != nil {
					t.Fatalf("%s: %v", c.ID, err)
				}
				sent = append(sent, frame...)
			}
		}
		for _, piece := range []int{len(sent) + 1, 1} {
			seen, code := echoAll(sent, piece)
			if !c.matches(seen, code) {
				t.Errorf("%s in pieces of %d: saw %.300v, code %d; want %.300v, code %v", c.ID,
					piece, seen, code, c.Expected, c.ExpectedClose.CloseCode)
			}
		}
	}
	if len(cases) < 200 {
		t.Errorf("only %d cases", len(cases))
	}
}

// matches: one of the lists of events that the case allows, and its code when we are to close.
func (c *wsCase) matches(seen []wsSeen, code WSCode) bool {
	if c.Informational {
		return true
	}
	if code == WSNoCode { // a close frame without a code is as good as a normal one
		code = WSNormal
	}
	for _, allowed := range c.Expected {
		if !slices.Equal(allowed.Events, seen) {
			continue
		}
		if c.ExpectedClose.ClosedByMe && code < WSProtocol || len(c.ExpectedClose.CloseCode) == 0 {
			return true
		}
		return slices.Contains(c.ExpectedClose.CloseCode, int(code))
	}
	return false
}

// echoAll is what an echoing server does with sent, and the code of its close frame.
func echoAll(sent []byte, piece int) (seen []wsSeen, code WSCode) {
	var f WSFrames
	f.Max = 16 << 20
	seen = []wsSeen{}
	var buf []byte
	for len(sent) > 0 || len(buf) > 0 {
		n := min(piece, len(sent))
		buf, sent = append(buf, sent[:n]...), sent[n:]
		for {
			payload, used, event, c := f.Next(buf)
			switch event {
			case WSText, WSBinary:
				seen = append(seen, wsSeen{"message", hex.EncodeToString(payload)})
			case WSPing:
				seen = append(seen, wsSeen{"pong", hex.EncodeToString(payload)})
			case WSClose, WSFault:
				return seen, c
			}
			buf = buf[used:]
			if event == WSNeedMore {
				break
			}
		}
		if n == 0 && len(sent) == 0 {
			break
		}
	}
	return seen, 0
}

func clientFrame(op ws.OpCode, fin bool, payload string) []byte {
	frame := ws.NewFrame(op, fin, []byte(payload))
	return ws.MustCompileFrame(ws.MaskFrameInPlace(frame))
}

func TestWSFaults(t *testing.T) {
	f := func(want WSCode, sent ...[]byte) {
		t.Helper()
		frames := WSFrames{Max: 100}
		buf := bytes.Join(sent, nil)
		for {
			_, n, event, code := frames.Next(buf)
			buf = buf[n:]
			switch event {
			case WSFault, WSClose:
				if code != want {
					t.Errorf("code %d; want %d", code, want)
				}
				return
			case WSNeedMore:
				t.Errorf("no fault; want %d", want)
				return
			}
		}
	}
	text := func(s string) []byte { return clientFrame(ws.OpText, true, s) }
	f(WSProtocol, ws.MustCompileFrame(ws.NewTextFrame([]byte("not masked"))))
	f(WSProtocol, []byte{0xc1}) // a reserved bit, before the header is whole
	f(WSProtocol, []byte{0x83}) // a reserved opcode
	f(WSProtocol, []byte{0x09, 0x80, 0, 0, 0, 0})
	f(WSProtocol, clientFrame(ws.OpContinuation, true, "x"))
	f(WSProtocol, clientFrame(ws.OpText, false, "a"), text("b"))
	f(WSProtocol, []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}) // 2^63
	f(WSTooLarge, []byte{0x81, 0xff, 0, 0, 0, 4, 0, 0, 0, 0, 1, 2, 3, 4})    // 16 GiB
	f(WSTooLarge, text(strings.Repeat("a", 101)))
	f(WSTooLarge, clientFrame(ws.OpText, false, strings.Repeat("a", 60)),
		clientFrame(ws.OpContinuation, true, strings.Repeat("a", 41)))
	f(WSBadText, text("\xff"))
	f(WSBadText, clientFrame(ws.OpText, false, "a\xe2\x82"),
		clientFrame(ws.OpContinuation, false, "\xff"))
	f(WSBadText, clientFrame(ws.OpText, false, "\xe2"),
		clientFrame(ws.OpContinuation, true, ""))
	f(WSNoCode, clientFrame(ws.OpClose, true, ""))
	f(WSProtocol, clientFrame(ws.OpClose, true, "x"))
	f(WSProtocol, clientFrame(ws.OpClose, true, "\x03\xed")) // 1005
	f(WSBadText, clientFrame(ws.OpClose, true, "\x03\xe8\xff"))
	f(WSNormal, clientFrame(ws.OpClose, true, "\x03\xe8bye"))
}

func TestAppendWS(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 0xffff, 0x10000} {
		message := strings.Repeat("m", n)
		h, payload := readFrame(t, AppendWSText(nil, []byte(message)))
		if string(payload) != message || !h.Fin || h.OpCode != ws.OpText || h.Masked {
			t.Errorf("%d bytes: %+v", n, h)
		}
	}
	frame := AppendWSClose(nil, WSGoingAway, strings.Repeat("r", 200))
	_, payload := readFrame(t, frame)
	code, reason := ws.ParseCloseFrameData(payload)
	if code != 1001 || len(reason) != 123 {
		t.Errorf("close: %d %q", code, reason)
	}
}

// readFrame reads one frame of a server.
func readFrame(t *testing.T, raw []byte) (ws.Header, []byte) {
	t.Helper()
	r := bytes.NewReader(raw)
	h, err := ws.ReadHeader(r)
	if err != nil || int64(r.Len()) != h.Length {
		t.Fatalf("frame of %d bytes: %+v, %v", len(raw), h, err)
	}
	return h, raw[len(raw)-r.Len():]
}

// FuzzWebSocket: however the bytes are cut, the same messages come out; none is larger than Max.
func FuzzWebSocket(f *testing.F) {
	f.Add(bytes.Join([][]byte{
		clientFrame(ws.OpText, false, "a"), clientFrame(ws.OpPing, true, "p"),
		clientFrame(ws.OpContinuation, true, "b"), clientFrame(ws.OpClose, true, ""),
	}, nil))
	f.Add([]byte{0x81, 0xfe, 0, 200, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, sent []byte) {
		whole, code := echoAll(bytes.Clone(sent), len(sent)+1)
		cut, cutCode := echoAll(bytes.Clone(sent), 1)
		if !slices.Equal(whole, cut) || code != cutCode {
			t.Fatalf("in one piece %v, %d; byte by byte %v, %d", whole, code, cut, cutCode)
		}
	})
}
