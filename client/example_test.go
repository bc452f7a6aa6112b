package client_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// exampleServer is a server to call, with the URL of its HTTP door.
func exampleServer() (url string, stop func()) {
	s, err := server.New(server.Options{Name: "example", HTTP: []string{"127.0.0.1:0"}})
	if err != nil {
		panic(err)
	}
	server.AddTool(s, mcp.Tool{Name: "greet"},
		func(ctx context.Context, req *mcp.Request, in struct {
			Name string `json:"name"`
		},
		) (string, error) {
			p := mcp.ProgressNotificationParams{Progress: 1, Total: 2, Message: "thinking"}
			return "Hello, " + in.Name, req.NotifyProgress(ctx, p)
		})
	if err := s.Start(); err != nil {
		panic(err)
	}
	return fmt.Sprintf("http://%s/mcp", s.Addrs()[0].Addr), func() { stopServer(s) }
}

// Connect finds the era; calls wait until ctx ends, and its end cancels them at the server.
func Example() {
	url, stop := exampleServer()
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Connect(ctx, client.Options{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	tools, err := c.ListTools(ctx)
	fmt.Println(c.ServerInfo().Name, c.Version(), len(tools), err)
	result, err := c.Call(ctx, "greet", map[string]string{"name": "Ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Content[0].(*mcp.TextContent).Text)
	// Output:
	// example 2026-07-28 1 <nil>
	// Hello, Ada
}

// Progress comes in the caller's own goroutine, before the result.
func ExampleOnProgress() {
	url, stop := exampleServer()
	defer stop()
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{URL: url, Era: client.Legacy})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	result, err := c.CallTool(ctx, &mcp.CallToolParams{
		Name: "greet", Arguments: map[string]string{"name": "Grace"},
	}, client.OnProgress(func(p mcp.ProgressNotificationParams) {
		fmt.Println(p.Progress, "of", p.Total, p.Message)
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Content[0].(*mcp.TextContent).Text)
	// Output:
	// 1 of 2 thinking
	// Hello, Grace
}
