// Command suiteclient is a client that the official conformance suite drives. It shows the blocking
// API of package client: lists, calls, resources, prompts, and answers to what a server asks.
//
//	conformance client --command bin/suiteclient --requirements 2026-07-28
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "suiteclient:", err)
		os.Exit(1) //nolint:gocritic // nothing is left for cancel to end
	}
}

// scenarios are what the suite asks for by name.
var scenarios = map[string]func(context.Context, *client.Client) error{
	"initialize":                       list,
	"request-metadata":                 list,
	"json-schema-ref-no-deref":         list,
	"tools_call":                       add,
	"sse-retry":                        calls("test_reconnection"),
	"http-standard-headers":            useFirst,
	"http-custom-headers":              callNamed,
	"http-invalid-tool-headers":        callAll,
	"json-schema-2020-12-preservation": echoSchema,

	"elicitation-sep1034-client-defaults": calls("test_client_elicitation_defaults"),

	"sep-2322-client-request-state": calls("test_mrtr_echo_state", "test_mrtr_no_state",
		"test_mrtr_unrelated", "test_mrtr_no_result_type"),
}

// run plays the scenario that the environment names against the server in args.
func run(ctx context.Context, args []string) error {
	name := os.Getenv("MCP_CONFORMANCE_SCENARIO")
	play := scenarios[name]
	if strings.HasPrefix(name, "auth/") {
		play = useTwice
	}
	if play == nil || len(args) != 1 {
		return fmt.Errorf("cannot play scenario %q with arguments %q; name one of the suite's "+
			"in MCP_CONFORMANCE_SCENARIO, and its server as the argument", name, args)
	}
	login, err := tokens(name, args[0])
	if err != nil {
		return err
	}
	if login != nil {
		defer login.Close()
	}
	c, err := client.Connect(ctx, client.Options{
		URL: args[0], Version: os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION"), Elicit: accept,
		Tokens: login, OnNotification: func(string, []byte) {},
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return play(ctx, c)
}

// accept fills the server's form with its own defaults.
func accept(_ context.Context, form *mcp.ElicitParams) (*mcp.ElicitResult, error) {
	raw, err := json.Marshal(form.RequestedSchema)
	if err != nil {
		return nil, err
	}
	var schema struct {
		Properties map[string]struct {
			Default any `json:"default"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, err
	}
	content := map[string]any{}
	for name, field := range schema.Properties {
		if field.Default != nil {
			content[name] = field.Default
		}
	}
	return &mcp.ElicitResult{Action: "accept", Content: content}, nil
}

func list(ctx context.Context, c *client.Client) error {
	_, err := c.ListTools(ctx)
	return err
}

func add(ctx context.Context, c *client.Client) error {
	if err := list(ctx, c); err != nil {
		return err
	}
	_, err := c.Call(ctx, "add_numbers", map[string]int{"a": 5, "b": 3})
	return err
}

// calls calls tools that take nothing. A server may answer in ways that no client accepts: the
// suite looks at what comes next.
func calls(names ...string) func(context.Context, *client.Client) error {
	return func(ctx context.Context, c *client.Client) error {
		if err := list(ctx, c); err != nil {
			return err
		}
		for _, name := range names {
			note(c.Call(ctx, name, map[string]any{}))
		}
		return nil
	}
}

// note says what the server refused, or what of it was refused here.
func note(_ *mcp.CallToolResult, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "suiteclient:", err)
	}
}

// useFirst uses the first tool, resource and prompt.
func useFirst(ctx context.Context, c *client.Client) error {
	tools, err := c.ListTools(ctx)
	if err != nil {
		return err
	}
	if len(tools) > 0 {
		note(c.Call(ctx, tools[0].Name, map[string]any{}))
	}
	var found struct {
		Resources []struct{ URI string }
		Prompts   []struct{ Name string }
	}
	for _, method := range []string{"resources/list", "prompts/list"} {
		raw, err := c.Raw(ctx, method, nil)
		if err == nil {
			err = json.Unmarshal(raw, &found)
		}
		if err != nil {
			return err
		}
	}
	if len(found.Resources) > 0 {
		uri := map[string]any{"uri": found.Resources[0].URI}
		if _, err := c.Raw(ctx, "resources/read", uri); err != nil {
			return err
		}
	}
	if len(found.Prompts) > 0 {
		name := map[string]any{"name": found.Prompts[0].Name}
		if _, err := c.Raw(ctx, "prompts/get", name); err != nil {
			return err
		}
	}
	return nil
}

// callNamed makes the calls that the suite lists.
func callNamed(ctx context.Context, c *client.Client) error {
	var wanted struct {
		ToolCalls []struct {
			Name      string
			Arguments map[string]any
		}
	}
	if err := json.Unmarshal([]byte(os.Getenv("MCP_CONFORMANCE_CONTEXT")), &wanted); err != nil {
		return fmt.Errorf("cannot read MCP_CONFORMANCE_CONTEXT: %w", err)
	}
	if err := list(ctx, c); err != nil {
		return err
	}
	for _, call := range wanted.ToolCalls {
		note(c.Call(ctx, call.Name, call.Arguments))
	}
	return nil
}

// callAll calls whatever is listed: tools with headers that cannot be sent are not.
func callAll(ctx context.Context, c *client.Client) error {
	tools, err := c.ListTools(ctx)
	if err != nil {
		return err
	}
	for i := range tools {
		note(c.Call(ctx, tools[i].Name, map[string]any{"region": "us-west1"}))
	}
	return nil
}

// echoSchema sends back a schema as it came.
func echoSchema(ctx context.Context, c *client.Client) error {
	tools, err := c.ListRawTools(ctx)
	if err != nil {
		return err
	}
	for _, tool := range tools {
		var definition struct {
			InputSchema json.RawMessage `json:"inputSchema"`
		}
		if tool.Name != "json_schema_2020_12_tool" {
			continue
		}
		if err := json.Unmarshal(tool.Raw, &definition); err != nil {
			return err
		}
		_, err := c.Call(ctx, "json_schema_echo", map[string]any{"schema": definition.InputSchema})
		return err
	}
	return errors.New("cannot find the tool json_schema_2020_12_tool")
}
