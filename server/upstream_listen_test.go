package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// hears waits until the upstream is asked to tell of so many resources.
func (r *running) hears(want float64) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("the upstream tells of %v resources", want), func() bool {
		return r.metric(`mcploop_upstream_subscriptions{upstream="up"}`) == want
	})
}

// TestUpstreamResourceUpdates: a resource that changes at the upstream is told to exactly those
// clients of either era that listen to it.
func TestUpstreamResourceUpdates(t *testing.T) {
	up := start(t, nil, addFeatures)
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.lists("resources/list", `"uri":"test://text"`, true)
			legacy, other := g.dialTCP(), g.dialTCP()
			legacy.initialize("2025-11-25")
			other.initialize("2025-11-25")
			legacy.ask(legacyLine("1", "resources/subscribe", `"uri":"test://text"`))
			other.ask(legacyLine("1", "resources/subscribe", `"uri":"test://blob"`))
			f, _ := g.listen("7", `{"resourceSubscriptions":["test://text","test://people/a"]}`)
			g.hears(3)
			up.ResourceUpdated("test://text")
			want := `"method":"` + mcp.NotifyResourcesUpdated + `"`
			wantIn(t, legacy.read(), want, `"uri":"test://text"`)
			wantIn(t, f.next(), want, `"uri":"test://text"`, subscribed("7"))
			up.ResourceUpdated("test://people/a")
			wantIn(t, f.next(), `"uri":"test://people/a"`)
			// Nobody else was told of anything.
			for _, c := range []*peerConn{legacy, other} {
				got := c.ask(legacyLine("2", "ping", ""))
				if idOf(got) != "2" {
					t.Errorf("got %s, want the answer alone", got)
				}
			}
			legacy.ask(legacyLine("3", "resources/unsubscribe", `"uri":"test://text"`))
			other.ask(legacyLine("3", "resources/unsubscribe", `"uri":"test://blob"`))
			g.hears(2) // the stream is still there
			f.resp.Body.Close()
			g.hears(0)
			if got := g.metric(`mcploop_upstream_resource_updates_total{upstream="up"}`); got != 2 {
				t.Errorf("got %v updates counted, want 2", got)
			}
		})
	}
}

// fakeResources answers as an upstream with two resources that clients can subscribe to.
func fakeResources(c *fakeConn, m *fakeMessage) string {
	switch m.Method {
	case "initialize":
		return strings.Replace(fakeInitialize, `"tools":{}`,
			`"tools":{},"resources":{"subscribe":true}`, 1)
	case "resources/list":
		return `{"resources":[{"uri":"a:1","name":"a"},{"uri":"a:2","name":"b"}]}`
	}
	return well(c, m)
}

// TestUpstreamSubscribesOnce: however many clients listen, the upstream is asked by the first and
// told by the last, and asked again by another connection; who listens hears that he may have
// missed something.
func TestUpstreamSubscribesOnce(t *testing.T) {
	fake := startFake(t, fakeResources)
	g := start(t, nil, func(s *server.Server) {
		if err := s.AddUpstream(named("up", fake.addr)); err != nil {
			t.Fatal(err)
		}
	})
	g.lists("resources/list", `"uri":"a:1"`, true)
	const clients = 5
	var all [clients]*peerConn
	for i := range all {
		all[i] = g.dialTCP()
		all[i].initialize("2025-11-25")
		all[i].ask(legacyLine("1", "resources/subscribe", `"uri":"a:1"`))
	}
	g.hears(1)
	fake.waitFor("resources/subscribe")
	fake.cut()
	fake.waitFor("resources/subscribe")
	for _, c := range all {
		wantIn(t, c.read(), mcp.NotifyResourcesUpdated, `"uri":"a:1"`)
	}
	for i, c := range all {
		if i == clients-1 {
			break
		}
		c.ask(legacyLine("2", "resources/unsubscribe", `"uri":"a:1"`))
	}
	g.hears(1)
	all[clients-1].ask(legacyLine("2", "resources/unsubscribe", `"uri":"a:1"`))
	for asked := range fake.asked {
		switch asked {
		case "resources/subscribe":
			t.Error("the upstream was asked once more")
		case "resources/unsubscribe":
			g.hears(0)
			return
		}
	}
}

// TestUpstreamSubscriptionsLimit: beyond the limit clients hear of no changes, and it is seen.
func TestUpstreamSubscriptionsLimit(t *testing.T) {
	up := start(t, nil, addFeatures)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + up.tcp}
		o.Subscriptions = 1
	})
	g.lists("resources/list", `"uri":"test://text"`, true)
	f, _ := g.listen("7", `{"resourceSubscriptions":["test://blob"]}`)
	g.hears(1)
	more, _ := g.listen("8", `{"resourceSubscriptions":["test://blob","test://text"]}`)
	metric := func(name string) float64 {
		return g.metric(`mcploop_upstream_` + name + `{upstream="up"}`)
	}
	eventually(t, "one is left out", func() bool { return metric("subscriptions_left_out") == 1 })
	if used, most := metric("subscriptions"), metric("subscriptions_max"); used != 1 || most != 1 {
		t.Errorf("got %v of %v, want 1 of 1", used, most)
	}
	up.ResourceUpdated("test://text")
	up.ResourceUpdated("test://blob")
	wantIn(t, f.next(), "test://blob")
	wantIn(t, more.next(), "test://blob")
}

// TestUpstreamListensAgain: a stream that ends while its upstream stays is opened again.
func TestUpstreamListensAgain(t *testing.T) {
	up := start(t, nil, addFeatures)
	addr := up.http
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "http://" + addr + "/mcp", Era: client.Modern}
		o.BackoffMax = 20 * time.Millisecond
	})
	g.lists("resources/list", `"uri":"test://text"`, true)
	f, _ := g.listen("7", `{"resourceSubscriptions":["test://text"]}`)
	g.hears(1)
	if err := up.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	up = start(t, func(o *server.Options) { o.HTTP = []string{addr} }, addFeatures)
	wantIn(t, f.next(), "test://text") // it may have changed meanwhile
	g.hears(1)
	up.ResourceUpdated("test://text")
	wantIn(t, f.next(), "test://text")
	addLate(up.Server)
	g.lists("prompts/list", `"name":"up__late"`, true)
}

// TestUpstreamLogs: log messages of a call reach its client from the level on that it wants, in all
// pairings of eras, and nobody else.
func TestUpstreamLogs(t *testing.T) {
	up := start(t, nil, addLogger)
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__log_all", true)
			other := g.dialTCP()
			other.initialize("2025-11-25")
			other.ask(legacyLine("1", "logging/setLevel", `"level":"debug"`))
			g.filtersLogs("up__log_all")
			if got := other.ask(legacyLine("2", "ping", "")); idOf(got) != "2" {
				t.Errorf("another client got %s", got)
			}
			const every = 2 * (8 + 7 + 6 + 5 + 4 + 3 + 2 + 1)
			got := g.metric(`mcploop_upstream_log_messages_total{upstream="up"}`)
			if got != every {
				t.Errorf("got %v messages counted, want %v", got, every)
			}
		})
	}
}
