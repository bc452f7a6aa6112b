package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// Tools for clients that can do more than most: lend their model with tools of ours, open a page.

// addAgent offers them. A client that cannot is told so, and the others do not see a difference.
func addAgent(s *server.Server) {
	server.AddTool(s, mcp.Tool{
		Name: "agent", Description: "Lets the client's model add numbers with a tool of ours.",
	}, agent)
	server.AddTool(s, mcp.Tool{
		Name: "visit", Description: "Sends the user to a page, for what is not for a form.",
	}, visit)
	server.AddTool(s, mcp.Tool{
		Name: "links", Description: "Names resources that are worth reading.",
		Meta: mcp.Meta{"example.com/category": "resources"}, // for clients that know this key
	}, links)
}

type agentInput struct {
	Task string `json:"task" jsonschema:"what the model shall do"`
}

// adder is what the model may call. It is no tool of this server: nobody else sees it.
var adder = &mcp.Tool{
	Name: "adder", Description: "Adds two numbers.",
	InputSchema: json.RawMessage(`{"type":"object","properties":{"a":{"type":"number"},` +
		`"b":{"type":"number"}},"required":["a","b"]}`),
}

// agent asks the model, and asks again with the results of what it called, until it answers in
// text. Each round has a key of its own; the answers of all rounds so far are there.
func agent(_ context.Context, req *mcp.Request, in agentInput) (string, error) {
	talk := []*mcp.SamplingMessage{{Role: "user", Content: &mcp.TextContent{Text: in.Task}}}
	for round := range 5 {
		var said mcp.CreateMessageResult
		err := ask(req, fmt.Sprintf("round%d", round), &said, &mcp.CreateMessageParams{
			MaxTokens: 1000, Messages: talk, Tools: []*mcp.Tool{adder},
		})
		if err != nil {
			return "", err
		}
		var results []mcp.Content
		for _, block := range said.Content {
			if use, ok := block.(*mcp.ToolUseContent); ok {
				results = append(results, callAdder(use))
			}
		}
		if results == nil {
			return textOf(said.Content), nil
		}
		talk = append(talk, &mcp.SamplingMessage{Role: said.Role, Contents: said.Content},
			&mcp.SamplingMessage{Role: "user", Contents: results})
	}
	return "", errors.New("the model did not come to an end in 5 rounds")
}

// callAdder does what the model wants. What is wrong is the model's to repair.
func callAdder(use *mcp.ToolUseContent) *mcp.ToolResultContent {
	result := &mcp.ToolResultContent{ToolUseID: use.ID}
	var in pair
	text := fmt.Sprintf("there is no tool %q", use.Name)
	result.IsError = use.Name != adder.Name || json.Unmarshal(use.Input, &in) != nil
	if !result.IsError {
		text = fmt.Sprint(in.A + in.B)
	}
	result.Content = []mcp.Content{&mcp.TextContent{Text: text}}
	return result
}

// visit asks by URL: what the user enters there never passes the client or its model.
func visit(_ context.Context, req *mcp.Request, _ none) (string, error) {
	var answer mcp.ElicitResult
	err := ask(req, "page", &answer, &mcp.ElicitParams{
		Mode: "url", Message: "Please sign in.", URL: "https://example.com/sign-in",
	})
	if err != nil {
		return "", err
	}
	return "The user chose to " + answer.Action + ".", nil
}

// links answers with resources by name; clients that know no links get them as text.
func links(context.Context, *mcp.Request, none) ([]mcp.Content, error) {
	return []mcp.Content{
		&mcp.TextContent{Text: "Two resources:"},
		&mcp.ResourceLink{
			URI: "test://static-text", Name: "static-text", MIMEType: "text/plain",
			Annotations: &mcp.Annotations{Audience: []string{"user"}, Priority: 1},
		},
		&mcp.ResourceLink{URI: watchedURI, Name: "watched-resource", Icons: []mcp.Icon{icon}},
	}, nil
}
