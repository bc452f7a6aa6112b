package main

import (
	"context"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type gosdkEcho struct {
	Message string `json:"message" jsonschema:"the text to give back"`
}

// serveGoSDK is the official SDK as its README shows it: a typed tool, the streamable handler.
func serveGoSDK(s settings) error {
	srv := mcp.NewServer(&mcp.Implementation{Name: "gosdk", Version: "1"}, nil)
	mcp.AddTool(srv, &mcp.Tool{Name: "echo", Description: "gives back message"}, gosdkCall)
	if s.stdio {
		return srv.Run(context.Background(), &mcp.StdioTransport{})
	}
	pick := func(*http.Request) *mcp.Server { return srv }
	opt := &mcp.StreamableHTTPOptions{Stateless: s.stateless, JSONResponse: s.json}
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(pick, opt))
	return http.ListenAndServe(s.addr, mux)
}

func gosdkCall(
	_ context.Context, _ *mcp.CallToolRequest, in gosdkEcho,
) (*mcp.CallToolResult, any, error) {
	text := &mcp.TextContent{Text: in.Message}
	return &mcp.CallToolResult{Content: []mcp.Content{text}}, nil, nil
}
