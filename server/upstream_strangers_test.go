package server_test

import (
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

const wantText = `{"toolsListChanged":true,"resourceSubscriptions":["test://text"]}`

// TestStrangersHearNothing: where credentials are required nobody else is told of a resource, in
// either era: a subscription is refused, and one from before is not served.
func TestStrangersHearNothing(t *testing.T) {
	up := start(t, nil, addFeatures)
	options := func(required bool) gateway.Options {
		o := gateway.Options{Name: "up", Credentials: twoUsers()}
		o.Client = client.Options{URL: "http://" + up.http + "/mcp"}
		o.Credentials.Required = required
		return o
	}
	g := gatewayOf(t, options(false))
	g.lists("resources/list", `"uri":"test://text"`, true)
	alice := "Authorization: Bearer " + aliceHere
	subscribe := func(more ...string) (get *feed, answer string) {
		session := append(more, "Mcp-Session-Id: "+g.session("2025-11-25", more...))
		get = g.feed(g.getStream(session...))
		ask := legacyLine("1", "resources/subscribe", `"uri":"test://text"`)
		return get, g.text(g.post(ask, session...))
	}
	listen := func(more ...string) (*feed, string) {
		f := g.feed(g.post(listenCall("7", wantText), more...))
		return f, f.next()
	}
	before, answer := subscribe()
	wantIn(t, answer, `"result":{}`)
	listener, ack := listen()
	wantIn(t, ack, `"test://text"`)
	up.ResourceUpdated("test://text")
	wantIn(t, before.next(), mcp.NotifyResourcesUpdated)
	wantIn(t, listener.next(), mcp.NotifyResourcesUpdated)

	if _, err := g.SetUpstreams([]gateway.Options{options(true)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "credentials are required", func() bool {
		return g.Upstreams()[0].Next == "" && g.Upstreams()[0].State == "ready"
	})
	late, answer := subscribe()
	wantIn(t, answer, "-31002", `"reason":"no_credentials"`)
	stranger, ack := listen()
	if strings.Contains(ack, "test://text") {
		t.Errorf("a stranger's listen has %s", ack)
	}
	own, answer := subscribe(alice)
	wantIn(t, answer, `"result":{}`)
	ownListener, ack := listen(alice)
	wantIn(t, ack, `"test://text"`)
	g.hears(1)
	up.ResourceUpdated("test://text")
	for _, f := range []*feed{own, ownListener} {
		wantIn(t, f.next(), mcp.NotifyResourcesUpdated, "test://text")
	}
	g.changeTools("late")
	for _, f := range []*feed{before, late, listener, stranger} {
		for {
			got := f.next()
			if strings.Contains(got, mcp.NotifyToolsListChanged) {
				break
			}
			if !strings.Contains(got, "/list_changed") {
				t.Fatalf("a stranger heard %s", got)
			}
		}
	}
	if got := g.metric(`mcploop_upstream_strangers_total{upstream="up"}`); got != 2 {
		t.Errorf("%v strangers were counted, want 2", got)
	}
}
