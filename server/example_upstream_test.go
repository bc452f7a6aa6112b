package server_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// Another MCP server's tools are offered beside our own, under its name.
func ExampleServer_AddUpstream() {
	quiet := slog.New(slog.DiscardHandler)
	behind, err := server.New(server.Options{
		Name: "behind", TCP: []string{"127.0.0.1:0"}, Log: quiet,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server.AddTool(behind, mcp.Tool{Name: "greet"},
		func(_ context.Context, _ *mcp.Request, in struct{ Name string }) (string, error) {
			return "Hello, " + in.Name, nil
		})
	front, err := server.New(server.Options{
		Name: "front", TCP: []string{"127.0.0.1:0"}, Log: quiet,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, s := range []*server.Server{behind, front} {
		if err := s.Start(); err != nil {
			fmt.Println(err)
			return
		}
		defer func() { _ = s.Drain(ctx) }()
	}
	changed := make(chan string, 10)
	c, err := client.Connect(ctx, client.Options{
		URL: "tcp://" + front.Addrs()[0].Addr.String(), Era: client.Legacy,
		OnNotification: func(method string, _ []byte) { changed <- method },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	err = front.AddUpstream(gateway.Options{
		Name:   "hall",
		Client: client.Options{URL: "tcp://" + behind.Addrs()[0].Addr.String()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-changed) // nothing waits for an upstream: its tools come when it is there
	result, err := c.Call(ctx, "hall__greet", map[string]string{"Name": "Ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Content[0].(*mcp.TextContent).Text)
	// Output:
	// notifications/tools/list_changed
	// Hello, Ada
}
