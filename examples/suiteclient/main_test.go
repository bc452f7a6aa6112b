package main

import (
	"context"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestRun plays a scenario of each kind against a server of ours.
func TestRun(t *testing.T) {
	s, err := server.New(server.Options{Name: "suite", HTTP: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	forms := make(chan map[string]any, 9)
	server.AddTool(s, mcp.Tool{Name: "test_client_elicitation_defaults"},
		func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
			var form mcp.ElicitResult
			if req.Input("form", &form) != nil {
				return "", &mcp.InputRequired{Requests: mcp.InputRequests{
					"form": &mcp.ElicitParams{Message: "Who?", RequestedSchema: map[string]any{
						"type": "object", "properties": map[string]any{
							"name": map[string]any{"type": "string", "default": "Ada"},
							"age":  map[string]any{"type": "integer"},
						},
					}},
				}}
			}
			forms <- form.Content
			return "thanks", nil
		})
	server.AddTool(s, mcp.Tool{Name: "test-tool"},
		func(context.Context, *mcp.Request, struct{}) (string, error) { return "done", nil })
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		hard, cancel := context.WithCancel(t.Context())
		cancel()
		_ = s.Drain(hard)
	}()
	url := "http://" + s.Addrs()[0].Addr.String() + "/mcp"
	for _, version := range []string{"2026-07-28", "2025-11-25", ""} {
		t.Setenv("MCP_CONFORMANCE_PROTOCOL_VERSION", version)
		for _, name := range []string{
			"initialize", "elicitation-sep1034-client-defaults", "auth/basic-cimd",
		} {
			t.Setenv("MCP_CONFORMANCE_SCENARIO", name)
			if err := run(t.Context(), []string{url}); err != nil {
				t.Errorf("%s %s: %v", version, name, err)
			}
		}
		if len(forms) != 1 {
			t.Fatalf("%s: %d forms were filled in, want one", version, len(forms))
		}
		if got := <-forms; len(got) != 1 || got["name"] != "Ada" {
			t.Errorf("%s: got %v, want the one default", version, got)
		}
	}
	t.Setenv("MCP_CONFORMANCE_SCENARIO", "nobody-knows")
	if run(t.Context(), []string{url}) == nil {
		t.Error("a scenario that nobody knows was played")
	}
}
