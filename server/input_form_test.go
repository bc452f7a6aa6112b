package server_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestFormsFitTheRevision: what 2025-11-25 brought for choices is what 2025-06-18 has for it, or is
// not asked for there.
func TestFormsFitTheRevision(t *testing.T) {
	forms := map[string]string{
		"plain": `{"z":{"type":"string"},"a":{"type":"string","enum":["x"]}}`,
		"titled": `{"c":{"type":"string","title":"C","oneOf":[{"const":"r","title":"Red"},` +
			`{"const":"g","title":"Green"}]}}`,
		"several": `{"c":{"type":"array","items":{"type":"string","enum":["r","g"]}}}`,
	}
	r := start(t, nil, func(s *server.Server) {
		for name, properties := range forms {
			form := &mcp.ElicitParams{Message: "Which?", RequestedSchema: json.RawMessage(
				`{"type":"object","properties":` + properties + `}`)}
			server.AddTool(s, mcp.Tool{Name: name},
				func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
					var answer mcp.ElicitResult
					if req.Input("form", &answer) == nil {
						return "done", nil
					}
					return "", &mcp.InputRequired{Requests: mcp.InputRequests{"form": form}}
				})
		}
	})
	const titled = `{"c":{"enum":["r","g"],"enumNames":["Red","Green"],"title":"C",` +
		`"type":"string"}}`
	for _, c := range []struct{ version, tool, want string }{
		{"2025-06-18", "plain", forms["plain"]},
		{"2025-06-18", "titled", titled},
		{"2025-06-18", "several", ""},
		{"2025-11-25", "plain", forms["plain"]},
		{"2025-11-25", "titled", forms["titled"]},
		{"2025-11-25", "several", forms["several"]},
		{"2025-03-26", "plain", ""},
	} {
		peer := r.dialTCP()
		peer.initializeWith(c.version, everyCapability)
		got := peer.ask(legacyCall("1", c.tool, "{}"))
		if c.want == "" {
			wantIn(t, got, `"id":1`, `"isError":true`)
			continue
		}
		wantIn(t, got, `"method":"elicitation/create"`, `"properties":`+c.want)
		wantIn(t, peer.reply(got, `{"action":"decline"}`), `"id":1`, "done")
	}
}
