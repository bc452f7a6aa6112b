package mcp_test

import (
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/mcp"
)

func printJSON(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", raw)
}

// printIndented is printJSON with a line for each member.
func printIndented(v any) {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", raw)
}

// An answer has blocks of any kind. Data is raw bytes; older clients get what they can read.
func ExampleContent() {
	blocks := []mcp.Content{
		&mcp.TextContent{Text: "see below", Annotations: &mcp.Annotations{
			Audience: []string{"user"}, Priority: 0.9,
		}},
		&mcp.ImageContent{Data: []byte("png"), MIMEType: "image/png"},
		&mcp.AudioContent{Data: []byte("wav"), MIMEType: "audio/wav"},
		&mcp.ResourceLink{URI: "docs://intro", Name: "intro"},
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "docs://a", Text: "A"}},
	}
	for _, block := range blocks {
		printJSON(block)
	}
	// Output:
	// {"type":"text","text":"see below","annotations":{"audience":["user"],"priority":0.9}}
	// {"type":"image","data":"cG5n","mimeType":"image/png"}
	// {"type":"audio","data":"d2F2","mimeType":"audio/wav"}
	// {"type":"resource_link","uri":"docs://intro","name":"intro"}
	// {"type":"resource","resource":{"uri":"docs://a","text":"A"}}
}

// CallToolResult is for answers that a string or a struct cannot say.
func ExampleCallToolResult() {
	printIndented(&mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: "2 of 3 files"}},
		StructuredContent: map[string]int{"done": 2, "failed": 1},
		IsError:           true,
		Meta:              mcp.Meta{"example.com/cost": 0.02},
	})
	// Output:
	// {
	//   "content": [
	//     {
	//       "type": "text",
	//       "text": "2 of 3 files"
	//     }
	//   ],
	//   "structuredContent": {
	//     "done": 2,
	//     "failed": 1
	//   },
	//   "isError": true,
	//   "_meta": {
	//     "example.com/cost": 0.02
	//   }
	// }
}

// A tool's hints help clients to decide what a user must confirm. A schema that is given is sent as
// it is.
func ExampleTool() {
	no := false
	printIndented(&mcp.Tool{
		Name: "search", Title: "Search", Description: "Searches the docs.",
		InputSchema: json.RawMessage(`{"type":"object"}`),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: &no},
		Icons:       []mcp.Icon{{Src: "https://example.com/search.svg", Theme: "dark"}},
		Execution:   &mcp.ToolExecution{TaskSupport: "optional"},
	})
	// Output:
	// {
	//   "name": "search",
	//   "title": "Search",
	//   "description": "Searches the docs.",
	//   "inputSchema": {
	//     "type": "object"
	//   },
	//   "annotations": {
	//     "readOnlyHint": true,
	//     "openWorldHint": false
	//   },
	//   "icons": [
	//     {
	//       "src": "https://example.com/search.svg",
	//       "theme": "dark"
	//     }
	//   ],
	//   "execution": {
	//     "taskSupport": "optional"
	//   }
	// }
}

// Resources and templates, as lists show them.
func ExampleResource() {
	size := int64(1024)
	printIndented(mcp.ListResourcesResult{Resources: []mcp.Resource{{
		URI: "docs://intro", Name: "intro", MIMEType: "text/markdown", Size: &size,
		Annotations: &mcp.Annotations{LastModified: "2026-11-01T00:00:00Z"},
	}}})
	printIndented(mcp.ListResourceTemplatesResult{ResourceTemplates: []mcp.ResourceTemplate{{
		URITemplate: "docs://{name}", Name: "docs",
	}}})
	// Output:
	// {
	//   "resources": [
	//     {
	//       "uri": "docs://intro",
	//       "name": "intro",
	//       "mimeType": "text/markdown",
	//       "size": 1024,
	//       "annotations": {
	//         "lastModified": "2026-11-01T00:00:00Z"
	//       }
	//     }
	//   ]
	// }
	// {
	//   "resourceTemplates": [
	//     {
	//       "uriTemplate": "docs://{name}",
	//       "name": "docs"
	//     }
	//   ]
	// }
}

// A handler of a resource can be tried without a server.
func ExampleReadResourceRequest() {
	read := func(req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		name := req.Params.Variables["name"]
		if name != "intro" {
			return nil, mcp.ResourceNotFound(req.Params.URI)
		}
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{
			URI: req.Params.URI, MIMEType: "text/markdown", Text: "# " + name,
		}}}, nil
	}
	_, err := read(&mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: "docs://x"}})
	fmt.Println(err)
	// Output: resource not found (code -32002)
}

// A prompt, and what its handler gets and gives.
func ExamplePrompt() {
	printJSON(mcp.ListPromptsResult{Prompts: []mcp.Prompt{{
		Name: "review", Arguments: []mcp.PromptArgument{{Name: "language", Required: true}},
	}}})
	review := func(req *mcp.GetPromptRequest) *mcp.GetPromptResult {
		var user mcp.Role = "user"
		text := &mcp.TextContent{Text: "Review this " + req.Params.Arguments["language"]}
		return &mcp.GetPromptResult{
			Messages: []*mcp.PromptMessage{{Role: user, Content: text}},
		}
	}
	printJSON(review(&mcp.GetPromptRequest{Params: mcp.GetPromptParams{
		Name: "review", Arguments: map[string]string{"language": "Go"},
	}}))
	// Output:
	// {"prompts":[{"name":"review","arguments":[{"name":"language","required":true}]}]}
	// {"messages":[{"role":"user","content":{"type":"text","text":"Review this Go"}}]}
}

// A handler of completions knows what was filled in before. Of more than CompletionValuesMax values
// the server sends that many, and that there are more.
func ExampleCompleteRequest() {
	complete := func(req *mcp.CompleteRequest) *mcp.CompleteResult {
		if req.Params.Context.Arguments["country"] != "DE" {
			return &mcp.CompleteResult{}
		}
		return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{
			Values: []string{"Berlin", "Bremen"}, Total: 2,
		}}
	}
	printJSON(complete(&mcp.CompleteRequest{Params: mcp.CompleteParams{
		Ref:      mcp.CompleteReference{Type: "ref/resource", URI: "weather://{country}/{city}"},
		Argument: mcp.CompleteArgument{Name: "city", Value: "B"},
		Context:  mcp.CompleteContext{Arguments: map[string]string{"country": "DE"}},
	}}))
	// Output: {"completion":{"values":["Berlin","Bremen"],"total":2}}
}

// What a client reads: the tools with their schemas as the server wrote them.
func ExampleListToolsResult() {
	var list mcp.ListToolsResult
	err := json.Unmarshal([]byte(`{"tools":[{"name":"echo","inputSchema":{"type":"object"}}],`+
		`"nextCursor":"more","ttlMs":300000,"cacheScope":"public"}`), &list)
	schema := func(t mcp.ListedTool) string { return t.Name + " " + string(t.InputSchema) }
	fmt.Println(schema(list.Tools[0]), list.NextCursor, err)
	// Output: echo {"type":"object"} more <nil>
}

// What a client sends.
func ExampleCallToolParams() {
	printJSON(mcp.CallToolParams{Name: "add", Arguments: map[string]int{"a": 1, "b": 2}})
	printJSON(mcp.Implementation{Name: "my-agent", Version: "1.0.0"})
	// Output:
	// {"name":"add","arguments":{"a":1,"b":2}}
	// {"name":"my-agent","version":"1.0.0"}
}

// A template reads the values of its variables out of a URI that it fits.
func ExampleCompileTemplate() {
	match := func(t *mcp.Template, uri string) { fmt.Println(t.Match(uri)) }
	weather, err := mcp.CompileTemplate("weather://{country}/{city}{?unit}")
	if err != nil {
		fmt.Println(err)
		return
	}
	match(weather, "weather://DE/K%C3%B6ln?unit=C")
	match(weather, "weather://DE")
	// Output:
	// map[city:Köln country:DE unit:C]
	// map[]
}

// Revisions are ordered.
func ExampleVersion() {
	era := func(v mcp.Version) mcp.Era {
		if v.Modern() {
			return mcp.Modern
		}
		return mcp.Legacy
	}
	v := mcp.ParseVersion([]byte("2025-06-18"))
	fmt.Println(v, era(v), v < mcp.V20251125, mcp.Negotiate([]byte("2026-07-28")))
	fmt.Println(mcp.SupportedVersions())
	// Output:
	// 2025-06-18 legacy true 2025-11-25
	// [2026-07-28 2025-11-25 2025-06-18 2025-03-26 2024-11-05]
}
