package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestUpstreamLogsOfNoCall: where all calls share a stream, what a legacy upstream logs while it
// answers a request of the gateway's own is no client's, though there is one call alone.
func TestUpstreamLogsOfNoCall(t *testing.T) {
	log := func(c *fakeConn, text string) {
		c.line(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info",` +
			`"data":"` + text + `"}}`)
	}
	call := make(chan *fakeMessage, 1)
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		switch m.Method {
		case "initialize":
			return strings.Replace(fakeInitialize, `{"tools":{}}`,
				`{"tools":{},"logging":{},"resources":{"subscribe":true}}`, 1)
		case "resources/list":
			return `{"resources":[{"uri":"x://a","name":"a"}]}`
		case "tools/call":
			log(c, "of the call")
			call <- m
			return ""
		case "resources/subscribe":
			log(c, "of another client's subscription")
			c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{}}`, m.ID))
			one := <-call
			c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, one.ID))
			return ""
		}
		return well(c, m)
	})
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Version: mcp.LatestLegacy.String()}
	})
	g.has("up__echo", true)
	caller, other := g.dialTCP(), g.dialTCP()
	caller.initialize("2025-11-25")
	other.initialize("2025-11-25")
	caller.ask(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`)
	wantIn(t, caller.ask(legacyCall("2", "up__echo", "{}")), "of the call")
	other.line(`{"jsonrpc":"2.0","id":3,"method":"resources/subscribe","params":{"uri":"x://a"}}`)
	wantIn(t, caller.read(), `"id":2`, `"content":[]`)
}
