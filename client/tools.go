package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// ListTools returns all tools of the server: it follows the cursors, up to 64 pages. Over HTTP in
// the modern era tools with an x-mcp-header that is not valid are left out; Options.Log says so.
func (c *Client) ListTools(ctx context.Context) ([]mcp.ListedTool, error) {
	raw, err := c.ListRawTools(ctx)
	if err != nil {
		return nil, err
	}
	tools := make([]mcp.ListedTool, len(raw))
	for i := range raw {
		if err := json.Unmarshal(raw[i].Raw, &tools[i]); err != nil {
			return nil, fmt.Errorf("cannot read tool %.64q of tools/list: %w", raw[i].Name, err)
		}
	}
	return tools, nil
}

// ListRawTools is ListTools with the definitions as the server sent them.
func (c *Client) ListRawTools(ctx context.Context) ([]mcp.RawTool, error) {
	list, err := c.ListRaw(ctx, mcp.KindTool)
	if err != nil {
		return nil, err
	}
	tools := make([]mcp.RawTool, len(list.Definitions))
	for i, d := range list.Definitions {
		tools[i] = mcp.RawTool{Name: d.Name, Raw: d.Raw}
	}
	return tools, nil
}

// CallOption changes one CallTool.
type CallOption func(*request)

// OnProgress asks for the progress of the call: f runs in CallTool's own goroutine, before it
// returns. When f is slower than the server, progress is dropped.
func OnProgress(f func(mcp.ProgressNotificationParams)) CallOption {
	return func(r *request) { r.onProgress = f }
}

// CallTool calls a tool. The end of ctx cancels the call at the server: by closing its stream in
// the modern era over HTTP, by notifications/cancelled elsewhere. A result with IsError is a
// result: the tool failed, the call did not. params.Arguments marshals to an object; nil, or a nil
// map or pointer, means none.
func (c *Client) CallTool(ctx context.Context, params *mcp.CallToolParams, opts ...CallOption,
) (*mcp.CallToolResult, error) {
	raw, err := c.CallToolRaw(ctx, params, opts...)
	if err != nil {
		return nil, err
	}
	var result mcp.CallToolResult
	if err := json.Unmarshal(raw, &result); err != nil {
		return nil, fmt.Errorf("cannot read the answer of tool %q: %w", params.Name, err)
	}
	return &result, nil
}

// Call is CallTool by name, for callers without package mcp.
func (c *Client) Call(ctx context.Context, tool string, arguments any, opts ...CallOption,
) (*mcp.CallToolResult, error) {
	return c.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments}, opts...)
}

// CallToolRaw is CallTool with the result as the server sent it.
func (c *Client) CallToolRaw(ctx context.Context, params *mcp.CallToolParams, opts ...CallOption,
) (json.RawMessage, error) {
	own := *params
	if isNil(own.Arguments) { // of a type, so that JSON would say null, which is no object
		own.Arguments = nil
	}
	raw, err := rawObject("the call of tool "+params.Name, own)
	if err != nil {
		return nil, err
	}
	r := request{method: "tools/call", params: raw}
	for _, opt := range opts {
		opt(&r)
	}
	r.headers = c.MirrorHeaders(params.Name, raw)
	result, err := c.complete(ctx, r)
	var fault *mcp.Error
	if errors.As(err, &fault) && fault.Code == codec.ErrHeaderMismatch.Code {
		// The tool wants arguments repeated in headers, and its list has changed or was never
		// asked for. The server has run nothing.
		if _, listErr := c.ListTools(ctx); listErr != nil {
			return nil, fmt.Errorf("%w (cannot list the tools to repair it: %w)", err, listErr)
		}
		r.headers = c.MirrorHeaders(params.Name, raw)
		result, err = c.complete(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	if err := checkComplete(result); err != nil {
		return nil, fmt.Errorf("cannot use the answer of tool %q: %w", params.Name, err)
	}
	return result, nil
}

// isNil tells whether v is a nil map, pointer or slice.
func isNil(v any) bool {
	value := reflect.ValueOf(v)
	switch value.Kind() {
	case reflect.Map, reflect.Pointer, reflect.Slice:
		return value.IsNil()
	}
	return false
}

// checkComplete refuses results that are no CallToolResult yet (2026-07-28: resultType).
func checkComplete(raw []byte) error {
	var kind struct {
		ResultType string `json:"resultType"`
	}
	if json.Unmarshal(raw, &kind) != nil {
		return fmt.Errorf("%w: the result is no object", ErrAnswer)
	}
	switch kind.ResultType {
	case "", "complete":
		return nil
	case "input_required":
		return ErrInputRequired
	}
	return fmt.Errorf("%w: result of type %.32q", ErrAnswer, kind.ResultType)
}
