package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// serve runs the example on a unix socket until the test ends, and connects to it.
func serve(t *testing.T, opt client.Options) (context.Context, *client.Client) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "everything.sock")
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-unix", socket}) }()
	opt.URL = "unix://" + socket
	c, err := client.Connect(ctx, opt)
	for err != nil && ctx.Err() == nil { // until it listens
		c, err = client.Connect(ctx, opt)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ctx, c
}

// eras are the clients that everything must serve alike.
var eras = map[string]client.Options{
	"modern": {Era: client.Modern},
	"legacy": {Era: client.Legacy},
	"oldest": {Era: client.Legacy, Version: "2024-11-05"},
}

// TestTools calls the tools that need no input from the client. The first of the list can be called
// without arguments: the conformance suite does so, whatever it is.
func TestTools(t *testing.T) {
	for name, opt := range eras {
		t.Run(name, func(t *testing.T) {
			ctx, c := serve(t, opt)
			list, err := c.ListTools(ctx)
			if err != nil || len(list) < 30 {
				t.Fatalf("%d tools, %v", len(list), err)
			}
			f := func(tool string, arguments map[string]any, want string) {
				t.Helper()
				result, err := c.Call(ctx, tool, arguments)
				if err != nil {
					t.Errorf("%s: %v", tool, err)
					return
				}
				if got := textOf(result.Content); !strings.Contains(got, want) {
					t.Errorf("%s: got %q; want %q", tool, got, want)
				}
			}
			f("add", map[string]any{"a": 1, "b": 2}, `{"sum":3}`)
			f("divide", map[string]any{"a": 1, "b": 0}, "cannot divide by zero")
			f("greet", map[string]any{"name": "Ada"}, "Hello, Ada!")
			f("count", map[string]any{"n": 2}, "counted to 2")
			f("append", map[string]any{"key": "k", "value": "v"}, `"sequence":1`)
			f("append", map[string]any{"key": "k", "value": "w"}, `"sequence":2`)
			f("read", map[string]any{"key": "k"}, `"values":["v","w"]`)
			f("emit", map[string]any{"key": "k", "n": 3}, `"notes":3`)
			f("upper", map[string]any{"text": "up"}, "UP")
			f("later", empty, "here you are")
			f("links", empty, "Two resources:")
			f("test_simple_text", empty, "This is a simple text response for testing.")
			f("test_multiple_content_types", empty, "Multiple content types test:")
			f("test_error_handling", empty, "This tool intentionally returns an error")
			f("test_tool_with_logging", empty, "Tool with logging executed successfully")
			f("test_trigger_tool_change", empty, "the list of tools has changed")
			f("test_trigger_prompt_change", empty, "the list of prompts has changed")
			f("slow_compute", map[string]any{"label": "x"}, "x computed")
			if name == "oldest" {
				return // arguments that do not fit are an error of the protocol there
			}
			if _, err := c.Call(ctx, list[0].Name, empty); err != nil {
				t.Errorf("the first tool, %s: %v", list[0].Name, err)
			}
		})
	}
}

// empty are no arguments, no params.
var empty = map[string]any{}

func TestResourcesAndPrompts(t *testing.T) {
	for name, opt := range eras {
		t.Run(name, func(t *testing.T) {
			ctx, c := serve(t, opt)
			f := func(method string, params map[string]any, want ...string) {
				t.Helper()
				result, err := c.Raw(ctx, method, params)
				for _, part := range want {
					if err != nil || !strings.Contains(string(result), part) {
						t.Errorf("%s %v: got %s, %v; want %s", method, params, result, err, part)
					}
				}
			}
			read := func(uri string, want ...string) {
				t.Helper()
				f("resources/read", map[string]any{"uri": uri}, want...)
			}
			if name != "oldest" { // which knows no titles and no icons
				f("tools/list", empty, `"title":"Add"`, `"readOnlyHint":true`)
			}
			f("resources/list", empty, "test://static-text", "test://static-binary", watchedURI)
			f("resources/templates/list", empty, "test://template/{id}/data")
			read(ledgerURI+"nobody", `"text":"[]"`)
			read("test://static-text", "This is the content of the static text resource.")
			read("test://static-binary", `"blob":"iVBORw0KGgo`)
			read("test://template/123/data", `\"templateTest\":true`, "Data for ID: 123")
			read(watchedURI, "It was read at")
			get := func(prompt string, arguments map[string]any, want string) {
				t.Helper()
				f("prompts/get", map[string]any{"name": prompt, "arguments": arguments}, want)
			}
			get("test_simple_prompt", empty, "This is a simple prompt for testing.")
			get("test_prompt_with_arguments", map[string]any{"arg1": "a", "arg2": "b"},
				"arg1='a', arg2='b'")
			get("test_prompt_with_embedded_resource", map[string]any{"resourceUri": "test://x"},
				`"uri":"test://x"`)
			get("test_prompt_with_image", empty, `"type":"image"`)
			if name == "oldest" {
				return // completion is of 2025-03-26
			}
			f("completion/complete", map[string]any{
				"ref":      mcp.CompleteReference{Type: "ref/prompt", Name: "test_simple_prompt"},
				"argument": mcp.CompleteArgument{Name: "arg1", Value: "par"},
			}, `"values":["paris","park","party"]`)
		})
	}
}
