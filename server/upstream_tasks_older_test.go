package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// addMusts offers tools that legacy clients must call as tasks. Each must_wait that runs is told
// of in begun, and in ended when it is cancelled.
func addMusts(s *server.Server, begun, ended chan<- string) {
	must := func(name string, h func(context.Context, *mcp.Request, struct{}) (string, error)) {
		server.AddTool(s, mcp.Tool{
			Name: name, Execution: &mcp.ToolExecution{TaskSupport: "required"},
		}, h)
	}
	must("must_ask", askName)
	must("must_fail", func(context.Context, *mcp.Request, struct{}) (string, error) {
		return "", &mcp.Error{Code: -32603, Message: "it cannot be done"}
	})
	must("must_wait", func(ctx context.Context, _ *mcp.Request, _ struct{}) (string, error) {
		begun <- "must_wait"
		<-ctx.Done()
		ended <- "must_wait"
		return "", context.Cause(ctx)
	})
}

// TestUpstreamTasksOfOlderServers: a tool of a legacy upstream that can be called as a task only is
// called as any other by clients of either era: it answers, asks, fails and ends when its client
// cancels; and no client hears of the task.
func TestUpstreamTasksOfOlderServers(t *testing.T) {
	begun, ended := make(chan string, 1), make(chan string, 1)
	up := start(t, nil, func(s *server.Server) { addMusts(s, begun, ended) })
	for _, name := range []string{"http legacy", "tcp legacy", "sse"} {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = up.doors()[name] })
			g.has("up__must_ask", true)
			users := map[string]*client.Client{
				"modern": g.client(person("Ada", client.Options{URL: "http://" + g.http + "/mcp"})),
				"legacy": g.client(person("Ada", client.Options{
					URL: "tcp://" + g.tcp, Era: client.Legacy,
				})),
			}
			for era, c := range users {
				if got := tool(t, c, "up__must_ask", nil); got != "accept Ada" {
					t.Errorf("%s: got %q, want what the user said", era, got)
				}
				if got := tool(t, c, "up__must_fail", nil); !strings.Contains(got,
					"it cannot be done") {
					t.Errorf("%s: got %q, want the error of the task", era, got)
				}
			}
			for era, c := range users {
				ctx, cancel := context.WithCancel(t.Context())
				over := make(chan error, 1)
				go func() {
					_, err := c.Call(ctx, "up__must_wait", nil)
					over <- err
				}()
				wait(t, "the tool runs", begun)
				cancel()
				if err := wait(t, "the client gives up", over); err == nil {
					t.Errorf("%s: the call was answered, want it cancelled", era)
				}
				wait(t, "the task is cancelled", ended)
			}
			peer := g.dialTCP()
			peer.initialize("2025-11-25")
			said := peer.ask(legacyCall("1", "up__must_fail", "{}")) +
				peer.ask(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
			for _, never := range []string{"related-task", "taskId", "taskSupport"} {
				if strings.Contains(said, never) {
					t.Errorf("the client hears of %s: %s", never, said)
				}
			}
		})
	}
}
