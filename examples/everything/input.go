package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// Tools that need something from the client. Each returns what it needs as mcp.InputRequired and
// is called again with the answers; the server does the rest for clients of every revision.

// addInput offers tools that elicit, sample and ask for roots.
func addInput(s *server.Server) error {
	server.AddTool(s, mcp.Tool{
		Name: "test_sampling", Description: "Asks the client's model.",
	}, sample)
	server.AddTool(s, mcp.Tool{
		Name: "test_elicitation", Description: "Asks the user for a name and an address.",
	}, elicit)
	form := func(name, description string, schema string) {
		server.AddTool(s, mcp.Tool{Name: name, Description: description}, elicitForm(schema))
	}
	form("test_elicitation_sep1034_defaults", "Asks with a form that is filled in.", formDefaults)
	form("test_elicitation_sep1330_enums", "Asks with every kind of choice.", formEnums)
	addRounds(s)
	return s.AddPrompt(mcp.Prompt{
		Name: "test_input_required_result_prompt", Description: "Asks for its context first.",
	}, promptWithInput)
}

type samplingInput struct {
	Prompt string `json:"prompt" jsonschema:"what to ask the model"`
}

func sample(_ context.Context, req *mcp.Request, in samplingInput) (string, error) {
	var answer mcp.CreateMessageResult
	err := ask(req, "llm", &answer, askModel(in.Prompt))
	if err != nil {
		return "", err
	}
	return "LLM response: " + textOf(answer.Content), nil
}

type elicitationInput struct {
	Message string `json:"message" jsonschema:"what to ask the user"`
}

func elicit(_ context.Context, req *mcp.Request, in elicitationInput) (string, error) {
	var answer mcp.ElicitResult
	err := ask(req, "user", &answer, askForm(in.Message, `{"type":"object","properties":{
		"username":{"type":"string","description":"Your name"},
		"email":{"type":"string","description":"Your e-mail address"}},
		"required":["username","email"]}`))
	if err != nil {
		return "", err
	}
	return "User response: " + describe(&answer), nil
}

// elicitForm is a tool that asks with a given form.
func elicitForm(schema string) handler {
	return func(_ context.Context, req *mcp.Request, _ none) (string, error) {
		var answer mcp.ElicitResult
		err := ask(req, "form", &answer, askForm("Please fill in the form.", schema))
		if err != nil {
			return "", err
		}
		return "Elicitation completed: " + describe(&answer), nil
	}
}

// ask decodes the answer to key, or returns the request for it.
func ask(req *mcp.Request, key string, answer any, request mcp.InputRequest) error {
	err := req.Input(key, answer)
	if errors.Is(err, mcp.ErrNoInput) {
		return &mcp.InputRequired{Requests: mcp.InputRequests{key: request}}
	}
	return err
}

func askForm(message, schema string) *mcp.ElicitParams {
	return &mcp.ElicitParams{Message: message, RequestedSchema: json.RawMessage(schema)}
}

func askModel(prompt string) *mcp.CreateMessageParams {
	return &mcp.CreateMessageParams{
		MaxTokens: 100,
		Messages: []*mcp.SamplingMessage{
			{Role: "user", Content: &mcp.TextContent{Text: prompt}},
		},
	}
}

func describe(answer *mcp.ElicitResult) string {
	content, err := json.Marshal(answer.Content)
	if err != nil {
		content = []byte(err.Error())
	}
	return fmt.Sprintf("action=%s, content=%s", answer.Action, content)
}

func textOf(blocks []mcp.Content) string {
	var all strings.Builder
	for _, block := range blocks {
		if text, ok := block.(*mcp.TextContent); ok {
			all.WriteString(text.Text)
		}
	}
	return all.String()
}

// promptWithInput is a prompt that asks: prompts and resources do it as tools do.
func promptWithInput(
	_ context.Context, req *mcp.GetPromptRequest,
) (*mcp.GetPromptResult, error) {
	var answer mcp.ElicitResult
	err := ask(req.Request, "user_context", &answer, askForm("What is this about?",
		`{"type":"object","properties":{"context":{"type":"string"}},"required":["context"]}`))
	if err != nil {
		return nil, err
	}
	return say(&mcp.TextContent{Text: fmt.Sprintf("Context: %v", answer.Content["context"])})
}

const formDefaults = `{"type":"object","properties":{
	"name":{"type":"string","description":"User name","default":"John Doe"},
	"age":{"type":"integer","description":"User age","default":30},
	"score":{"type":"number","description":"User score","default":95.5},
	"status":{"type":"string","description":"User status",
		"enum":["active","inactive","pending"],"default":"active"},
	"verified":{"type":"boolean","description":"Verification status","default":true}}}`

const formEnums = `{"type":"object","properties":{
	"untitledSingle":{"type":"string","enum":["option1","option2","option3"]},
	"titledSingle":{"type":"string","oneOf":[
		{"const":"value1","title":"First Option"},
		{"const":"value2","title":"Second Option"},
		{"const":"value3","title":"Third Option"}]},
	"legacyEnum":{"type":"string","enum":["opt1","opt2","opt3"],
		"enumNames":["Option One","Option Two","Option Three"]},
	"untitledMulti":{"type":"array","items":{"type":"string",
		"enum":["option1","option2","option3"]}},
	"titledMulti":{"type":"array","items":{"anyOf":[
		{"const":"value1","title":"First Choice"},
		{"const":"value2","title":"Second Choice"},
		{"const":"value3","title":"Third Choice"}]}}}}`
