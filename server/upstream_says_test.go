package server_test

import (
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestUpstreamSaysItHasChanged: clients are told, though what came had gone again before the
// gateway could look.
func TestUpstreamSaysItHasChanged(t *testing.T) {
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/call" {
			for _, kind := range []string{"tools", "prompts", "resources"} {
				c.line(`{"jsonrpc":"2.0","method":"notifications/` + kind + `/list_changed"}`)
			}
		}
		return well(c, m)
	})
	told := make(chan string, 9)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Version: mcp.LatestLegacy.String()}
	})
	g.has("up__echo", true)
	c := g.client(client.Options{
		URL: "tcp://" + g.tcp, Era: client.Legacy,
		OnNotification: func(method string, _ []byte) { told <- method },
	})
	if _, err := c.Call(t.Context(), "up__echo", map[string]any{}); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for range 3 {
		got[wait(t, "a change", told)] = true
	}
	for _, kind := range []string{"tools", "prompts", "resources"} {
		if !got["notifications/"+kind+"/list_changed"] {
			t.Errorf("got %v, want that %s have changed", got, kind)
		}
	}
}
