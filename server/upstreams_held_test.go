package server_test

import (
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestUpstreamReplacedWhileCallsAreHeld: a modern client that was asked something by a legacy
// upstream's tool comes back after another one has taken the upstream's place: it gets the answer
// of its call, which ran once, and only then the old one ends.
func TestUpstreamReplacedWhileCallsAreHeld(t *testing.T) {
	up := start(t, nil, addAskers)
	for _, door := range []string{"http legacy", "tcp legacy", "sse"} {
		t.Run(door, func(t *testing.T) {
			opt := gateway.Options{Name: "up", Client: up.doors()[door]}
			g := start(t, func(o *server.Options) { o.DrainTimeout = patience })
			set := func() {
				t.Helper()
				if _, err := g.SetUpstreams([]gateway.Options{opt}); err != nil {
					t.Fatal(err)
				}
			}
			set()
			g.has("up__ask_name", true)
			key, state := g.askedOnce("1", "up__ask_name")
			opt.AsksMax = 7
			set()
			metric := func(name string) float64 {
				return g.metric(`mcploop_upstream_` + name + `{upstream="up"}`)
			}
			eventually(t, "another one has taken the place", func() bool {
				return metric("held_max") == 7 && metric("leaving") == 1
			})
			if held := metric("held"); held != 1 {
				t.Errorf("%v calls are held, want the one that was", held)
			}
			wantIn(t, g.text(g.post(retried("2", "up__ask_name", key, state, "Bob"))), "accept Bob")
			eventually(t, "the old one has ended", func() bool { return metric("leaving") == 0 })
			late := g.text(g.post(retried("3", "up__ask_name", key, state, "Eve")))
			if code(late) != -32602 {
				t.Errorf("got %s, want that the call has ended", late)
			}
			for name, want := range map[string]float64{
				"calls_total": 1, "calls_failed_total": 1, "calls_unsent_total": 1,
				"cancelled_total": 0, "held": 0, "in_flight": 0,
			} {
				if got := metric(name); got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
		})
	}
}

// TestUpstreamReplacedWhileClientsListen: who listens to a resource hears that it may have changed
// when another upstream has taken the place of its own, which tells of it from then on.
func TestUpstreamReplacedWhileClientsListen(t *testing.T) {
	first, second := start(t, nil, addFeatures), start(t, nil, addFeatures)
	for _, door := range []string{"http", "http legacy", "tcp"} {
		t.Run(door, func(t *testing.T) {
			opt := gateway.Options{Name: "up", Client: first.doors()[door]}
			g := gatewayOf(t, opt)
			g.lists("resources/list", `"uri":"test://text"`, true)
			legacy := g.dialTCP()
			legacy.initialize("2025-11-25")
			legacy.ask(legacyLine("1", "resources/subscribe", `"uri":"test://text"`))
			f, _ := g.listen("7", `{"resourceSubscriptions":["test://text"]}`)
			g.hears(1)
			opt.Client = second.doors()[door]
			if _, err := g.SetUpstreams([]gateway.Options{opt}); err != nil {
				t.Fatal(err)
			}
			for _, got := range []string{legacy.read(), f.next()} {
				wantIn(t, got, mcp.NotifyResourcesUpdated, `"uri":"test://text"`)
			}
			second.ResourceUpdated("test://text")
			for _, got := range []string{legacy.read(), f.next()} {
				wantIn(t, got, mcp.NotifyResourcesUpdated, `"uri":"test://text"`)
			}
		})
	}
}
