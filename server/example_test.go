package server_test

import (
	"context"
	"fmt"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

type areaInput struct {
	Width  float64 `json:"width" jsonschema:"in metres"`
	Height float64 `json:"height" jsonschema:"in metres"`
}

type areaOutput struct {
	Area float64 `json:"area" jsonschema:"in square metres"`
}

// A server with one typed tool, and a client that calls it.
func ExampleAddTool() {
	s, err := server.New(server.Options{Name: "example", HTTP: []string{"127.0.0.1:0"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server.AddTool(s, mcp.Tool{Name: "area", Description: "The area of a rectangle."},
		func(_ context.Context, _ *mcp.Request, in areaInput) (areaOutput, error) {
			return areaOutput{Area: in.Width * in.Height}, nil
		})
	if err := s.Start(); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	url := "http://" + s.Addrs()[0].Addr.String() + "/mcp"
	c, err := client.Connect(ctx, client.Options{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := c.CallTool(ctx, &mcp.CallToolParams{
		Name: "area", Arguments: areaInput{Width: 2, Height: 3},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Version(), result.StructuredContent)
	c.Close()
	_ = s.Drain(ctx)
	// Output: 2026-07-28 map[area:6]
}
