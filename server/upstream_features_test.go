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

// eras asks r the same in the modern era over HTTP and in the legacy one over TCP.
func (r *running) eras(do func(name string, ask func(method, params string) string)) {
	r.t.Helper()
	do("modern", func(method, params string) string {
		r.t.Helper()
		return r.text(r.post(modernRequest("1", method, params)))
	})
	c := r.dialTCP()
	c.initialize("2025-11-25")
	do("legacy", func(method, params string) string {
		r.t.Helper()
		return c.ask(legacyLine("1", method, params))
	})
}

// lists waits until a list of the gateway holds a definition with that value, or does not.
func (r *running) lists(method, value string, want bool) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%s holds %s: %v", method, value, want), func() bool {
		return strings.Contains(r.text(r.post(modernRequest("1", method, ""))), value) == want
	})
}

// TestUpstreamFeatures uses resources, templates, prompts and completion of an upstream in all
// pairings of eras over every door.
func TestUpstreamFeatures(t *testing.T) {
	up := start(t, withCompletion, addFeatures)
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			eventually(t, "all of it is offered", func() bool {
				return g.metric(`mcploop_upstream_up{upstream="up"}`) == 1
			})
			g.eras(func(era string, ask func(method, params string) string) {
				check := func(method, params string, want ...string) {
					t.Helper()
					wantIn(t, ask(method, params), want...)
				}
				check("resources/list", "", `"uri":"test://text"`, `"name":"blob"`, `"size":6`)
				check("resources/templates/list", "", `"uriTemplate":"test://people/{who}"`)
				check("resources/read", `"uri":"test://text"`, `"text":"hello "`)
				check("resources/read", `"uri":"test://blob"`, `"blob":"AAEC"`)
				check("resources/read", `"uri":"test://people/b%20c"`, `"text":"hello b c"`,
					`"uri":"test://people/b%20c"`)
				check("prompts/get", `"name":"up__greet","arguments":{"who":"A"}`,
					`"text":"Greet A"`, `"type":"audio"`)
				check("prompts/get", `"name":"up__greet"`, `argument \"who\" is missing`, `-32602`)
				for _, ref := range []string{
					`"ref":{"type":"ref/prompt","name":"up__greet","x":1}`,
					`"ref":{"type":"ref/resource","uri":"test://people/{who}"}`,
				} {
					check("completion/complete", ref+`,"argument":{"name":"who","value":"k-14"},`+
						`"context":{"arguments":{"kind":"k"}}`, `"values":["k-140","k-141"`)
				}
				broken := ask("resources/read", `"uri":"test://broken"`)
				wantIn(t, broken, "-32603")
			})
			old := g.dialTCP()
			old.initialize("2024-11-05")
			wantIn(t, old.ask(legacyLine("1", "prompts/get",
				`"name":"up__greet","arguments":{"who":"A"}`)), `"uri":"audio:content"`,
				`"text":"text: test://text"`)
			read := g.text(g.post(modernRequest("1", "resources/read", `"uri":"test://text"`)))
			if name == "http" || name == "tcp" || name == "unix" || name == "ws" {
				wantIn(t, read, `"ttlMs":1000`)
			} else {
				wantIn(t, read, `"ttlMs":0,"cacheScope":"private"`)
			}
			for kind, want := range map[string]float64{
				"resources": 3, "resource_templates": 1, "prompts": 1, "names_taken": 0,
			} {
				if got := g.metric(`mcploop_upstream_` + kind + `{upstream="up"}`); got != want {
					t.Errorf("got %v %s, want %v", got, kind, want)
				}
			}
		})
	}
}

// TestUpstreamResourceThatIsNotThere: the upstream's word for it becomes that of the client's era.
func TestUpstreamResourceThatIsNotThere(t *testing.T) {
	up := start(t, nil, func(s *server.Server) {
		err := s.AddResourceTemplate(mcp.ResourceTemplate{URITemplate: "t://{x}", Name: "t"},
			func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
				return nil, mcp.ResourceNotFound(r.Params.URI)
			})
		if err != nil {
			panic(err)
		}
	})
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.lists("resources/templates/list", "t://{x}", true)
			want := map[string]int{"modern": -32602, "legacy": -32002}
			g.eras(func(era string, ask func(method, params string) string) {
				got := ask("resources/read", `"uri":"t://x"`)
				if code(got) != want[era] || !strings.Contains(got, `"data":{"uri":"t://x"}`) {
					t.Errorf("%s: got %s, want code %d", era, got, want[era])
				}
			})
		})
	}
}

// TestUpstreamFeaturesChange: what comes and goes at the upstream does so here, and clients are
// told.
func TestUpstreamFeaturesChange(t *testing.T) {
	for _, name := range doorNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := start(t, nil, addFeatures)
			g := behind(t, func(o *gateway.Options) { o.Client = up.doors()[name] })
			g.lists("prompts/list", `"name":"up__greet"`, true)
			c := g.dialTCP()
			c.initialize("2025-11-25")
			addLate(up.Server)
			g.lists("prompts/list", `"name":"up__late"`, true)
			g.lists("resources/list", `"uri":"test://late"`, true)
			c.hears(mcp.NotifyPromptsListChanged, mcp.NotifyResourcesListChanged)
			up.RemovePrompt("late")
			up.RemoveResource("test://late")
			g.lists("prompts/list", `"name":"up__late"`, false)
			g.lists("resources/list", `"uri":"test://late"`, false)
		})
	}
}

func addLate(s *server.Server) {
	err := s.AddPrompt(mcp.Prompt{Name: "late"},
		func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return nil, nil
		})
	if err == nil {
		err = s.AddResource(mcp.Resource{URI: "test://late", Name: "late"},
			func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
				return nil, nil
			})
	}
	if err != nil {
		panic(err)
	}
}

// addNamed offers one resource that says whose it is.
func addNamed(name string) func(*server.Server) {
	return func(s *server.Server) {
		err := s.AddResource(mcp.Resource{URI: "same://uri", Name: "same"},
			func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
				return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{
					URI: "same://uri", Text: "of " + name,
				}}}, nil
			})
		if err != nil {
			panic(err)
		}
	}
}

// TestUpstreamsWithTheSameURI: it stays with who had it first, and goes to the other after that.
func TestUpstreamsWithTheSameURI(t *testing.T) {
	first, second := start(t, nil, addNamed("first")), start(t, nil, addNamed("second"))
	g := start(t, nil)
	add := func(name string, to *running) {
		if err := g.AddUpstream(gateway.Options{
			Name: name, Client: client.Options{URL: "tcp://" + to.tcp},
			BackoffMin: 10 * time.Millisecond, Grace: 10 * time.Millisecond,
		}); err != nil {
			t.Fatal(err)
		}
		g.has(name+"__echo", true)
	}
	read := func() string {
		return g.text(g.post(modernRequest("1", "resources/read", `"uri":"same://uri"`)))
	}
	add("first", first)
	add("second", second)
	eventually(t, "the second waits for the name", func() bool {
		return g.metric(`mcploop_upstream_names_taken{upstream="second"}`) == 1
	})
	wantIn(t, read(), "of first")
	g.logs("resource is left out", `by upstream \"first\"`)
	if err := first.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second has it", func() bool { return strings.Contains(read(), "of second") })
	if got := g.metric(`mcploop_upstream_names_taken{upstream="second"}`); got != 0 {
		t.Errorf("got %v names that are taken, want none", got)
	}
}

// TestUpstreamMeta: what the client says beside the protocol reaches the upstream, and nothing that
// speaks for its connection.
func TestUpstreamMeta(t *testing.T) {
	up := start(t, nil, func(s *server.Server) {
		must := func(err error) {
			if err != nil {
				panic(err)
			}
		}
		must(s.AddRawTool(mcp.Tool{Name: "meta"},
			func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
				return fmt.Appendf(dst, `{"content":[],"structuredContent":{"meta":%s}}`,
					orNull(req.Meta)), nil
			}))
		must(s.AddPrompt(mcp.Prompt{Name: "meta"},
			func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				return &mcp.GetPromptResult{Description: string(orNull(r.Meta))}, nil
			}))
	})
	const said = `"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",` +
		`"tracestate":"a=1","baggage":"k=v","example.com/n":1.50`
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.lists("prompts/list", `"name":"up__meta"`, true)
			tool := `"name":"up__meta","arguments":{},"_meta":{` + said
			prompt := `"name":"up__meta","_meta":{` + said
			modern := func(method, params string) string {
				open := strings.TrimSuffix(strings.TrimPrefix(modernMeta, `"_meta":{`), "}")
				return g.text(g.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,`+
					`"params":{%s,%s}}}`, method, params, open)))
			}
			c := g.dialTCP()
			c.initialize("2025-06-18")
			for era, got := range map[string]string{
				"modern": modern("tools/call", tool),
				"legacy": c.ask(legacyLine("1", "tools/call", tool+"}")),
			} {
				if !strings.Contains(got, said) {
					t.Errorf("%s: got %s", era, got)
				}
				if strings.Count(got, "clientInfo") > 1 || strings.Contains(got, "curl") {
					t.Errorf("%s: got %s, want nothing of the client itself", era, got)
				}
			}
			wantIn(t, modern("prompts/get", prompt), `b7ad6b7169203331`, `baggage`)
		})
	}
}

func orNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}

// TestUpstreamUnlistedResources: what an upstream has without listing it can be read where it is
// clear whose it is.
func TestUpstreamUnlistedResources(t *testing.T) {
	reads := func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "resources/read" {
			return fmt.Sprintf(`{"contents":[{"uri":"x","text":%q}]}`, m.Params)
		}
		return fakeResources(c, m)
	}
	one, other := startFake(t, reads), start(t, nil, addFeatures)
	g := start(t, nil)
	add := func(opt gateway.Options) {
		t.Helper()
		if err := g.AddUpstream(opt); err != nil {
			t.Fatal(err)
		}
		g.has(opt.Name+"__echo", true)
	}
	read := func(path, uri, want string) {
		t.Helper()
		params := `"uri":"` + uri + `"`
		got := g.text(g.at(path).post(modernRequest("1", "resources/read", params)))
		if path == "/mcp" {
			c := g.dialTCP()
			c.initialize("2025-11-25")
			got += c.ask(legacyLine("1", "resources/read", params))
		}
		if n := strings.Count(got, want); n != strings.Count(got, "jsonrpc") {
			t.Errorf("%s on %s: got %s, want %s", uri, path, got, want)
		}
	}
	const missing = `"data":{"uri":`
	read("/mcp", "c:9", missing)
	add(named("one", one.addr))
	read("/mcp", "c:9", `\"uri\":\"c:9\"`) // nobody else has resources
	add(gateway.Options{Name: "other", Client: client.Options{URL: "tcp://" + other.tcp}})
	g.lists("resources/list", "test://text", true)
	read("/mcp", "c:9", missing)
	read("/mcp", "a:9", `\"uri\":\"a:9\"`) // as a:1, which it lists
	read("/mcp", "test://people", missing) // as the other knows, who was asked
	read("/mcp/one", "c:9", `\"uri\":\"c:9\"`)
	err := g.AddView(server.ViewOptions{
		Name: "few", Upstreams: []string{"one"}, Deny: []string{"c:*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	read("/mcp/few", "c:9", missing)
	twin := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "resources/list" {
			return `{"resources":[{"uri":"a:3","name":"c"}]}`
		}
		return reads(c, m)
	})
	add(named("twin", twin.addr))
	g.lists("resources/list", `"uri":"a:3"`, true)
	read("/mcp", "a:9", missing) // either may have it
}
