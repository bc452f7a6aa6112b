package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// whoIs is an upstream with the tools who and only_NAME, the prompt ask and the resource
// same://uri, which tell its name.
func whoIs(t *testing.T, name string) *running {
	return start(t, nil, addNamed(name), func(s *server.Server) {
		say := func(context.Context, *mcp.Request, struct{}) (string, error) { return name, nil }
		server.AddTool(s, mcp.Tool{Name: "who"}, say)
		server.AddTool(s, mcp.Tool{Name: "only_" + name}, say)
		err := s.AddPrompt(mcp.Prompt{Name: "ask"},
			func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				return &mcp.GetPromptResult{Description: "of " + name}, nil
			})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// twoNamed is a gateway with two such upstreams, one and two.
func twoNamed(t *testing.T) (g, one, two *running) {
	one, two = whoIs(t, "one"), whoIs(t, "two")
	return twoUpstreams(t, one, two), one, two
}

// view makes a view named v and asks on it.
func (r *running) view(change func(*server.ViewOptions)) *running {
	r.t.Helper()
	opt := server.ViewOptions{Name: "v"}
	change(&opt)
	if err := r.AddView(opt); err != nil {
		r.t.Fatal(err)
	}
	return r.at("/mcp/v")
}

// names are those of a list, in its order.
func (r *running) names(method string) string {
	r.t.Helper()
	text := r.text(r.post(modernRequest("1", method, "")))
	_, rest, _ := strings.Cut(text, "[")
	rest, _, _ = strings.Cut(rest, `"ttlMs"`)
	var all []string
	for _, part := range strings.Split(rest, `{"name":"`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

// shows waits until a list has these names.
func (r *running) shows(method, want string) {
	r.t.Helper()
	got := ""
	defer func() {
		if got != want {
			r.t.Errorf("%s of %s shows %q, want %q", method, r.path, got, want)
		}
	}()
	eventually(r.t, fmt.Sprintf("%s shows %s", method, want), func() bool {
		got = r.names(method)
		return got == want
	})
}

func (r *running) calls(tool, want string) {
	r.t.Helper()
	r.httpEras(func(era string, ask func(method, params string) string) {
		r.t.Helper()
		got := ask("tools/call", `"name":"`+tool+`","arguments":{}`)
		if !strings.Contains(got, want) {
			r.t.Errorf("%s: %s answered %s, want %s in it", era, tool, got, want)
		}
	})
}

// TestViewHasOwnNames: a view shows what its upstreams offer under their own names. Of two that
// want one name the first of the view's has it, and keeps it while he is away.
func TestViewHasOwnNames(t *testing.T) {
	g, _, two := twoNamed(t)
	v := g.view(func(o *server.ViewOptions) {
		o.Upstreams, o.Title, o.Instructions = []string{"two", "one"}, "Both", "Ask who."
		o.Deny = []string{"c*", "echo", "sl*", "st*"}
	})
	wantIn(t, g.text(v.post(modernRequest("1", "server/discover", ""))), `"name":"v"`,
		`"title":"Both"`, `"instructions":"Ask who."`, `"prompts":`, `"resources":`)
	v.shows("tools/list", "one__who only_one only_two who")
	v.shows("prompts/list", "ask one__ask")
	v.calls("who", `"text":"two"`)
	v.calls("one__who", `"text":"one"`)
	v.calls("two__who", "unknown tool")
	v.calls("echo", "unknown tool")
	v.httpEras(func(era string, ask func(method, params string) string) {
		wantIn(t, ask("prompts/get", `"name":"ask"`), "of two")
		wantIn(t, ask("prompts/get", `"name":"one__ask"`), "of one")
	})
	if err := two.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.shows("tools/list", "one__who only_one")
	v.calls("who", "unknown tool")
	if err := g.RemoveUpstream("two"); err != nil {
		t.Fatal(err)
	}
	v.shows("tools/list", "only_one who")
	v.calls("who", `"text":"one"`)
}

// TestViewTakesNamesBack: who comes first in the view gets the name of who was there before.
func TestViewTakesNamesBack(t *testing.T) {
	g := start(t, nil)
	v := g.view(func(o *server.ViewOptions) { o.Allow = []string{"who", "only_*", "same:*"} })
	add := func(name string) {
		if err := g.AddUpstream(gateway.Options{
			Name: name, Client: client.Options{URL: "tcp://" + whoIs(t, name).tcp},
		}); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		return v.text(v.post(modernRequest("1", "resources/read", `"uri":"same://uri"`)))
	}
	add("two")
	v.shows("tools/list", "only_two who")
	v.calls("who", `"text":"two"`)
	wantIn(t, read(), "of two")
	add("one")
	v.shows("tools/list", "only_one only_two two__who who")
	v.calls("who", `"text":"one"`)
	eventually(t, "the resource is one's", func() bool {
		return strings.Contains(read(), "of one")
	})
	add("three")
	v.shows("tools/list", "only_one only_three only_two three__who two__who who")
	v.calls("who", `"text":"one"`)
	wantIn(t, read(), "of one")
	wantIn(t, g.text(g.post(modernRequest("1", "resources/read", `"uri":"same://uri"`))), "of two")
}

// TestViewWithPrefixes: names as on /mcp, patterns of them, and resources.
func TestViewWithPrefixes(t *testing.T) {
	g, _, _ := twoNamed(t)
	v := g.view(func(o *server.ViewOptions) {
		o.Prefixed, o.Allow, o.Deny = true, []string{"*__who", "one__*", "same*i"}, []string{"*c*"}
	})
	v.shows("tools/list", "one__only_one one__slow one__steps one__who two__who")
	v.shows("prompts/list", "one__ask")
	wantIn(t, v.text(v.post(modernRequest("1", "resources/list", ""))), "same://uri")
	v.calls("two__who", `"text":"two"`)
	v.calls("two__only_two", "unknown tool")
	if got := g.metric(`mcploop_view_tools{view="v"}`); got != 5 {
		t.Errorf("the metric says %v tools, want 5", got)
	}
}

// TestSetViews: views come, change and go while they are used; the sessions of one that changes go
// on and are told.
func TestSetViews(t *testing.T) {
	g, _, _ := twoNamed(t)
	view := func(name string, allow ...string) server.ViewOptions {
		return server.ViewOptions{Name: name, Allow: allow}
	}
	set := func(changed string, list ...server.ViewOptions) {
		t.Helper()
		got, err := g.SetViews(list)
		if err != nil || strings.Join(got, " ") != changed {
			t.Fatalf("SetViews changed %q, %v; want %q", got, err, changed)
		}
	}
	fails := func(want string, list ...server.ViewOptions) {
		t.Helper()
		got, err := g.SetViews(list)
		if err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("SetViews changed %q, %v; want none, %q", got, err, want)
		}
	}
	set("a b", view("a", "only_*"), view("b", "who"))
	a, b := g.at("/mcp/a"), g.at("/mcp/b")
	a.shows("tools/list", "only_one only_two")
	id := "Mcp-Session-Id:" + a.session("2025-11-25")
	get := a.feed(a.getStream(id))
	quiet := b.feed(b.getStream("Mcp-Session-Id:" + b.session("2025-11-25")))
	set("a c", view("c"), view("a", "only_one", "who"), view("b", "who"))
	wantIn(t, get.next(), mcp.NotifyToolsListChanged)
	wantIn(t, a.text(a.post(legacyLine("1", "tools/list", ""), id)), "only_one", "who", "two__who")
	b.shows("tools/list", "two__who who")
	fails("cannot use two views", view("a"), view("a"))
	fails("an upstream has that name", view("a"), view("one"))
	fails(`pattern "[x"`, view("a", "[x"))
	fails(`cannot name a view "a/b"`, view("a/b"))
	a.shows("tools/list", "only_one two__who who")
	set("a c", view("b", "who"))
	for _, gone := range []*running{a, g.at("/mcp/c")} {
		if got := gone.post(modernRequest("1", "tools/list", "")).StatusCode; got != 404 {
			t.Errorf("%s is still served: status %d", gone.path, got)
		}
	}
	if got := get.next(); got != "" {
		t.Errorf("the stream of a view that is gone brought %s", got)
	}
	if err := g.AddView(view("b")); err == nil {
		t.Error("a view was added twice")
	}
	if err := g.AddUpstream(named("b", "127.0.0.1:1")); err == nil {
		t.Error("an upstream took the name of a view")
	}
	if err := g.RemoveView("one"); err == nil {
		t.Error("an upstream was removed as a view")
	}
	if err := g.RemoveView("b"); err != nil {
		t.Error(err)
	}
	if got := quiet.next(); got != "" {
		t.Errorf("a view that did not change was told %s", got)
	}
}

// TestUpstreamRename: what an upstream's tools are called instead, on /mcp, on its own path and in
// views.
func TestUpstreamRename(t *testing.T) {
	up := whoIs(t, "x")
	g := start(t, nil)
	if err := g.AddUpstream(gateway.Options{
		Name: "one", Client: client.Options{URL: "tcp://" + up.tcp},
		Rename: map[string]string{"who": "slow", "ask": "question", "none": "nothing"},
		Allow:  []string{"who", "slow", "only_x"}, BackoffMin: 10 * time.Millisecond,
	}); err != nil {
		t.Fatal(err)
	}
	part := g.at("/mcp/one")
	part.shows("tools/list", "only_x slow slow_6d9542b8")
	part.shows("prompts/list", "question")
	part.calls("slow", `"text":"x"`)
	g.calls("one__slow", `"text":"x"`)
	wantIn(t, g.names("tools/list"), "one__slow one__slow_6d9542b8")
	wantIn(t, part.text(part.post(modernRequest("1", "prompts/get", `"name":"question"`))), "of x")
}
