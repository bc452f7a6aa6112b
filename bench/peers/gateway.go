package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// serveGoSDKGateway is what one writes with the official SDK: one session with the upstream, its
// tools offered as they are, each call made by the client.
func serveGoSDKGateway(s settings) error {
	ctx := context.Background()
	c := mcp.NewClient(&mcp.Implementation{Name: "gosdk-gateway", Version: "1"}, nil)
	up, err := c.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: s.upstream}, nil)
	if err != nil {
		return fmt.Errorf("cannot connect to %s: %w", s.upstream, err)
	}
	srv := mcp.NewServer(&mcp.Implementation{Name: "gosdk-gateway", Version: "1"}, nil)
	for tool, err := range up.Tools(ctx, nil) {
		if err != nil {
			return err
		}
		srv.AddTool(tool, func(
			ctx context.Context, r *mcp.CallToolRequest,
		) (*mcp.CallToolResult, error) {
			return up.CallTool(ctx, &mcp.CallToolParams{
				Name: r.Params.Name, Arguments: r.Params.Arguments,
			})
		})
	}
	pick := func(*http.Request) *mcp.Server { return srv }
	opt := &mcp.StreamableHTTPOptions{Stateless: s.stateless, JSONResponse: s.json}
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(pick, opt))
	return http.ListenAndServe(s.addr, mux)
}
