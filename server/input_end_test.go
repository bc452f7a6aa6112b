package server_test

import (
	"net"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// rest reads the messages until the end of the connection.
func (c *peerConn) rest() (all string) {
	c.t.Helper()
	for {
		line, err := c.r.ReadString('\n')
		if all += line; err != nil {
			return all
		}
	}
}

// TestLegacyInputAfterTheEnd: a client that has ended its input is answered, but cannot answer: a
// call that waits for that, or would, ends with an error at once, and with the last one the
// connection. It is the same through a gateway, whose upstream's call ends, too.
func TestLegacyInputAfterTheEnd(t *testing.T) {
	late := make(chan struct{})
	up := start(t, nil, addAskers, func(s *server.Server) {
		err := s.AddAsyncTool(mcp.Tool{Name: "ask_late"}, func(c *server.Call) {
			go func() {
				<-late
				c.RequireInput(&mcp.InputRequired{
					Requests: mcp.InputRequests{"user_name": nameForm()},
				})
			}()
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	g := behind(t, func(o *gateway.Options) { o.Client = up.doors()["http legacy"] })
	g.has("up__ask_name", true)
	for name, r := range map[string]*running{"ask_name": up, "up__ask_name": g} {
		c := r.dialTCP()
		c.initializeWith("2025-11-25", everyCapability)
		wantIn(t, c.ask(legacyCall("1", name, "{}")), `"method":"elicitation/create"`)
		if r == up {
			c.line(legacyCall("2", "ask_late", "{}"))
		}
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if r == up {
			wantIn(t, c.read(), `"method":"notifications/cancelled"`)
			wantIn(t, c.read(), `"id":1`, `"code":-32603`, "ended its input")
			close(late)
		}
		if got := c.rest(); strings.Count(got, `"error"`) != 1 ||
			!strings.Contains(got, "ended its input") {
			t.Errorf("%s: got %s, want one error, then the end", name, got)
		}
		eventually(t, name+": nothing is in flight", func() bool {
			return up.metric("mcploop_calls_in_flight") == 0 &&
				g.metric(`mcploop_upstream_held{upstream="up"}`) == 0
		})
	}
}

// The end of standard input ends what cannot be answered any more, and so the process.
func TestFaultStdioEndOfInputWhileTheClientIsAsked(t *testing.T) {
	c := startEverything(t)
	c.line(legacyLine(`"i"`, "initialize", `"protocolVersion":"2025-11-25","capabilities":`+
		everyCapability+`,"clientInfo":{"name":"c","version":"1"}`))
	c.line(legacyCall("1", "test_elicitation", `{"message":"who"}`))
	for !strings.Contains(c.read(), "elicitation/create") {
		continue
	}
	c.in.Close()
	if got := c.rest()["1"]; !strings.Contains(got, "ended its input") {
		t.Errorf("the call was answered %q", got)
	}
	c.waitExit(false)
}
