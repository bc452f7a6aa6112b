package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// dense is text of n bytes that compresses badly.
func dense(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + rand.IntN(16))
	}
	return string(text)
}

// A large compressed message is inflated beside the loop: others of the loop are served meanwhile,
// the connection itself keeps its order, also when calls of it end in between.
func TestFaultLargeCompressedMessageHoldsNobodyElse(t *testing.T) {
	r := deflating(t)
	g := r.addGate("held")
	c := wsDeflated{r.dialWS(wsDeflate)}
	c.send(modernCall("1", "held", "{}"))
	g.waitEntered()
	release := r.HoldInflaters()
	text := dense(100_000)
	c.peerConn.send(deflated(modernCall("2", "echo", `{"message":"`+text+`"}`)) +
		masked(ws.OpText, true, modernCall("3", "greet", `{"name":"next"}`)))
	other := r.dialWS()
	for i := range 20 {
		wantIn(t, other.ask(modernCall(fmt.Sprint(i), "echo", `{"message":"o"}`)), `"o"`)
	}
	close(g.release)
	if got := c.next(); idOf(got) != "1" {
		t.Errorf("got %.100q", got)
	}
	other.ask(modernCall("99", "echo", `{"message":"o"}`)) // the loop has looked at c again
	release()
	for _, id := range []string{"2", "3"} {
		if got := c.next(); idOf(got) != id || id == "2" && !strings.Contains(got, text) {
			t.Errorf("got %.100q; want the answer to %s", got, id)
		}
	}
	c.send(modernCall("4", "echo", `{"message":"`+text+`"}`))
	if !strings.Contains(c.next(), text) {
		t.Error("a second one has another answer")
	}
}

// Its faults end the connection as those of small ones do, and its end meanwhile harms nobody.
func TestWSLargeCompressedFaults(t *testing.T) {
	r := deflating(t)
	f := func(frame string, code ws.StatusCode) {
		t.Helper()
		c := r.dialWS(wsDeflate)
		c.peerConn.send(frame)
		end := c.frame()
		if got, _ := ws.ParseCloseFrameData(end.Payload); got != code {
			t.Errorf("got %+v, code %d; want %d", end.Header, got, code)
		}
	}
	f(deflated(dense(100_000)+strings.Repeat("a", 2<<20)), ws.StatusMessageTooBig)
	f(deflated(dense(100_000)+"\xff"), ws.StatusInvalidFramePayloadData)
	f(reserved(masked(ws.OpText, true, dense(100_000))), ws.StatusInvalidFramePayloadData)
	f(reserved(masked(ws.OpBinary, true, dense(100_000))), ws.StatusUnsupportedData)

	release := r.HoldInflaters()
	before := r.value("mcploop_connections")
	c := r.dialWS(wsDeflate)
	c.peerConn.send(deflated(dense(100_000)))
	c.reset()
	release()
	eventually(t, "it is gone", func() bool { return r.value("mcploop_connections") <= before })
}

// Answers that get small by compression take the loop as long as if they had not: one connection
// does not have hundreds of them compressed before another one is looked at.
func TestWSCompressedAnswersLeaveOthersTheirTurn(t *testing.T) {
	r := deflating(t)
	const calls = 200
	var ran atomic.Int32
	entered, release := make(chan struct{}), make(chan struct{})
	large := strings.Repeat("a", 100<<10)
	server.AddTool(r.Server, mcp.Tool{Name: "large"},
		func(context.Context, *mcp.Request, struct{}) (string, error) {
			if ran.Add(1) == 1 {
				close(entered)
				<-release
			}
			return large, nil
		}, server.Inline)
	server.AddTool(r.Server, mcp.Tool{Name: "ran"},
		func(context.Context, *mcp.Request, struct{}) (string, error) {
			if n := ran.Load(); n > calls/2 {
				return fmt.Sprintf("late, behind %d", n), nil
			}
			return "in time", nil
		}, server.Inline)
	c, other := wsDeflated{r.dialWS(wsDeflate)}, r.dialTCP()
	c.peerConn.send(strings.Repeat(masked(ws.OpText, true, modernCall("1", "large", "{}")), calls))
	<-entered
	other.line(modernCall("2", "ran", "{}"))
	close(release)
	wantIn(t, other.read(), "in time")
	for range calls {
		if got := c.next(); len(got) < len(large) {
			t.Fatalf("got %.100q", got)
		}
	}
}
