package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// withCompletion answers every completion with values that begin with what was typed.
func withCompletion(o *server.Options) {
	o.CompletionHandler = func(
		_ context.Context, req *mcp.CompleteRequest,
	) (*mcp.CompleteResult, error) {
		result := &mcp.CompleteResult{}
		for i := range 150 {
			value := fmt.Sprintf("%s-%03d", req.Params.Context.Arguments["kind"], i)
			if strings.HasPrefix(value, req.Params.Argument.Value) {
				result.Completion.Values = append(result.Completion.Values, value)
			}
		}
		return result, nil
	}
}

// addFeatures offers one of each kind beside the test tools.
func addFeatures(s *server.Server) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	text := func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{TTLMs: 1000, Contents: []*mcp.ResourceContents{{
			URI: req.Params.URI, MIMEType: "text/plain",
			Text: "hello " + req.Params.Variables["who"],
		}}}, nil
	}
	size := int64(6)
	must(s.AddResource(mcp.Resource{
		URI: "test://text", Name: "text", Title: "Text", MIMEType: "text/plain", Size: &size,
		Icons:       []mcp.Icon{{Src: "https://example.com/i.png"}},
		Annotations: &mcp.Annotations{Priority: 0.5, LastModified: "2026-01-01T00:00:00Z"},
	}, text, server.Inline))
	must(s.AddResource(mcp.Resource{URI: "test://blob", Name: "blob"},
		func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return &mcp.ReadResourceResult{CacheScope: "public", Contents: []*mcp.ResourceContents{{
				URI: "test://blob", Blob: []byte{0, 1, 2},
			}}}, nil
		}))
	must(s.AddResource(mcp.Resource{URI: "test://broken", Name: "broken"},
		func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return nil, nil
		}))
	must(s.AddResourceTemplate(
		mcp.ResourceTemplate{URITemplate: "test://people/{who}", Name: "people"}, text))
	must(s.AddPrompt(mcp.Prompt{
		Name: "greet", Title: "Greet", Description: "Greets.",
		Arguments: []mcp.PromptArgument{
			{Name: "who", Required: true}, {Name: "how", Title: "How"},
		},
	}, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Description: "d", Messages: []*mcp.PromptMessage{
			{Role: "user", Content: &mcp.TextContent{Text: "Greet " + req.Params.Arguments["who"]}},
			{Role: "assistant", Content: &mcp.ResourceLink{URI: "test://text", Name: "text"}},
			{Role: "user", Content: &mcp.AudioContent{Data: []byte{1}, MIMEType: "audio/wav"}},
		}}, nil
	}))
	server.AddTool(s, mcp.Tool{Name: "meta"},
		func(context.Context, *mcp.Request, struct{}) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{
				Meta:              mcp.Meta{"example.com/cost": 3},
				Content:           []mcp.Content{&mcp.TextContent{Text: "with _meta"}},
				StructuredContent: []int{1, 2},
			}, nil
		})
}

func TestResourceThatIsNotThereHasItsURIInTheError(t *testing.T) {
	r := start(t, withCompletion, addFeatures)
	modern := r.text(r.post(modernRequest("1", "resources/read", `"uri":"test://nowhere"`)))
	if !strings.Contains(modern, `"code":-32602`) ||
		!strings.Contains(modern, `"data":{"uri":"test://nowhere"}`) {
		t.Errorf("modern: got %s", modern)
	}
	c := r.dialTCP()
	c.initialize("2025-11-25")
	legacy := c.ask(legacyLine("1", "resources/read", `"uri":"test://nowhere"`))
	if !strings.Contains(legacy, `"code":-32002`) {
		t.Errorf("legacy: got %s", legacy)
	}
}

func TestMcpNameOfResourcesAndPromptsIsChecked(t *testing.T) {
	r := start(t, withCompletion, addFeatures)
	f := func(method, params, name, want string) {
		t.Helper()
		got := r.text(r.post(modernRequest("1", method, params), "Mcp-Name:"+name))
		if !strings.Contains(got, want) {
			t.Errorf("%s with Mcp-Name %q: got %s; want %s", method, name, got, want)
		}
	}
	f("resources/read", `"uri":"test://text"`, "test://text", `"text":"hello "`)
	f("resources/read", `"uri":"test://text"`, "test://blob", `"code":-32020`)
	f("prompts/get", `"name":"greet","arguments":{"who":"A"}`, "greet", `"Greet A"`)
	f("prompts/get", `"name":"greet","arguments":{"who":"A"}`, "other", `"code":-32020`)
}

func TestListsArePagedAlike(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Lists.PageSize = 1 }, addFeatures)
	c := r.dialTCP()
	c.initialize("2025-11-25")
	first := c.ask(legacyLine("1", "resources/list", ""))
	_, rest, found := strings.Cut(first, `"nextCursor":"`)
	if !found || !strings.Contains(first, "test://blob") {
		t.Fatalf("first page: %s", first)
	}
	if got := c.ask(legacyLine("1", "resources/list", `"cursor":""`)); got != first {
		t.Errorf("the empty string, which we never give out: %s", got) // as the Go SDK has it
	}
	cursor, _, _ := strings.Cut(rest, `"`)
	second := c.ask(legacyLine("2", "resources/list", `"cursor":"`+cursor+`"`))
	if !strings.Contains(second, "test://broken") || strings.Contains(second, "test://blob") {
		t.Errorf("second page: %s", second)
	}
	if got := c.ask(legacyLine("3", "prompts/list", `"cursor":"`+cursor+`"`)); !strings.Contains(
		got, "-32602") {
		t.Errorf("another list took the cursor: %s", got)
	}
}
