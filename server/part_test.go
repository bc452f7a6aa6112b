package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// titled says more of itself than its name.
func titled(o *server.Options) {
	o.Name, o.Title, o.Instructions = "people", "People", "Ask for anybody."
	withCompletion(o)
}

// twoUpstreams is a gateway with the upstreams one and two, whose parts are there.
func twoUpstreams(t *testing.T, one, two *running) *running {
	t.Helper()
	g := start(t, nil)
	for i, up := range []*running{one, two} {
		name := []string{"one", "two"}[i]
		if err := g.AddUpstream(gateway.Options{
			Name: name, Client: client.Options{URL: "tcp://" + up.tcp},
			BackoffMin: 10 * time.Millisecond, Grace: 10 * time.Millisecond,
		}); err != nil {
			t.Fatal(err)
		}
		g.at("/mcp/"+name).has("echo", true)
		eventually(t, "the upstream is ready", func() bool {
			return g.metric(fmt.Sprintf("mcploop_upstream_up{upstream=%q}", name)) == 1
		})
	}
	return g
}

// TestPart: /mcp/NAME is the upstream under its own names, in both eras, over HTTP, WebSocket and
// HTTP+SSE.
func TestPart(t *testing.T) {
	up := start(t, titled, addFeatures)
	g := twoUpstreams(t, up, start(t, nil))
	for _, path := range []string{"/mcp/one", "/servers/one/mcp"} {
		part := g.at(path)
		part.httpEras(func(era string, ask func(method, params string) string) {
			part.isPeople(path+" "+era, ask)
		})
	}
	part := g.at("/mcp/one")
	ws := part.dialWS()
	part.isPeople("ws modern", func(method, params string) string {
		return ws.ask(modernRequest("1", method, params))
	})
	legacy := part.dialWS()
	hello := legacy.ask(helloOf("2025-11-25"))
	wantIn(t, hello, `"serverInfo":{"name":"people","title":"People"`, "Ask for anybody.")
	part.isPeople("ws legacy", func(method, params string) string {
		return legacy.ask(legacyLine("1", method, params))
	})
	sse := g.at("/sse/one").dialSSE()
	sse.send(helloOf("2024-11-05"))
	wantIn(t, sse.next(), `"serverInfo":{"name":"people"`)
	part.isPeople("sse", func(method, params string) string {
		sse.send(legacyLine("1", method, params))
		return sse.next()
	})
	discovered := part.text(part.post(modernRequest("1", "server/discover", "")))
	wantIn(t, discovered, `"instructions":"Ask for anybody."`, `"name":"people"`,
		`"completions":{}`)
	other := g.text(g.at("/mcp/two").post(modernRequest("1", "server/discover", "")))
	if strings.Contains(other, "completions") || strings.Contains(other, "prompts") {
		t.Errorf("an upstream without completion and prompts declares %s", other)
	}
}

// isPeople checks that what is asked is the upstream of TestPart alone.
func (r *running) isPeople(what string, ask func(method, params string) string) {
	r.t.Helper()
	check := func(method, params string, want ...string) {
		r.t.Helper()
		got := ask(method, params)
		for _, w := range want {
			if !strings.Contains(got, w) {
				r.t.Errorf("%s: %s answered %s, want %s in it", what, method, got, w)
			}
		}
		if strings.Contains(got, "one__") || strings.Contains(got, "two__") {
			r.t.Errorf("%s: %s answered %s, with names of /mcp", what, method, got)
		}
	}
	check("tools/list", "", `"name":"echo"`, `"name":"slow"`)
	check("tools/call", `"name":"echo","arguments":{"message":"hi"}`, `"text":"hi"`)
	check("tools/call", `"name":"nobody","arguments":{}`, "unknown tool", "-32602")
	check("resources/list", "", `"uri":"test://text"`)
	check("resources/read", `"uri":"test://people/b%20c"`, `"text":"hello b c"`)
	check("resources/templates/list", "", `"uriTemplate":"test://people/{who}"`)
	check("prompts/list", "", `"name":"greet"`)
	check("prompts/get", `"name":"greet","arguments":{"who":"A"}`, `"text":"Greet A"`)
	check("completion/complete", `"ref":{"type":"ref/prompt","name":"greet"},`+
		`"argument":{"name":"who","value":"k-14"},"context":{"arguments":{"kind":"k"}}`,
		`"values":["k-140","k-141"`)
}

// httpEras calls do with a way to ask over HTTP in each era.
func (r *running) httpEras(do func(era string, ask func(method, params string) string)) {
	r.t.Helper()
	do("modern", func(method, params string) string {
		r.t.Helper()
		return r.text(r.post(modernRequest("1", method, params)))
	})
	id := "Mcp-Session-Id:" + r.session("2025-11-25")
	do("legacy", func(method, params string) string {
		r.t.Helper()
		return r.text(r.post(legacyLine("1", method, params), id))
	})
}

func helloOf(version string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":`+
		`{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		version)
}

// TestPartHidesTheRest: what a part does not show cannot be reached through it.
func TestPartHidesTheRest(t *testing.T) {
	g := twoUpstreams(t, start(t, nil, addFeatures), start(t, nil))
	part := g.at("/mcp/two")
	part.httpEras(func(era string, ask func(method, params string) string) {
		for _, c := range []struct{ method, params, want string }{
			{"tools/call", `"name":"one__echo","arguments":{"message":"x"}`, "unknown tool"},
			{"tools/call", `"name":"two__echo","arguments":{"message":"x"}`, "unknown tool"},
			{"prompts/get", `"name":"one__greet"`, "unknown prompt"},
			{"prompts/get", `"name":"greet"`, "unknown prompt"},
			{"resources/read", `"uri":"test://text"`, "test://text"},
		} {
			if got := ask(c.method, c.params); code(got) == 0 || !strings.Contains(got, c.want) {
				t.Errorf("%s: %s %s answered %s", era, c.method, c.params, got)
			}
		}
	})
	local := g.text(g.post(modernCall("1", "echo", `{"message":"mine"}`)))
	wantIn(t, local, "mine")
}

func TestPartUnknown(t *testing.T) {
	g := twoUpstreams(t, start(t, nil), start(t, nil))
	for _, path := range []string{
		"/mcp/three", "/mcp/", "/mcp/one/", "/mcp/ONE", "/mcp/one/x", "/mcp/%6fne", "/sse/three",
		"/servers/three/mcp", "/servers/one/", "/servers/mcp",
	} {
		resp := g.at(path).post(modernRequest("1", "tools/list", ""))
		body := g.text(resp)
		if resp.StatusCode != 404 || code(body) == 0 || !strings.Contains(body, "/mcp") ||
			strings.Contains(body, `"two"`) {
			t.Errorf("%s answered %s %s", path, resp.Status, body)
		}
	}
	c := g.dialHTTP()
	c.send(strings.Replace(wsHead(wsVersion, "Sec-WebSocket-Key: "+wsKey,
		"Sec-WebSocket-Protocol: mcp"), "/mcp", "/mcp/three", 1))
	if got := c.read(); !strings.Contains(got, " 404 ") {
		t.Errorf("an upgrade was answered %s", got)
	}
}

// TestPartHasItsSessions: a legacy session belongs to the path that it was opened on.
func TestPartHasItsSessions(t *testing.T) {
	g := twoUpstreams(t, start(t, nil), start(t, nil))
	paths := []string{"/mcp", "/mcp/one", "/mcp/two"}
	for _, from := range paths {
		id := g.at(from).session("2025-11-25")
		for _, to := range paths {
			want := 404
			if to == from {
				want = 200
			}
			if got := g.at(to).pings(id); got != want {
				t.Errorf("a session of %s on %s: status %d, want %d", from, to, got, want)
			}
			if to == from {
				continue
			}
			if got := g.at(to).getStream("Mcp-Session-Id:" + id).StatusCode; got != 404 {
				t.Errorf("GET %s with a session of %s: status %d", to, from, got)
			}
			if got := g.at(to).deletes(id); got != 404 {
				t.Errorf("DELETE %s with a session of %s: status %d", to, from, got)
			}
		}
		if got := g.at(from).pings(id); got != 200 {
			t.Errorf("a session of %s was ended on another path: status %d", from, got)
		}
		if got := g.at(from).deletes(id); got != 204 {
			t.Errorf("DELETE %s: status %d", from, got)
		}
	}
}

// TestPartIsGuarded: Origin and Host are checked on every path.
func TestPartIsGuarded(t *testing.T) {
	g := twoUpstreams(t, start(t, nil), start(t, nil))
	for _, header := range []string{"Origin:http://evil.example", "Host:evil.example"} {
		lines := "POST /mcp/one HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
		name, value, _ := strings.Cut(header, ":")
		if name == "Host" {
			lines = strings.Replace(lines, "localhost", value, 1)
		} else {
			lines += header + "\r\n"
		}
		if got := g.dialHTTP().exchange(lines + "\r\n").StatusCode; got != 403 {
			t.Errorf("%s: status %d, want 403", header, got)
		}
	}
}

// TestPartTellsItsOwnNews: clients of a part are told of its changes alone, on every kind of
// stream, and those of /mcp of all.
func TestPartTellsItsOwnNews(t *testing.T) {
	one, two := start(t, nil, addFeatures), start(t, nil, addFeatures)
	g := twoUpstreams(t, one, two)
	const all = `"toolsListChanged":true,"resourceSubscriptions":["test://text"]`
	heard := map[string]func() string{}
	g.at("/mcp/two").listen(`"b"`, `{"resourceSubscriptions":["test://blob"]}`)
	for _, path := range []string{"/mcp", "/mcp/one", "/mcp/two"} {
		at := g.at(path)
		listen, _ := at.listen(`"l"`, `{`+all+`}`)
		id := at.session("2025-11-25")
		_ = at.text(at.post(legacyLine("1", "resources/subscribe", `"uri":"test://text"`),
			"Mcp-Session-Id:"+id))
		get := at.feed(at.getStream("Mcp-Session-Id:" + id))
		ws := at.dialWS()
		_ = ws.ask(helloOf("2025-11-25"))
		heard[path+" listen"], heard[path+" GET"] = listen.next, get.next
		heard[path+" ws"] = ws.next
	}
	for name, want := range map[string]float64{"one": 1, "two": 2} {
		got := 0.0
		eventually(t, name+" is asked to tell of its resources", func() bool {
			got = g.metric(fmt.Sprintf("mcploop_upstream_subscriptions{upstream=%q}", name))
			return got >= want
		})
		if got != want {
			t.Errorf("%s is asked to tell of %v resources, want %v", name, got, want)
		}
	}
	one.changeTools("only_one")
	for _, stream := range []string{"listen", "GET", "ws"} {
		for _, path := range []string{"/mcp", "/mcp/one"} {
			wantIn(t, heard[path+" "+stream](), mcp.NotifyToolsListChanged)
		}
	}
	two.ResourceUpdated("test://text") // on /mcp it is one's
	two.changeTools("only_two")
	for _, stream := range []string{"listen", "GET"} {
		got := heard["/mcp/two "+stream]() + heard["/mcp/two "+stream]()
		wantIn(t, got, mcp.NotifyToolsListChanged, mcp.NotifyResourcesUpdated)
		got = heard["/mcp "+stream]()
		wantIn(t, got, mcp.NotifyToolsListChanged)
	}
	one.ResourceUpdated("test://text")
	for _, path := range []string{"/mcp", "/mcp/one"} {
		for _, stream := range []string{"listen", "GET"} {
			wantIn(t, heard[path+" "+stream](), mcp.NotifyResourcesUpdated)
		}
	}
}

// TestPartComesAndGoes: a part is there as long as its upstream; its streams end with it, and its
// sessions are none of a later one.
func TestPartComesAndGoes(t *testing.T) {
	up := start(t, nil)
	g := twoUpstreams(t, up, start(t, nil))
	part := g.at("/mcp/one")
	id := part.session("2025-11-25")
	get := part.feed(part.getStream("Mcp-Session-Id:" + id))
	listen, _ := part.listen("7", `{"toolsListChanged":true}`)
	told := part.dialWS()
	_ = told.ask(helloOf("2025-11-25"))
	quiet := part.dialWS()
	wantIn(t, quiet.ask(modernRequest("1", "tools/list", "")), `"name":"echo"`)
	if got := g.metric(`mcploop_view_requests_total{view="one"}`); got < 5 {
		t.Errorf("%v requests are counted", got)
	}
	if err := g.RemoveUpstream("one"); err != nil {
		t.Fatal(err)
	}
	quiet.send(modernRequest("2", "tools/list", ""))
	quiet.closes(ws.StatusGoingAway)
	for range 20 { // news that the lists are empty may come first
		if listen.next() == "" && get.next() == "" {
			break
		}
	}
	for told.frame().Header.OpCode.IsData() {
	}
	if resp := part.post(modernRequest("1", "tools/list", "")); resp.StatusCode != 404 {
		t.Errorf("the part of an upstream that was removed answered %s", resp.Status)
	}
	if got := g.metric(`mcploop_view_requests_total{view="one"}`); got != 0 {
		t.Errorf("it still has a metric: %v", got)
	}
	again := gateway.Options{Name: "one", Client: client.Options{URL: "tcp://" + up.tcp}}
	if err := g.AddUpstream(again); err != nil {
		t.Fatal(err)
	}
	part.has("echo", true)
	if got := part.pings(id); got != 404 {
		t.Errorf("a session of before is alive: status %d", got)
	}
}

// TestPartSealsItsStates: what a request that needs input was sealed into is refused where another
// path has the same request.
func TestPartSealsItsStates(t *testing.T) {
	up := start(t, nil, func(s *server.Server) {
		ask := func(
			_ context.Context, r *mcp.ReadResourceRequest,
		) (*mcp.ReadResourceResult, error) {
			if r.InputState == nil {
				return nil, &mcp.InputRequired{State: "seen"}
			}
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{
				URI: r.Params.URI, Text: "seen again",
			}}}, nil
		}
		if err := s.AddResource(mcp.Resource{URI: "ask://me", Name: "ask"}, ask); err != nil {
			t.Fatal(err)
		}
	})
	g := twoUpstreams(t, up, start(t, nil))
	if err := g.AddView(server.ViewOptions{Name: "v"}); err != nil {
		t.Fatal(err)
	}
	paths := []string{"/mcp", "/mcp/one", "/mcp/v"}
	for _, from := range paths {
		read := modernRequest("1", "resources/read", `"uri":"ask://me"`)
		got := g.text(g.at(from).post(read))
		_, rest, _ := strings.Cut(got, `"requestState":"`)
		state, _, ok := strings.Cut(rest, `"`)
		if !ok {
			t.Fatalf("%s answered %s, without a state", from, got)
		}
		read = modernRequest("1", "resources/read", `"uri":"ask://me","requestState":"`+state+`"`)
		for _, to := range paths {
			got := g.text(g.at(to).post(read))
			if to == from && !strings.Contains(got, "seen again") {
				t.Errorf("a state of %s on it: %s", from, got)
			}
			if to != from && code(got) != -32602 {
				t.Errorf("a state of %s on %s: %s", from, to, got)
			}
		}
	}
}

// TestPartHasItsTasks: a task belongs to the path that it was made on.
func TestPartHasItsTasks(t *testing.T) {
	up := start(t, nil)
	close(addTaskTools(up.Server))
	g := twoUpstreams(t, up, start(t, nil))
	defer close(addTaskTools(g.Server)) // those that are over cannot be listened to
	g.at("/mcp/one").has("job", true)
	tools := map[string]string{"/mcp": "one__job", "/mcp/one": "job"}
	made := map[string][]string{}
	for path, tool := range tools {
		at := g.at(path)
		made[path] = append(made[path], taskOf(t, at.text(at.post(taskCall("1", tool)))))
	}
	made["/mcp"] = append(made["/mcp"], taskOf(t, g.text(g.post(taskCall("1", "job")))))
	for from, ids := range made {
		for _, id := range ids {
			for _, to := range []string{"/mcp", "/mcp/one", "/mcp/two"} {
				at := g.at(to)
				got := at.text(at.post(taskRequest("2", "tasks/get", id, ""), "Mcp-Name:"+id))
				if found := strings.Contains(got, `"taskId":"`+id+`"`); found != (from == to) {
					t.Errorf("a task of %s on %s: %s", from, to, got)
				}
				filter := `"notifications":{"taskIds":["` + id + `"]}`
				ask := modernAsk("7", "subscriptions/listen", taskCapabilities, filter)
				told := strings.Contains(at.feed(at.post(ask)).next(), id)
				if told != (from == to) {
					t.Errorf("a task of %s can be listened to on %s: %v", from, to, told)
				}
			}
		}
	}
}
