package server_test

import (
	"context"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// Inline handlers share one Request: what was listed of a tool's arguments is not there for the
// prompt or the resource that is asked for next, on this connection or another of the loop.
func TestInlineArgumentsAreOfTheirOwnRequest(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Loops.Count = 1 }, func(s *server.Server) {
		err := s.AddRawTool(mcp.Tool{Name: "tool"},
			func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
				return mcp.AppendRawTextResult(dst, req.Arg("name")), nil
			}, server.Inline)
		if err != nil {
			t.Fatal(err)
		}
		err = s.AddPrompt(mcp.Prompt{Name: "prompt"},
			func(_ context.Context, req *mcp.GetPromptRequest) (
				*mcp.GetPromptResult, error,
			) {
				text := &mcp.TextContent{Text: string(req.Arg("name"))}
				return &mcp.GetPromptResult{
					Messages: []*mcp.PromptMessage{{Role: "user", Content: text}},
				}, nil
			}, server.Inline)
		if err != nil {
			t.Fatal(err)
		}
	})
	c := r.dialTCP()
	c.initialize("2025-11-25")
	wantIn(t, c.ask(legacyCall("1", "tool", `{"name":"first"}`)), `"text":"first"`)
	wantIn(t, c.ask(legacyLine("2", "prompts/get",
		`"name":"prompt","arguments":{"kind":"2","name":"second"}`)), `second`)
	wantIn(t, c.ask(legacyCall("3", "tool", `{"name":"third"}`)), `"text":"third"`)
}
