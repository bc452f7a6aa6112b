package main

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// serveMCPGo is mark3labs/mcp-go as its README shows it.
func serveMCPGo(s settings) error {
	srv := server.NewMCPServer("mcpgo", "1", server.WithToolCapabilities(true))
	tool := mcp.NewTool("echo", mcp.WithDescription("gives back message"),
		mcp.WithString("message", mcp.Required()))
	srv.AddTool(tool, mcpgoCall)
	if s.stdio {
		return server.ServeStdio(srv)
	}
	h := server.NewStreamableHTTPServer(srv, server.WithStateLess(s.stateless))
	return h.Start(s.addr)
}

func mcpgoCall(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	text, err := r.RequireString("message")
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	return mcp.NewToolResultText(text), nil
}
