package server_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// wsCorpus holds Autobahn's cases, beside the repository.
const wsCorpus = "../../shared/corpora/websocket/autobahn_vectors.json"

// wsCase is one of them.
type wsCase struct {
	ID            string
	Informational bool // what comes before the close is up to the server
	Steps         []struct {
		Op, Hex, Tag string
		Chop         int // bytes of a write; 0: all of them
	}
	Expected map[string]struct {
		Events []struct {
			Type, Hex string
			Binary    bool
		}
	}
	ExpectedClose struct {
		ClosedByMe bool // the client closes, unless the server has a reason to
		CloseCode  []int
	}
}

// Every case of the corpus, under its number, over the socket. The cases speak of a server that
// echoes; to one that speaks JSON-RPC a message is a text that is answered -32700, and a binary
// one is a reason to close.
func TestWSAutobahn(t *testing.T) {
	raw, err := os.ReadFile(wsCorpus)
	if err != nil {
		t.Skipf("no WebSocket cases in %s: fetch them beside the repository", wsCorpus)
	}
	var cases []wsCase
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) < 247 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	r := start(t, nil)
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			conn := wsConn{(&running{t: t, http: r.http}).dialWS().peerConn}
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				c.send(conn)
			}()
			seen, code := conn.everything()
			<-sent
			if !c.allows(seen, code) {
				t.Errorf("saw %q, then close %d; want %.500v, %v", seen, code, c.Expected,
					c.ExpectedClose.CloseCode)
			}
		})
	}
}

// failsFast are the cases whose fault a server can see before the message is whole; what comes
// after the wait with this tag is not sent.
var failsFast = map[string]string{"6.4.1": "B", "6.4.2": "B"}

// send plays the client. The server may have closed in the middle of it, so no write has to
// succeed.
func (c *wsCase) send(conn wsConn) {
	closed := !c.ExpectedClose.ClosedByMe
	for _, step := range c.Steps {
		if step.Op == "wait" && step.Tag != "" && step.Tag == failsFast[c.ID] {
			return
		}
		closed = closed || step.Op == "close_sent"
		frame, _ := hex.DecodeString(step.Hex)
		chop := max(len(frame), 1)
		if step.Chop > 0 {
			chop = step.Chop
		}
		for part := range slices.Chunk(frame, chop) {
			_, _ = conn.Write(part)
		}
	}
	if !closed {
		_, _ = io.WriteString(conn, masked(ws.OpClose, true, "\x03\xe8"))
	}
}

// everything is what the server sends, up to its close frame and the end behind it.
func (c wsConn) everything() (seen []string, code int) {
	_ = c.SetDeadline(time.Now().Add(patience))
	for {
		frame, err := readFrame(c.r)
		op, payload := frame.Header.OpCode, frame.Payload
		switch {
		case err != nil:
			return append(seen, err.Error()), code
		case op == ws.OpPong:
			seen = append(seen, "pong "+hex.EncodeToString(payload))
		case op == ws.OpText:
			seen = append(seen, "message "+string(payload))
		case op == ws.OpClose:
			status := ws.StatusNormalClosure // as good as a frame without a code
			if len(payload) > 0 {
				status, _ = ws.ParseCloseFrameData(payload)
			}
			if n, err := io.Copy(io.Discard, c.r); n > 0 || err != nil {
				seen = append(seen, errors.Join(err, io.ErrNoProgress).Error())
			}
			return seen, int(status)
		default:
			seen = append(seen, "frame "+hex.EncodeToString(payload))
		}
	}
}

// parseError is the answer to what is no JSON.
const parseError = `message {"jsonrpc":"2.0","id":null,"error":{"code":-32700,`

// allows: what was seen is one of the lists of events that the case names, and its code.
func (c *wsCase) allows(seen []string, code int) bool {
	codes := c.ExpectedClose.CloseCode
	if c.Informational {
		return slices.Contains(codes, code)
	}
	for _, expected := range c.Expected {
		rest, ok := seen, true
		for _, event := range expected.Events {
			if event.Binary {
				codes = []int{1003} // nothing behind it is looked at
				break
			}
			ok = ok && len(rest) > 0 && fitsEvent(rest[0], event.Type, event.Hex)
			rest = rest[min(len(rest), 1):]
		}
		if ok && len(rest) == 0 && slices.Contains(codes, code) {
			return true
		}
	}
	return false
}

func fitsEvent(seen, kind, payload string) bool {
	if kind == "pong" {
		return seen == "pong "+payload
	}
	return len(seen) > len(parseError) && seen[:len(parseError)] == parseError
}
