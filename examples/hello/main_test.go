package main

import (
	"context"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// TestHello runs the example as it stands and calls its tool.
func TestHello(t *testing.T) {
	go main()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	result, err := c.CallTool(ctx, &mcp.CallToolParams{
		Name: "greet", Arguments: map[string]any{"name": "Ada"},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, ok := result.Content[0].(*mcp.TextContent)
	if !ok || text.Text != "Hello, Ada!" {
		t.Errorf("got %+v", result.Content[0])
	}
}

// connect tries until the server listens.
func connect(ctx context.Context) (*client.Client, error) {
	for {
		c, err := client.Connect(ctx, client.Options{URL: "http://127.0.0.1:9999/mcp"})
		if err == nil || ctx.Err() != nil {
			return c, err
		}
	}
}
