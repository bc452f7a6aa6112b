package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// addSampler offers a tool that lends tools to the client's model.
func addSampler(s *server.Server) {
	server.AddTool(s, mcp.Tool{Name: "lend"}, func(
		_ context.Context, req *mcp.Request, _ struct{},
	) (string, error) {
		var said mcp.CreateMessageResult
		if err := req.Input("model", &said); !errors.Is(err, mcp.ErrNoInput) {
			return "it said " + said.Model, err
		}
		return "", &mcp.InputRequired{Requests: mcp.InputRequests{"model": &mcp.CreateMessageParams{
			MaxTokens: 10, Messages: []*mcp.SamplingMessage{
				{Role: "user", Content: &mcp.TextContent{Text: "go"}},
			},
			Tools: []*mcp.Tool{{Name: "adder", InputSchema: json.RawMessage(`{"type":"object"}`)}},
		}}}
	})
}

// TestBridgeLendsTools: an upstream of any revision that knows of it may lend tools to the model of
// a client that can use them, and of no other one.
func TestBridgeLendsTools(t *testing.T) {
	up := start(t, nil, addSampler)
	for name, opt := range up.doors() {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__lend", true)
			able := g.dialTCP()
			able.initializeWith("2025-11-25", `{"sampling":{"tools":{}}}`)
			asked := able.ask(legacyCall("1", "up__lend", "{}"))
			wantIn(t, asked, `"method":"sampling/createMessage"`, `"name":"adder"`)
			wantIn(t, able.reply(asked, `{"role":"assistant","model":"m",`+
				`"content":{"type":"text","text":"done"}}`), "it said m")
			other := g.dialTCP()
			other.initializeWith("2025-11-25", `{"sampling":{}}`)
			wantIn(t, other.ask(legacyCall("1", "up__lend", "{}")), `"isError":true`, "sampling")
		})
	}
}
