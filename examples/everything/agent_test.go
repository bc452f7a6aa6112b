package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
)

// TestAgent plays a client that lends its model and opens pages.
func TestAgent(t *testing.T) {
	ctx, c := serve(t, client.Options{Era: client.Modern, Capabilities: map[string]any{
		"sampling":    map[string]any{"tools": empty},
		"elicitation": map[string]any{"form": empty, "url": empty},
	}})
	state := ""
	call := func(tool, answers string, want ...string) {
		t.Helper()
		params := map[string]any{"name": tool, "arguments": empty}
		if tool == "agent" {
			params["arguments"] = map[string]string{"task": "What is 2 + 3?"}
		}
		if answers != "" {
			params["inputResponses"] = json.RawMessage(answers)
		}
		if state != "" {
			params["requestState"] = state
		}
		raw, err := c.Raw(ctx, "tools/call", params)
		for _, part := range want {
			if err != nil || !strings.Contains(string(raw), part) {
				t.Errorf("%s %s: got %s, %v; want %s", tool, answers, raw, err, part)
			}
		}
		var result struct{ RequestState string }
		_ = json.Unmarshal(raw, &result) // none is none
		state = result.RequestState
	}
	says := func(round, content string) string {
		return `{"` + round + `":{"role":"assistant","model":"m","content":[` + content + `]}}`
	}
	call("agent", "", `"round0":{"method":"sampling/createMessage"`, `"name":"adder"`)
	call("agent", says("round0", `{"type":"tool_use","id":"1","name":"adder",`+
		`"input":{"a":2,"b":3}},{"type":"tool_use","id":"2","name":"other","input":{}}`),
		`"round1":{"method":"sampling/createMessage"`,
		`"toolUseId":"1","content":[{"type":"text","text":"5"}]`,
		`"toolUseId":"2"`, `there is no tool`, `"isError":true`)
	call("agent", says("round1", `{"type":"text","text":"It is 5."}`), `"text":"It is 5."`)

	call("visit", "", `"mode":"url"`, `"url":"https://example.com/sign-in"`)
	call("visit", `{"page":{"action":"accept"}}`, "The user chose to accept.")
	call("links", "", `"type":"resource_link","uri":"test://static-text"`)
}
