package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// A resource that is in memory can be read inline. Who subscribed to it is told of a change by
// ResourceUpdated, in every revision and on every door.
func ExampleServer_AddResource() {
	s := exampleServer()
	var read server.ResourceHandler = func(
		_ context.Context, req *mcp.ReadResourceRequest,
	) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{
			Contents: []*mcp.ResourceContents{{
				URI: req.Params.URI, MIMEType: "text/plain", Text: "12 °C",
			}},
			TTLMs: 60_000, CacheScope: "public", // clients may keep it, and share it
		}, nil
	}
	err := s.AddResource(mcp.Resource{
		URI: "weather://berlin", Name: "berlin", MIMEType: "text/plain",
	}, read, server.Inline)
	if err != nil {
		fmt.Println(err)
		return
	}
	s.ResourceUpdated("weather://berlin")
	show(s, "resources/read", map[string]string{"uri": "weather://berlin"}, "contents")
	// Output: [{"uri":"weather://berlin","mimeType":"text/plain","text":"12 °C"}]
}

// A template offers a family of resources. What a client writes into a URI is decoded and can be
// anything, "../secret" too: read files through os.Root or fs.FS, which stay in their folder.
func ExampleServer_AddResourceTemplate() {
	s := exampleServer()
	var docs fs.FS = fstest.MapFS{"intro.md": {Data: []byte("# Welcome")}}
	err := s.AddResourceTemplate(mcp.ResourceTemplate{
		URITemplate: "docs://{name}", Name: "docs", MIMEType: "text/markdown",
	}, func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		file, err := docs.Open(req.Params.Variables["name"])
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			return nil, mcp.ResourceNotFound(req.Params.URI)
		}
		if err != nil {
			return nil, err
		}
		defer file.Close()
		text, err := io.ReadAll(file)
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{
			URI: req.Params.URI, MIMEType: "text/markdown", Text: string(text),
		}}}, err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	show(s, "resources/read", map[string]string{"uri": "docs://intro.md"}, "contents")
	// Output: [{"uri":"docs://intro.md","mimeType":"text/markdown","text":"# Welcome"}]
}

// A prompt is a text with blanks. Required arguments are there when the handler runs.
func ExampleServer_AddPrompt() {
	s := exampleServer()
	var review server.PromptHandler = func(
		_ context.Context, req *mcp.GetPromptRequest,
	) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{
			Role:    "user",
			Content: &mcp.TextContent{Text: "Review this " + req.Params.Arguments["language"]},
		}}}, nil
	}
	err := s.AddPrompt(mcp.Prompt{
		Name: "review", Description: "Asks for a code review.",
		Arguments: []mcp.PromptArgument{{Name: "language", Required: true}},
	}, review)
	if err != nil {
		fmt.Println(err)
		return
	}
	show(s, "prompts/get", map[string]any{
		"name": "review", "arguments": map[string]string{"language": "Go"},
	}, "messages")
	// Output: [{"role":"user","content":{"type":"text","text":"Review this Go"}}]
}

// Completion suggests values while somebody types an argument of a prompt or of a template.
func ExampleOptions_completion() {
	languages := []string{"C", "Go", "Gleam", "Rust"}
	s, err := server.New(server.Options{
		Name: "example", HTTP: []string{"127.0.0.1:0"},
		CompletionHandler: func(
			_ context.Context, req *mcp.CompleteRequest,
		) (*mcp.CompleteResult, error) {
			result := &mcp.CompleteResult{}
			for _, language := range languages {
				if strings.HasPrefix(language, req.Params.Argument.Value) {
					result.Completion.Values = append(result.Completion.Values, language)
				}
			}
			return result, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = s.AddPrompt(mcp.Prompt{
		Name: "review", Arguments: []mcp.PromptArgument{{Name: "language"}},
	}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	show(s, "completion/complete", mcp.CompleteParams{
		Ref:      mcp.CompleteReference{Type: "ref/prompt", Name: "review"},
		Argument: mcp.CompleteArgument{Name: "language", Value: "G"},
	}, "completion")
	// Output: {"values":["Go","Gleam"]}
}
