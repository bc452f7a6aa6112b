package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestUpstreamAcknowledgesNoListen: a modern upstream that acknowledges no stream is asked for the
// next one when its time is over, and the one before is ended: there are two at most.
func TestUpstreamAcknowledgesNoListen(t *testing.T) {
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		switch m.Method {
		case "server/discover":
			return `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{` +
				`"tools":{},"resources":{"subscribe":true}},"ttlMs":1,"cacheScope":"public"}`
		case "subscriptions/listen":
			return ""
		case "tools/list", "resources/list":
			return `{"resultType":"complete","tools":[{"name":"echo","inputSchema":{"type":` +
				`"object"}}],"resources":[{"uri":"a:1","name":"a"}],"ttlMs":1,` +
				`"cacheScope":"public"}`
		}
		return well(c, m)
	})
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Modern}
		o.Timeout, o.Refresh = 200*time.Millisecond, 50*time.Millisecond
	})
	g.lists("resources/list", `"uri":"a:1"`, true)
	c := g.dialTCP()
	c.initialize("2025-11-25")
	listens, cancels := 0, 0
	for n := range 5 {
		c.ask(legacyLine("1", "resources/subscribe", fmt.Sprintf(`"uri":"a:%d"`, n)))
		for want := listens + 1; listens < want; {
			switch wait(t, "the next stream", fake.asked) {
			case "subscriptions/listen":
				listens++
			case "notifications/cancelled":
				cancels++
			}
		}
	}
	for cancels < listens-2 {
		if wait(t, "the end of a stream", fake.asked) == "notifications/cancelled" {
			cancels++
		}
	}
}
