package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// person is a client whose user is called name.
func person(name string, opt client.Options) client.Options {
	opt.ClientInfo = mcp.Implementation{Name: name, Version: "1"}
	opt.Elicit = func(context.Context, *mcp.ElicitParams) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": name}}, nil
	}
	opt.Sample = func(
		context.Context, *mcp.CreateMessageParams,
	) (*mcp.CreateMessageResult, error) {
		return &mcp.CreateMessageResult{
			Role: "assistant", Model: "m",
			Content: []mcp.Content{&mcp.TextContent{Text: "I am " + name}},
		}, nil
	}
	opt.Roots = func(context.Context) (*mcp.ListRootsResult, error) {
		return &mcp.ListRootsResult{Roots: []mcp.Root{{URI: "file:///" + name}}}, nil
	}
	return opt
}

func (r *running) client(opt client.Options) *client.Client {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	c, err := client.Connect(ctx, opt)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// tool calls a tool and returns its text, or the error's.
func tool(t *testing.T, c *client.Client, name string, args any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := c.Call(ctx, name, args)
	if err != nil {
		return err.Error()
	}
	return r.Content[0].(*mcp.TextContent).Text
}

// asking tries everything that asks, as the user called name.
func asking(t *testing.T, c *client.Client, name string) {
	t.Helper()
	for own, want := range map[string]string{
		"ask_name": "accept " + name, "ask_async": "accept " + name,
		"ask_twice": name + " has 1 roots", "ask_all": "I am " + name,
	} {
		if got := tool(t, c, "up__"+own, nil); got != want {
			t.Errorf("%s: got %q, want %q", own, got, want)
		}
	}
	for method, params := range map[string]map[string]any{
		"prompts/get": {"name": "up__ask_name"}, "resources/read": {"uri": "test://ask"},
	} {
		raw, err := c.Raw(t.Context(), method, params)
		if err != nil || !strings.Contains(string(raw), "accept "+name) {
			t.Errorf("%s: got %s, %v", method, raw, err)
		}
	}
}

// TestBridge: what an upstream of either era asks reaches clients of either era, and its answer the
// upstream, over every door of both.
func TestBridge(t *testing.T) {
	up := start(t, nil, addAskers)
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.lists("prompts/list", `"name":"up__ask_name"`, true)
			for door, opt := range g.doors() {
				t.Run(door, func(t *testing.T) {
					asking(t, g.client(person("Ada", opt)), "Ada")
				})
			}
			for metric, want := range map[string]float64{
				"held": 0, "asks_refused_total": 0, "calls_failed_total": 0,
			} {
				eventually(t, metric, func() bool {
					return g.metric("mcploop_upstream_"+metric+`{upstream="up"}`) == want
				})
			}
			asks := g.metric(`mcploop_upstream_asks_total{upstream="up"}`)
			if want := float64(len(g.doors()) * 9); asks != want {
				t.Errorf("got %v questions, want %v", asks, want)
			}
		})
	}
}

// TestBridgeBringsNothingToOthers: many clients are asked at the same time over one connection, or
// one pool of them; each tool hears its own client. On a line the gateway cannot tell whose
// question it is when there are several, and says so.
func TestBridgeBringsNothingToOthers(t *testing.T) {
	up := start(t, nil, addAskers)
	const clients, each = 8, 25
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__ask_twice", true)
			var all sync.WaitGroup
			refused := make(chan string, clients*each)
			for n := range clients {
				opt := client.Options{URL: "http://" + g.http + "/mcp", Era: client.Era(1 + n%2)}
				who := fmt.Sprint("user", n)
				c := g.client(person(who, opt))
				all.Go(func() {
					for range each {
						switch got := tool(t, c, "up__ask_twice", nil); {
						case got == who+" has 1 roots":
						case strings.Contains(got, "set share: session"):
							refused <- got
						default:
							t.Errorf("%s got %q", who, got)
						}
					}
				})
			}
			all.Wait()
			legacy := strings.HasSuffix(name, "legacy") || name == "sse"
			if exact := !legacy || name == "http legacy"; exact && len(refused) > 0 {
				t.Errorf("%d calls were refused: %s", len(refused), <-refused)
			}
		})
	}
}

// TestBridgeKnowsWhatClientsCan: a client is asked for what it has declared and nothing else; the
// upstream's tool hears that, and answers.
func TestBridgeKnowsWhatClientsCan(t *testing.T) {
	up := start(t, nil, addAskers)
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__ask_all", true)
			for _, era := range []client.Era{client.Modern, client.Legacy} {
				mute := person("Eve", client.Options{URL: "http://" + g.http + "/mcp", Era: era})
				mute.Sample = nil
				got := tool(t, g.client(mute), "up__ask_all", nil)
				if !strings.Contains(got, "sampling") && !strings.Contains(got, "-32021") ||
					era == client.Legacy && strings.Contains(got, "-32021") {
					t.Errorf("%v: got %q, want that there is no sampling", era, got)
				}
				got = tool(t, g.client(mute), "up__ask_name", nil)
				if got != "accept Eve" {
					t.Errorf("%v: got %q", era, got)
				}
			}
		})
	}
}

// askedOnce asks a modern client of g what the tool wants to know, and returns the answer.
func (r *running) askedOnce(id, tool string) (key, state string) {
	r.t.Helper()
	answer := r.text(r.post(modernAble(id, tool, "")))
	var wire struct {
		Result struct {
			InputRequests map[string]json.RawMessage
			RequestState  string
		}
	}
	if err := json.Unmarshal([]byte(answer), &wire); err != nil ||
		len(wire.Result.InputRequests) != 1 || wire.Result.RequestState == "" {
		r.t.Fatalf("got %s, want one question", answer)
	}
	for key = range wire.Result.InputRequests {
		break
	}
	return key, wire.Result.RequestState
}

// modernAble is a modern call of a tool by a client that can be asked for anything; more are
// further members of its params.
func modernAble(id, tool, more string) string {
	return modernAsk(id, "tools/call", everyCapability, fmt.Sprintf(`"name":%q%s`, tool, more))
}

// retried is the call that comes back with an answer to key.
func retried(id, tool, key, state, name string) string {
	return modernAble(id, tool, fmt.Sprintf(`,"inputResponses":{%q:{"action":"accept",`+
		`"content":{"name":%q}}},"requestState":%q`, key, name, state))
}

// TestBridgeHolds: a legacy upstream's call is held for a modern client that thinks, at most so
// many and so long; it is answered once.
func TestBridgeHolds(t *testing.T) {
	up := start(t, nil, addAskers)
	held := `mcploop_upstream_held{upstream="up"}`
	for _, door := range []string{"http legacy", "tcp legacy", "sse"} {
		t.Run(door, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) {
				o.Client, o.AsksMax, o.Timeout = up.doors()[door], 1, time.Second
			})
			g.has("up__ask_name", true)
			key, state := g.askedOnce("1", "up__ask_name")
			if g.metric(held) != 1 || g.metric(`mcploop_upstream_held_max{upstream="up"}`) != 1 {
				t.Errorf("got %v held, want 1 of 1", g.metric(held))
			}
			if door == "http legacy" { // on a line there are two calls now, and nobody knows whose
				full := g.text(g.post(modernAble("2", "up__ask_name", "")))
				wantIn(t, full, "asks of this upstream is 1")
			}
			// An answer to another question is none: it is asked again.
			again := g.text(g.post(retried("3", "up__ask_name", "other", state, "Bob")))
			wantIn(t, again, `"resultType":"input_required"`, key)
			got := g.text(g.post(retried("4", "up__ask_name", key, state, "Bob")))
			wantIn(t, got, `"accept Bob"`)
			late := g.text(g.post(retried("5", "up__ask_name", key, state, "Eve")))
			if code(late) != -32602 || !strings.Contains(late, `"upstream":"up"`) {
				t.Errorf("got %s, want that it was answered", late)
			}
			if got := g.metric(held); got != 0 {
				t.Errorf("got %v held, want none", got)
			}
		})
	}
}

// TestBridgeGivesUp: a call whose client does not come back ends at the upstream, and so does one
// whose legacy client leaves.
func TestBridgeGivesUp(t *testing.T) {
	ended := make(chan error, 9)
	up := start(t, nil, func(s *server.Server) {
		err := s.AddAsyncTool(mcp.Tool{Name: "ask"}, func(c *server.Call) {
			context.AfterFunc(c.Context(), func() { ended <- context.Cause(c.Context()) })
			c.RequireInput(&mcp.InputRequired{Requests: mcp.InputRequests{"user_name": nameForm()}})
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	for _, door := range []string{"http legacy", "tcp legacy", "sse"} {
		t.Run(door, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) {
				o.Client, o.AskTimeout = up.doors()[door], 50*time.Millisecond
			})
			g.has("up__ask", true)
			key, state := g.askedOnce("1", "up__ask")
			if err := wait(t, "the end of the upstream's call", ended); err == nil {
				t.Error("the call was not cancelled")
			}
			eventually(t, "nothing is held", func() bool {
				return g.metric(`mcploop_upstream_held{upstream="up"}`) == 0
			})
			late := g.text(g.post(retried("2", "up__ask", key, state, "Bob")))
			if code(late) != -32602 {
				t.Errorf("got %s, want that the call has ended", late)
			}
		})
		t.Run(door+" left", func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = up.doors()[door] })
			g.has("up__ask", true)
			c := g.dialTCP()
			c.initializeWith("2025-11-25", `{"elicitation":{}}`)
			c.line(legacyCall("1", "up__ask", "{}"))
			wantIn(t, c.read(), `"method":"elicitation/create"`)
			_ = c.Conn.(*net.TCPConn).SetLinger(0) // it has gone, it has not only said all
			c.Close()
			if err := wait(t, "the end of the upstream's call", ended); err == nil {
				t.Error("the call was not cancelled")
			}
			eventually(t, "nothing is held", func() bool {
				return g.metric(`mcploop_upstream_held{upstream="up"}`) == 0
			})
		})
	}
}

// TestBridgeAsksOnce: what a legacy upstream's tool asks at the same time comes to a modern client
// in one answer.
func TestBridgeAsksOnce(t *testing.T) {
	up := start(t, nil, addAskers)
	g := behind(t, func(o *gateway.Options) { o.Client = up.doors()["http legacy"] })
	g.has("up__ask_all", true)
	wantIn(t, g.text(g.post(modernAble("1", "up__ask_all", ""))), `"method":"elicitation/create"`,
		`"method":"sampling/createMessage"`, `"method":"roots/list"`)
}
