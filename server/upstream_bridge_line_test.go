package server_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestBridgeKnowsItsOnlyClient: several calls of one session on a line may ask, since all of them
// are of the same client; and a session that has an instance of its own is asked in any case.
func TestBridgeKnowsItsOnlyClient(t *testing.T) {
	up := start(t, nil, addAskers)
	for _, share := range []gateway.Share{gateway.ShareAll, gateway.ShareSession} {
		g := behind(t, func(o *gateway.Options) {
			o.Client, o.Share = up.doors()["tcp legacy"], share
		})
		g.has("up__ask_twice", true)
		names := []string{"Ada", "Bob"}
		if share == gateway.ShareAll {
			names = names[:1]
		}
		var all sync.WaitGroup
		for _, name := range names {
			c := g.client(person(name, client.Options{URL: "tcp://" + g.tcp, Era: client.Legacy}))
			for range 8 {
				all.Go(func() { askTenTimes(t, c, name) })
			}
		}
		all.Wait()
		if got := g.metric(`mcploop_upstream_asks_refused_total{upstream="up"}`); got != 0 {
			t.Errorf("%v questions were refused, want none", got)
		}
	}
}

func askTenTimes(t *testing.T, c *client.Client, name string) {
	for range 10 {
		if got := tool(t, c, "up__ask_twice", nil); got != name+" has 1 roots" {
			t.Errorf("%s got %q", name, got)
		}
	}
}

// TestBridgeKeepsAnAnswer: an upstream that does not wait for its question is answered for all the
// same: its result stays for the client that is away, but not for ever.
func TestBridgeKeepsAnAnswer(t *testing.T) {
	asked := make(chan func(), 9)
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method != "tools/call" {
			return well(c, m)
		}
		c.line(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"?"}}`)
		asked <- func() {
			c.line(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":{"content":[],"x":1.0}}`)
		}
		return ""
	})
	for _, patient := range []bool{true, false} {
		g := behind(t, func(o *gateway.Options) {
			o.Client = client.Options{URL: "tcp://" + fake.addr, Version: mcp.LatestLegacy.String()}
			if !patient {
				o.AskTimeout = 50 * time.Millisecond
			}
		})
		g.has("up__echo", true)
		key, state := g.askedOnce("1", "up__echo")
		wait(t, "the question", asked)()
		if !patient {
			eventually(t, "nothing is held", func() bool {
				return g.metric(`mcploop_upstream_held{upstream="up"}`) == 0
			})
			continue
		}
		eventually(t, "the upstream has answered", func() bool {
			return g.metric(`mcploop_upstream_in_flight{upstream="up"}`) == 0
		})
		wantIn(t, g.text(g.post(retried("2", "up__echo", key, state, "Bob"))), `"x":1.0`)
	}
}

// TestBridgeOpensPages: a legacy upstream that refuses a call until its user has opened a page has
// a modern client ask the user, and is called again; other clients get the error as it is.
func TestBridgeOpensPages(t *testing.T) {
	var refused atomic.Bool
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method != "tools/call" || refused.Swap(!refused.Load()) {
			return well(c, m)
		}
		c.line(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32042,"message":"m",` +
			`"data":{"elicitations":[{"mode":"url","message":"Log in.","url":"https://a/",` +
			`"elicitationId":"e"}]}}}`)
		return ""
	})
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Version: mcp.LatestLegacy.String()}
	})
	g.has("up__echo", true)
	ask := func(more string) string {
		return g.text(g.post(modernAsk("1", "tools/call", `{"elicitation":{"url":{}}}`,
			`"name":"up__echo","arguments":{"n":1.0}`+more)))
	}
	first := ask("")
	wantIn(t, first, `"resultType":"input_required"`, `"url":"https://a/"`)
	if strings.Contains(first, "elicitationId") {
		t.Errorf("got %s, which has what only 2025-11-25 knows", first)
	}
	back := `,"requestState":"` + stateOf(t, first) + `","inputResponses":{"elicitation/create-1":`
	wantIn(t, ask(back+`{"action":"decline"}}`), `"isError":true`, "decline")
	wantIn(t, ask(back+`{"action":"accept"}}`), `"structuredContent":{"n":1.0}`)
	c := g.dialTCP()
	c.initialize("2025-11-25")
	wantIn(t, c.ask(legacyCall("1", "up__echo", "{}")), `"code":-32042`, `"elicitationId":"e"`)
}
