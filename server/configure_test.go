package server_test

import (
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestConfigure: upstreams, views and the rest change at once; names may change hands.
func TestConfigure(t *testing.T) {
	one, two := startFake(t, well), startFake(t, well)
	g := gatewayOf(t)
	set := func(want server.Changes, c server.Configuration) {
		t.Helper()
		got, err := g.Configure(c)
		if err != nil {
			t.Fatal(err)
		}
		names := func(c server.Changes) string {
			return strings.Join([]string{
				strings.Join(c.Added, " "), strings.Join(c.Removed, " "),
				strings.Join(c.Changed, " "), strings.Join(c.Views, " "),
			}, "; ")
		}
		if names(got) != names(want) {
			t.Errorf("it changed %s, want %s", names(got), names(want))
		}
	}
	set(server.Changes{
		UpstreamChanges: server.UpstreamChanges{Added: []string{"a", "b"}}, Views: []string{"v"},
	}, server.Configuration{
		Upstreams: []gateway.Options{named("a", one.addr), named("b", two.addr)},
		Views:     []server.ViewOptions{{Name: "v", Upstreams: []string{"a"}}},
	})
	g.has("b__echo", true)
	v := g.at("/mcp/v")
	id := "Mcp-Session-Id:" + v.session("2025-11-25")
	stream := v.feed(v.getStream(id))
	set(server.Changes{
		UpstreamChanges: server.UpstreamChanges{Added: []string{"v"}, Removed: []string{"b"}},
		Views:           []string{"b", "v"},
	}, server.Configuration{
		Upstreams:  []gateway.Options{named("a", one.addr), named("v", two.addr)},
		Views:      []server.ViewOptions{{Name: "b", Prefixed: true}},
		Adjustable: server.Adjustable{SessionsMax: 9},
	})
	g.has("v__echo", true)
	if got := stream.next(); got != "" {
		t.Errorf("the stream of a view that is no more brought %s", got)
	}
	v.shows("tools/list", "echo")
	g.at("/mcp/b").shows("tools/list", "a__echo v__echo")
	if got := g.metric("mcploop_sessions_max"); got != 9 {
		t.Errorf("%v sessions may be open, want 9", got)
	}
}

// TestConfigureNothing: a fault anywhere changes nothing anywhere, and all faults are told.
func TestConfigureNothing(t *testing.T) {
	fake := startFake(t, well)
	g := gatewayOf(t, named("up", fake.addr))
	g.has("up__echo", true)
	if _, err := g.SetViews([]server.ViewOptions{{Name: "v"}}); err != nil {
		t.Fatal(err)
	}
	good := server.Configuration{
		Upstreams:  []gateway.Options{named("other", fake.addr)},
		Views:      []server.ViewOptions{{Name: "w"}},
		Adjustable: server.Adjustable{SessionsMax: 9},
	}
	for want, spoil := range map[string]func(c *server.Configuration){
		"AsksMax": func(c *server.Configuration) { c.Upstreams[0].AsksMax = -1 },
		"two upstreams": func(c *server.Configuration) {
			c.Upstreams = append(c.Upstreams, good.Upstreams...)
		},
		"two views":        func(c *server.Configuration) { c.Views = append(c.Views, c.Views...) },
		"an upstream has":  func(c *server.Configuration) { c.Views[0].Name = "other" },
		"the pattern":      func(c *server.Configuration) { c.Views[0].Deny = []string{"["} },
		"DrainTimeout":     func(c *server.Configuration) { c.Adjustable.DrainTimeout = -1 },
		"session limits":   func(c *server.Configuration) { c.Adjustable.SessionsMax = 1 << 40 },
		"Lists.CacheScope": func(c *server.Configuration) { c.Adjustable.CacheScope = "mine" },
	} {
		bad := good
		bad.Upstreams = []gateway.Options{named("other", fake.addr)}
		bad.Views = []server.ViewOptions{{Name: "w"}}
		spoil(&bad)
		_, err := g.Configure(bad)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		bad.Views, bad.Adjustable.DrainTimeout = append(bad.Views, server.ViewOptions{}), -2
		if _, err = g.Configure(bad); !containsAll(err.Error(), []string{"name a view", "-2ns"}) {
			t.Errorf("got %v, want every fault", err)
		}
	}
	g.has("up__echo", true)
	g.has("other__echo", false)
	g.at("/mcp/v").shows("tools/list", "echo")
	if resp := g.at("/mcp/w").post(modernRequest("1", "tools/list", "")); resp.StatusCode != 404 {
		t.Errorf("/mcp/w is there: %s", resp.Status)
	}
	if got := g.metric("mcploop_sessions_max"); got == 9 {
		t.Error("the limit of sessions was changed")
	}
}

// TestConfigureNothingOffered: upstreams that were refused leave no lists to be declared.
func TestConfigureNothingOffered(t *testing.T) {
	fake := startFake(t, well)
	g := gatewayOf(t)
	list := []gateway.Options{named("up", fake.addr)}
	declares := func() bool {
		return strings.Contains(g.dialTCP().ask(modernRequest("1", "server/discover", "")),
			`"prompts":{`)
	}
	if _, err := g.SetUpstreams(append(list, list...)); err == nil || declares() {
		t.Errorf("got %v, and prompts are declared: %v", err, declares())
	}
	if _, err := g.SetUpstreams(list); err != nil || !declares() {
		t.Errorf("got %v, and prompts are declared: %v", err, declares())
	}
}
