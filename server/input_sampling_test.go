package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// weatherTool is what the client's model may have called.
var weatherTool = &mcp.Tool{
	Name: "weather", Title: "Weather", InputSchema: json.RawMessage(`{"type":"object"}`),
}

// agent lets the client's model call a tool until it answers in text (2025-11-25,
// client/sampling, "Sampling with Tools").
func agent(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
	ask := func(key string, more ...*mcp.SamplingMessage) error {
		question := &mcp.SamplingMessage{Role: "user", Content: &mcp.TextContent{Text: "Rain?"}}
		return &mcp.InputRequired{Requests: mcp.InputRequests{key: &mcp.CreateMessageParams{
			MaxTokens: 9, Tools: []*mcp.Tool{weatherTool},
			Messages: append([]*mcp.SamplingMessage{question}, more...),
		}}}
	}
	var first, second mcp.CreateMessageResult
	if err := req.Input("first", &first); errors.Is(err, mcp.ErrNoInput) {
		return "", ask("first")
	} else if err != nil {
		return "", err
	}
	var results []mcp.Content
	for _, block := range first.Content {
		if use, ok := block.(*mcp.ToolUseContent); ok {
			results = append(results, &mcp.ToolResultContent{
				ToolUseID: use.ID, IsError: use.Name != "weather",
				Content: []mcp.Content{&mcp.TextContent{Text: "in " + string(use.Input)}},
			})
		}
	}
	if req.Input("second", &second) != nil {
		return "", ask("second",
			&mcp.SamplingMessage{Role: "assistant", Contents: first.Content},
			&mcp.SamplingMessage{Role: "user", Contents: results})
	}
	return second.Content[0].(*mcp.TextContent).Text, nil
}

const (
	modelCalls = `{"role":"assistant","model":"m","stopReason":"toolUse","content":[` +
		`{"type":"text","text":"Let me see."},` +
		`{"type":"tool_use","id":"u1","name":"weather","input":{"in":"Rome"}}]}`
	modelAnswers = `{"role":"assistant","model":"m","content":{"type":"text","text":"No."}}`
	modelTools   = `"tools":[{"name":"weather","title":"Weather","inputSchema":{"type":"object"}}]`
	modelContext = `{"role":"assistant","content":[{"type":"text","text":"Let me see."},` +
		`{"type":"tool_use","id":"u1","name":"weather","input":{"in":"Rome"}}]},` +
		`{"role":"user","content":[{"type":"tool_result","toolUseId":"u1",` +
		`"content":[{"type":"text","text":"in {\"in\":\"Rome\"}"}]}]}`
)

func addAgent(s *server.Server) { server.AddTool(s, mcp.Tool{Name: "agent"}, agent) }

func TestLegacyInputLetsTheModelCallTools(t *testing.T) {
	r := start(t, nil, addAgent)
	c := r.dialTCP()
	c.initializeWith("2025-11-25", `{"sampling":{"tools":{}}}`)
	first := c.ask(legacyCall("7", "agent", "{}"))
	wantIn(t, first, `"method":"sampling/createMessage"`, modelTools,
		`{"role":"user","content":{"type":"text","text":"Rain?"}}`)
	second := c.reply(first, modelCalls)
	wantIn(t, second, modelTools, modelContext)
	wantIn(t, c.reply(second, modelAnswers), `"id":7`, `"text":"No."`)

	// Who has not declared sampling.tools, or cannot have, is not asked.
	for version, capabilities := range map[string]string{
		"2025-11-25": `{"sampling":{}}`, "2025-06-18": `{"sampling":{"tools":{}}}`,
	} {
		c := r.dialTCP()
		c.initializeWith(version, capabilities)
		wantIn(t, c.ask(legacyCall("8", "agent", "{}")), `"id":8`, `"isError":true`)
	}
}

func TestModernInputLetsTheModelCallTools(t *testing.T) {
	r := start(t, nil, addAgent)
	c := r.dialTCP()
	ask := func(capabilities, more string) string {
		return c.ask(modernAsk("1", "tools/call", capabilities, `"name":"agent"`+more))
	}
	const able = `{"sampling":{"tools":{}}}`
	wantIn(t, ask(able, ""), `"first":{"method":"sampling/createMessage"`, modelTools)
	second := ask(able, `,"inputResponses":{"first":`+modelCalls+`}`)
	wantIn(t, second, `"second":{"method":"sampling/createMessage"`, modelTools, modelContext)
	wantIn(t, ask(able, `,"inputResponses":{"second":`+modelAnswers+`},"requestState":"`+
		stateOf(t, second)+`"`), `"resultType":"complete"`, `"text":"No."`)
	wantIn(t, ask(`{"sampling":{}}`, ""), `"code":-32021`,
		`"requiredCapabilities":{"sampling":{"tools":{}}}`)
	// A tool's result has no tool's result in it: what is nested costs nothing.
	nested := strings.Repeat(`{"type":"tool_result","toolUseId":"u","content":[`, 20) +
		strings.Repeat(`]}`, 20)
	wantIn(t, ask(able, `,"inputResponses":{"first":{"role":"user","model":"m","content":`+
		nested+`}}`), `"code":-32602`)
}

// TestSamplingFitsTheRevision: before 2025-11-25 a message has one block, in 2024-11-05 no sound.
func TestSamplingFitsTheRevision(t *testing.T) {
	r := start(t, nil, func(s *server.Server) {
		blocks := map[string]mcp.Content{
			"see":  &mcp.ImageContent{Data: []byte{1}, MIMEType: "image/png"},
			"hear": &mcp.AudioContent{Data: []byte{2}, MIMEType: "audio/wav"},
		}
		for name, block := range blocks {
			message := &mcp.SamplingMessage{
				Role: "user", Contents: []mcp.Content{&mcp.TextContent{Text: "What?"}, block},
			}
			params := &mcp.CreateMessageParams{Messages: []*mcp.SamplingMessage{message}}
			server.AddTool(s, mcp.Tool{Name: name},
				func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
					var said mcp.CreateMessageResult
					if req.Input("model", &said) == nil {
						return "done", nil
					}
					return "", &mcp.InputRequired{Requests: mcp.InputRequests{"model": params}}
				})
		}
	})
	const text, image = `{"type":"text","text":"What?"}`,
		`{"type":"image","data":"AQ==","mimeType":"image/png"}`
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		c := r.dialTCP()
		c.initializeWith(version, everyCapability)
		want := `[{"role":"user","content":` + text + `},{"role":"user","content":` + image + `}]`
		if version == "2025-11-25" {
			want = `[{"role":"user","content":[` + text + `,` + image + `]}]`
		}
		see := c.ask(legacyCall("1", "see", "{}"))
		wantIn(t, see, `"messages":`+want)
		wantIn(t, c.reply(see, modelAnswers), "done")
		if version == "2024-11-05" {
			wantIn(t, c.ask(legacyCall("2", "hear", "{}")), `"id":2`, `"isError":true`)
		} else {
			hear := c.ask(legacyCall("2", "hear", "{}"))
			wantIn(t, hear, `"data":"Ag=="`)
			wantIn(t, c.reply(hear, modelAnswers), "done")
		}
	}
}
