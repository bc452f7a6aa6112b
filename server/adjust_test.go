package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// TestAdjust: each of them counts from the next request, session or drain on, while connections
// stay.
func TestAdjust(t *testing.T) {
	fake := startHeld(t, "echo")
	g := gatewayOf(t, named("up", fake.addr))
	g.has("up__echo", true)
	foreign := func() string {
		return g.text(g.post(modernCall("1", "echo", `{"message":"m"}`),
			"Origin:https://app.example"))
	}
	if got := foreign(); !strings.Contains(got, "allowed_origins") {
		t.Errorf("got %s, want it refused", got)
	}
	g.session("2025-11-25")
	g.session("2025-11-25")
	c := g.holdCall(fake, "up__echo")
	err := g.Adjust(server.Adjustable{
		Security:    server.Security{AllowedOrigins: []string{"https://app.example"}},
		SessionsMax: 5, SessionsIdleTTL: time.Hour, DrainTimeout: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := foreign(); strings.Contains(got, "error") {
		t.Errorf("got %s, want the Origin allowed", got)
	}
	if got := g.metric("mcploop_sessions_max"); got != 5 {
		t.Errorf("got a maximum of %v sessions, want 5", got)
	}
	if err := g.RemoveUpstream("up"); err != nil {
		t.Fatal(err)
	}
	if got := c.nextAnswer(); code(got) != -31002 {
		t.Errorf("got %s, want the call cut by the shorter drain", got)
	}
	err = g.Adjust(server.Adjustable{DrainTimeout: -1})
	if err == nil || !strings.Contains(err.Error(), "DrainTimeout") {
		t.Errorf("got %v", err)
	}
	if err := g.Adjust(server.Adjustable{SessionsMax: 1 << 40}); err == nil {
		t.Error("a limit out of its limits was taken")
	}
	if got := foreign(); strings.Contains(got, "error") {
		t.Errorf("got %s: a refused change changed something", got)
	}
}
