package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

// getStream asks for the GET stream of a legacy session.
func (r *running) getStream(headers ...string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequest("GET", "http://"+r.http+r.endpoint(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, value)
	}
	client := &http.Client{Timeout: patience}
	r.t.Cleanup(client.CloseIdleConnections)
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestGetStreamRefusals(t *testing.T) {
	r := start(t, nil)
	id := r.session("2025-11-25")
	f := func(want int, headers ...string) {
		t.Helper()
		if got := r.getStream(headers...); got.StatusCode != want {
			t.Errorf("%v: got %s, want %d", headers, got.Status, want)
		}
	}
	f(400)
	f(404, "Mcp-Session-Id:nobody")
	f(404, "Mcp-Session-Id:"+id, "Authorization:Bearer somebody-else")
	f(406, "Mcp-Session-Id:"+id, "Accept:application/json")
	f(400, "Mcp-Session-Id:"+id, "MCP-Protocol-Version:1999-01-01")
	f(405, "Mcp-Session-Id:"+id, "MCP-Protocol-Version:2026-07-28")
	f(405, "MCP-Protocol-Version:2026-07-28")
}

func TestGetStreamTellsOfChanges(t *testing.T) {
	r := start(t, nil, addFeatures)
	id := r.session("2025-06-18")
	session := "Mcp-Session-Id:" + id
	get := r.feed(r.getStream(session))
	if h := get.resp.Header; h.Get("X-Accel-Buffering") != "no" {
		t.Errorf("headers %v", h)
	}
	ask := func(method, params string) string {
		return r.text(r.post(legacyLine("1", method, params), session))
	}
	const want = `{"jsonrpc":"2.0","id":1,"result":{}}`
	if got := ask("resources/subscribe", `"uri":"test://text"`); got != want {
		t.Errorf("subscribe: %s", got)
	}
	r.ResourceUpdated("test://blob") // nobody asked for that one
	r.ResourceUpdated("test://text")
	f := func(want string) {
		t.Helper()
		if got := get.next(); got != `{"jsonrpc":"2.0","method":"notifications/`+want+`}` {
			t.Errorf("got %s; want %s", got, want)
		}
	}
	f(`resources/updated","params":{"uri":"test://text"}`)
	r.changeTools("more")
	f(`tools/list_changed"`)
	r.RemovePrompt("greet")
	f(`prompts/list_changed"`)
	if got := ask("resources/unsubscribe", `"uri":"test://text"`); got != want {
		t.Errorf("unsubscribe: %s", got)
	}
	r.ResourceUpdated("test://text")
	r.RemoveResource("test://blob")
	f(`resources/list_changed"`)
	got := ask("resources/subscribe", `"uri":"test://nowhere"`)
	if !strings.Contains(got, "-32002") {
		t.Errorf("unknown resource: %s", got)
	}
}

// A second GET takes the place of the first, which ends; a deleted session ends its stream.
func TestGetStreamIsOneForEachSession(t *testing.T) {
	r := start(t, nil)
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	first := r.feed(r.getStream(session))
	second := r.feed(r.getStream(session))
	if got := first.next(); got != "" {
		t.Errorf("the first stream got %s", got)
	}
	r.changeTools("more")
	if got := second.next(); !strings.Contains(got, "tools/list_changed") {
		t.Errorf("the second stream got %s", got)
	}
	eventually(t, "one stream is left", func() bool { return r.metric("mcploop_streams") == 1 })
	req, err := http.NewRequest("DELETE", "http://"+r.http+r.endpoint(), nil)
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(session, ":")
	req.Header.Set(name, value)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 204 {
		t.Fatalf("DELETE: %v %v", resp, err)
	}
	resp.Body.Close()
	if got := second.next(); got != "" {
		t.Errorf("after DELETE the stream got %s", got)
	}
	eventually(t, "no stream is left, and nothing of what it was told", func() bool {
		return r.metric("mcploop_streams") == 0 && r.metric("mcploop_replay_bytes") == 0
	})
}

func TestLegacyLinePeerIsToldOfWhatItSubscribedTo(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.Subscriptions = 1 }, addFeatures)
	c := r.dialTCP()
	c.initialize("2024-11-05")
	c.ask(legacyLine("1", "resources/subscribe", `"uri":"test://people/A"`))
	full := c.ask(legacyLine("2", "resources/subscribe", `"uri":"test://people/B"`))
	if !strings.Contains(full, "limits.subscriptions") {
		t.Errorf("beyond the limit: %s", full)
	}
	again := c.ask(legacyLine("3", "resources/subscribe", `"uri":"test://people/A"`))
	if !strings.Contains(again, `"result":{}`) {
		t.Errorf("the same once more: %s", again)
	}
	r.ResourceUpdated("test://people/A")
	told := c.read()
	if !strings.Contains(told, `resources/updated","params":{"uri":"test://people/A"}`) {
		t.Errorf("got %s", told)
	}
}

func TestListenHonoursWhatTheServerHas(t *testing.T) {
	const all = `{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,` +
		`"resourceSubscriptions":["test://text"]}`
	bare := start(t, nil)
	if _, ack := bare.listen("1", all); !strings.Contains(ack,
		`"notifications":{"toolsListChanged":true}}`) {
		t.Errorf("without prompts and resources: %s", ack)
	}
	r := start(t, func(o *server.Options) { o.Limits.Subscriptions = 2 }, addFeatures)
	f, ack := r.listen("1", all)
	if !strings.Contains(ack, all) {
		t.Errorf("got %s", ack)
	}
	r.ResourceUpdated("test://blob")
	r.ResourceUpdated("test://text")
	want := `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{` +
		subscribed("1") + `,"uri":"test://text"}}`
	if got := f.next(); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	r.RemovePrompt("greet")
	if got := f.next(); !strings.Contains(got, "prompts/list_changed") {
		t.Errorf("got %s", got)
	}
	many := r.text(r.post(listenCall("1", `{"resourceSubscriptions":["a:1","a:2","a:3"]}`)))
	if !strings.Contains(many, "limits.subscriptions") {
		t.Errorf("three URIs: %s", many)
	}
}

// Every listener is told once of a change, however many there are and whoever leaves meanwhile.
func TestEveryListenerIsToldOnce(t *testing.T) {
	const listeners = 1500
	r := start(t, func(o *server.Options) { o.Loops.Count = 1 })
	conns := make([]*peerConn, 0, listeners)
	for i := range listeners {
		c := r.dialTCP()
		c.ask(listenCall(fmt.Sprint(i), wantTools))
		conns = append(conns, c)
	}
	go func() {
		for i := 0; i < listeners; i += 3 {
			conns[i].Close()
		}
	}()
	r.changeTools("more")
	eventually(t, "all are told", func() bool {
		return r.metric("mcploop_notifications_total") >= listeners*2/3
	})
	for i, c := range conns {
		if i%3 == 0 {
			continue
		}
		c.line(modernCall(`"end"`, "echo", `{"message":"m"}`))
		if got := c.read(); !strings.Contains(got, subscribed(fmt.Sprint(i))) {
			t.Fatalf("listener %d got %s", i, got)
		}
		if got := c.read(); idOf(got) != `"end"` {
			t.Fatalf("listener %d was told twice: %s", i, got)
		}
	}
}
