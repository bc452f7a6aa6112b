package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// behind serves a gateway with one upstream, up, reached as change says.
func behind(t *testing.T, change func(*gateway.Options)) *running {
	t.Helper()
	return start(t, nil, func(s *server.Server) {
		opt := gateway.Options{Name: "up", BackoffMin: 10 * time.Millisecond}
		change(&opt)
		if err := s.AddUpstream(opt); err != nil {
			t.Fatal(err)
		}
	})
}

// has waits until the gateway's list holds the tool, or does not.
func (r *running) has(tool string, want bool) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("the list holds %s: %v", tool, want), func() bool {
		text := r.text(r.post(modernRequest("1", "tools/list", "")))
		return strings.Contains(text, `"name":"`+tool+`"`) == want
	})
}

// doors are the ways to an upstream.
func (r *running) doors() map[string]client.Options {
	return map[string]client.Options{
		"http": {URL: "http://" + r.http + "/mcp"}, "tcp": {URL: "tcp://" + r.tcp},
		"unix": {URL: "unix://" + r.unix}, "ws": {URL: "ws://" + r.http + "/mcp"},
		"http legacy": {URL: "http://" + r.http + "/mcp", Era: client.Legacy},
		"tcp legacy":  {URL: "tcp://" + r.tcp, Era: client.Legacy},
		"sse":         {URL: "sse://" + r.http + "/sse"},
	}
}

// doorNames are those of doors.
func doorNames() []string { return slices.Sorted(maps.Keys((&running{}).doors())) }

// TestUpstreamOverEveryDoor calls tools of an upstream in both eras on both sides.
func TestUpstreamOverEveryDoor(t *testing.T) {
	up := start(t, nil)
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__echo", true)
			const args = `{"message":"n \u00e9 1.0"}`
			modern := g.text(g.post(modernCall("7", "up__echo", args)))
			for _, want := range []string{
				`"id":7`, `"text":"n é 1.0"`, `"resultType":"complete"`, `"name":"test"`,
			} {
				if strings.Count(modern, want) != 1 {
					t.Errorf("modern: got %s, want %s once", modern, want)
				}
			}
			c := g.dialTCP()
			c.initialize("2025-06-18")
			legacy := c.ask(legacyCall(`"a"`, "up__echo", args))
			if !strings.Contains(legacy, `"text":"n é 1.0"`) ||
				strings.Contains(legacy, "resultType") {
				t.Errorf("legacy: got %s", legacy)
			}
			if got := g.metric(`mcploop_upstream_calls_total{upstream="up"}`); got != 2 {
				t.Errorf("got %v calls counted, want 2", got)
			}
			if got := g.metric(`mcploop_upstream_up{upstream="up"}`); got != 1 {
				t.Errorf("got up %v, want 1", got)
			}
		})
	}
}

// TestUpstreamErrorsPass: what the upstream says of a call comes as it is.
func TestUpstreamErrorsPass(t *testing.T) {
	up := start(t, nil, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: "refuse"},
			func(context.Context, *mcp.Request, struct{}) (string, error) {
				return "", &mcp.Error{Code: 42, Message: "no", Data: map[string]any{"n": 1}}
			})
		server.AddTool(s, mcp.Tool{Name: "fail"},
			func(context.Context, *mcp.Request, struct{}) (string, error) {
				return "", fmt.Errorf("could not")
			})
	})
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__refuse", true)
			got := g.text(g.post(modernCall("1", "up__refuse", "{}")))
			if !strings.Contains(got, `"error":{"code":42,"message":"no","data":{"n":1}}`) {
				t.Errorf("got %s", got)
			}
			got = g.text(g.post(modernCall("1", "up__fail", "{}")))
			if !strings.Contains(got, `"isError":true`) || !strings.Contains(got, "could not") {
				t.Errorf("got %s", got)
			}
			got = g.text(g.post(modernCall("1", "up__echo", `{"message":5}`)))
			if !strings.Contains(got, `"isError":true`) && code(got) != -32602 {
				t.Errorf("got %s, want the upstream's own check of arguments", got)
			}
		})
	}
}

// TestUpstreamProgress: progress comes back under the client's own token.
func TestUpstreamProgress(t *testing.T) {
	up := start(t, nil)
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__steps", true)
			c := g.dialTCP()
			c.initialize("2025-11-25")
			c.line(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"up__steps",` +
				`"arguments":{},"_meta":{"progressToken":"mine"}}}`)
			told := 0
			for {
				got := c.read()
				if strings.Contains(got, `"id":1`) {
					break
				}
				if !strings.Contains(got, `"progressToken":"mine"`) {
					t.Errorf("got %s, want the client's token", got)
				}
				told++
			}
			if told != 3 {
				t.Errorf("told %d times, want 3", told)
			}
		})
	}
}

// TestUpstreamCancel: a call that its client gives up ends at the upstream too.
func TestUpstreamCancel(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	up := start(t, nil, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: "wait"},
			func(ctx context.Context, _ *mcp.Request, _ struct{}) (string, error) {
				begun <- struct{}{}
				<-ctx.Done()
				ended <- context.Cause(ctx)
				return "", context.Cause(ctx)
			})
	})
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__wait", true)
			c := g.dialTCP()
			c.initialize("2025-11-25")
			c.line(legacyCall("5", "up__wait", "{}"))
			<-begun
			c.line(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}`)
			select {
			case cause := <-ended:
				if cause == nil {
					t.Error("the upstream's tool ended without a cause")
				}
			case <-time.After(patience):
				t.Fatal("the upstream's tool did not end")
			}
			eventually(t, "the call is counted as cancelled", func() bool {
				return g.metric(`mcploop_upstream_cancelled_total{upstream="up"}`) == 1
			})
			got := c.ask(legacyCall("6", "up__echo", `{"message":"on"}`))
			if !strings.Contains(got, `"text":"on"`) {
				t.Errorf("got %s after a cancelled call", got)
			}
		})
	}
}

// TestUpstreamThatIsNotThere: nothing waits for it, and the answer says what to do.
func TestUpstreamThatIsNotThere(t *testing.T) {
	up := start(t, nil)
	addr := up.tcp
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + addr}
		o.Grace = 100 * time.Millisecond
		o.BackoffMax = 20 * time.Millisecond
	})
	g.has("up__echo", true)
	if err := up.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a call is told that the upstream is not there", func() bool {
		got := g.text(g.post(modernCall("1", "up__echo", `{"message":"x"}`)))
		if code(got) != -31002 {
			return code(got) == -32602 && strings.Contains(got, "unknown tool") // after the grace
		}
		if !strings.Contains(got, `\"up\"`) || !strings.Contains(got, `"upstream":"up"`) {
			t.Errorf("got %s, want the upstream's name", got)
		}
		return true
	})
	g.has("up__echo", false)
	g.has("echo", true)
	if g.metric(`mcploop_upstream_calls_failed_total{upstream="up"}`) == 0 &&
		g.metric(`mcploop_upstream_starts_total{upstream="up"}`) < 2 {
		t.Error("neither a failed call nor another attempt was counted")
	}
	start(t, func(o *server.Options) { o.TCP = []string{addr} })
	g.has("up__echo", true)
	eventually(t, "calls are answered again", func() bool {
		return strings.Contains(g.text(g.post(modernCall("1", "up__echo", `{"message":"back"}`))),
			`"text":"back"`)
	})
}

// TestUpstreamListChanges: a tool that comes or goes at the upstream does so here.
func TestUpstreamListChanges(t *testing.T) {
	for _, name := range doorNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := start(t, nil)
			g := behind(t, func(o *gateway.Options) { o.Client = up.doors()[name] })
			g.has("up__echo", true)
			c := g.dialTCP()
			c.initialize("2025-11-25")
			server.AddTool(up.Server, mcp.Tool{Name: "late"},
				func(context.Context, *mcp.Request, struct{}) (string, error) { return "l", nil })
			g.has("up__late", true)
			c.hears(mcp.NotifyToolsListChanged)
			up.RemoveTool("late")
			g.has("up__late", false)
		})
	}
}

// TestUpstreamNames: which tools are offered, and under which names.
func TestUpstreamNames(t *testing.T) {
	long := strings.Repeat("n", 128)
	up := start(t, nil, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: long},
			func(context.Context, *mcp.Request, struct{}) (string, error) { return "long", nil })
	})
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + up.tcp}
		o.Separator, o.Allow, o.Deny = "-", []string{"s*", "n*"}, []string{"slow"}
	})
	g.has("up-steps", true)
	g.has("up-slow", false)
	g.has("up-echo", false)
	var page struct {
		Result struct{ Tools []mcp.ListedTool }
	}
	text := g.text(g.post(modernRequest("1", "tools/list", "")))
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	for _, tool := range page.Result.Tools {
		if strings.HasPrefix(tool.Name, "up-n") {
			if len(tool.Name) != 128 {
				t.Errorf("got a name of %d characters, want 128", len(tool.Name))
			}
			got := g.text(g.post(modernCall("1", tool.Name, "{}")))
			if !strings.Contains(got, `"text":"long"`) {
				t.Errorf("got %s", got)
			}
			return
		}
	}
	t.Errorf("got %s, want the long name in it", text)
}

// TestUpstreamStdio runs a child, which is started again when it ends.
func TestUpstreamStdio(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{Command: []string{
			"/bin/sh", "-c", "echo $$ >" + pidFile + "; exec " + everything(t) + " -stdio",
		}}
	})
	g.has("up__test_simple_text", true)
	call := func() string {
		return g.text(g.post(modernCall("1", "up__test_simple_text", "{}")))
	}
	if got := call(); !strings.Contains(got, "simple text") {
		t.Errorf("got %s", got)
	}
	starts := g.metric(`mcploop_upstream_starts_total{upstream="up"}`)
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is started again", func() bool {
		return g.metric(`mcploop_upstream_starts_total{upstream="up"}`) > starts &&
			strings.Contains(call(), "simple text")
	})
}
