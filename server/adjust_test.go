package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
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

// TestAdjustLists: what lists, and discover, say of how long they may be kept is said anew, on
// every path.
func TestAdjustLists(t *testing.T) {
	up := start(t, nil)
	g := behind(t, func(o *gateway.Options) { o.Client = up.doors()["tcp legacy"] })
	g.has("up__echo", true)
	if err := g.AddView(server.ViewOptions{Name: "v"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"ttlMs":300000,"cacheScope":"public"`,
		`"ttlMs":7000,"cacheScope":"private"`,
	} {
		for _, path := range []string{"/mcp", "/mcp/up", "/mcp/v"} {
			at := g.at(path)
			for _, method := range []string{"tools/list", "prompts/list", "server/discover"} {
				wantIn(t, at.text(at.post(modernRequest("1", method, ""))), want)
			}
		}
		err := g.Adjust(server.Adjustable{ListTTL: 7 * time.Second, CacheScope: "private"})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := g.Adjust(server.Adjustable{ListTTL: -1, CacheScope: "mine"})
	if err == nil || !containsAll(err.Error(), []string{"Lists.TTL", "CacheScope"}) {
		t.Errorf("got %v", err)
	}
}

// TestAdjustCallTimeout: another limit counts for calls that run, too, from when they came in.
func TestAdjustCallTimeout(t *testing.T) {
	for _, before := range []time.Duration{-1, time.Hour} {
		r := start(t, func(o *server.Options) { o.CallTimeout = before })
		held := r.addGate("held")
		adjust := func(limit time.Duration) {
			t.Helper()
			if err := r.Adjust(server.Adjustable{CallTimeout: limit}); err != nil {
				t.Fatal(err)
			}
		}
		adjust(time.Hour)
		c := r.dialTCP()
		c.initialize("2025-11-25")
		c.line(legacyCall("1", "held", "{}"))
		held.waitEntered()
		adjust(time.Millisecond)
		if err := wait(t, "the end of the call", held.ended); !errors.Is(err, server.ErrTimeout) {
			t.Errorf("it ended with %v", err)
		}
		wantIn(t, c.read(), `"id":1`, "-31001")
		adjust(-1)
		c.line(legacyCall("2", "held", "{}"))
		held.waitEntered()
		adjust(time.Hour) // it was never watched
		close(held.release)
		wantIn(t, c.read(), `"id":2`, "released")
	}
}

// TestAdjustInput: how long clients may think counts from the next question on.
func TestAdjustInput(t *testing.T) {
	r := start(t, nil, addAskers)
	err := r.Adjust(server.Adjustable{
		InputTimeout: time.Millisecond, StateTTL: time.Nanosecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := r.dialTCP()
	c.initializeWith("2025-11-25", everyCapability)
	c.line(legacyCall("1", "ask_name", "{}"))
	c.hears(`"id":1`, "-31001")
	answers := `,"inputResponses":{"name":{"action":"accept","content":{"name":"Ada"}}}`
	state := stateOf(t, r.text(r.post(modernAble("2", "ask_twice", answers))))
	eventually(t, "the state is too old", func() bool {
		late := r.text(r.post(modernAble("3", "ask_twice", `,"requestState":"`+state+`"`)))
		return strings.Contains(late, "requestState is not accepted")
	})
}
