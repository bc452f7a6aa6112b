package codec

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// What a client writes a server reads, whatever the mask is.
func TestWSClientFrames(t *testing.T) {
	for i, n := range []int{0, 1, 125, 126, 0xffff, 0x10000} {
		message := strings.Repeat("é", n/2) + strings.Repeat("m", n%2)
		mask := WSMask{byte(i), 0xff, 0, byte(7 * i)}
		frame := AppendWSClientText([]byte("before"), []byte(message), mask)
		frame, had := bytes.CutPrefix(frame, []byte("before"))
		if n > 1 && mask != (WSMask{}) && bytes.Contains(frame, []byte(message)) {
			t.Errorf("%d bytes are not masked", n)
		}
		var f WSFrames
		payload, used, event, _ := f.Next(frame)
		if !had || used != len(frame) || event != WSText || string(payload) != message {
			t.Errorf("%d bytes: event %d, used %d of %d", n, event, used, len(frame))
		}
	}
	var f WSFrames
	payload, _, event, _ := f.Next(AppendWSClientPong(nil, []byte("p"), WSMask{1}))
	if event != WSPart || payload != nil {
		t.Errorf("a pong is event %d", event)
	}
	for _, want := range []WSCode{WSNormal, WSTooLarge, WSNoCode} {
		_, _, event, code := f.Next(AppendWSClientClose(nil, want, WSMask{1, 2, 3, 4}))
		if event != WSClose || code != want {
			t.Errorf("close %d: event %d, code %d", want, event, code)
		}
	}
}

// A client reads frames that are not masked, and those alone.
func TestWSFramesFromServer(t *testing.T) {
	f := WSFrames{FromServer: true}
	payload, _, event, _ := f.Next(AppendWSText(nil, []byte("hi")))
	if string(payload) != "hi" || event != WSText {
		t.Errorf("got %q, event %d", payload, event)
	}
	if _, _, event, code := f.Next(clientFrame(ws.OpText, true, "hi")); event != WSFault ||
		code != WSProtocol {
		t.Errorf("a masked frame is event %d, code %d", event, code)
	}
}

// The example of RFC 6455, 1.3.
func TestAppendWSAccept(t *testing.T) {
	got := AppendWSAccept([]byte("key: "), []byte("dGhlIHNhbXBsZSBub25jZQ=="))
	if string(got) != "key: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %q", got)
	}
}
