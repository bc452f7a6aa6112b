package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addTools offers one tool for each way a tool can be written.
func addTools(s *server.Server) {
	// Clients show titles and icons to people; hints help them to decide what a user must confirm.
	harmless := &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true}
	server.AddTool(s, mcp.Tool{
		Name: "add", Title: "Add", Description: "Adds two numbers.", Annotations: harmless,
		Icons: []mcp.Icon{icon},
	}, add)
	server.AddTool(s, mcp.Tool{Name: "divide", Description: "Divides a by b."}, divide)
	server.AddTool(s, mcp.Tool{Name: "greet", Description: "Greets somebody."}, greet,
		server.Inline)
	server.AddTool(s, mcp.Tool{
		Name: "count", Description: "Counts to n and reports every step as progress.",
	}, count)
	err := s.AddRawTool(mcp.Tool{
		Name: "upper", Description: "Returns text in upper case, without any decoding in between.",
		InputSchema: map[string]any{
			"type":       "object",
			"properties": map[string]any{"text": map[string]string{"type": "string"}},
			"required":   []string{"text"},
		},
	}, upper, server.Inline)
	if err == nil {
		err = addCheckedTools(s)
	}
	if err == nil {
		err = s.AddAsyncTool(mcp.Tool{
			Name: "later", Description: "Answers after 10 ms without holding a worker.",
		}, later)
	}
	if err != nil {
		panic(err) // the definitions above are wrong
	}
}

type pair struct {
	A float64 `json:"a" jsonschema:"the first number"`
	B float64 `json:"b" jsonschema:"the second number"`
}

type sum struct {
	Sum float64 `json:"sum" jsonschema:"a + b"`
}

// add is a typed tool: the arguments are checked and decoded, the answer is structured.
func add(_ context.Context, _ *mcp.Request, in pair) (sum, error) {
	return sum{Sum: in.A + in.B}, nil
}

// divide fails: an ordinary error becomes an answer with isError, which the model can read.
func divide(_ context.Context, _ *mcp.Request, in pair) (string, error) {
	if in.B == 0 {
		return "", errors.New("cannot divide by zero; give another b")
	}
	return fmt.Sprint(in.A / in.B), nil
}

type greetInput struct {
	Name string `json:"name" jsonschema:"whom to greet"`
}

// greet is quick, so it runs on the loop of the connection that called it.
func greet(_ context.Context, _ *mcp.Request, in greetInput) (string, error) {
	return "Hello, " + in.Name + "!", nil
}

type countInput struct {
	N int `json:"n" jsonschema:"how far to count, at most 1000"`
}

// count takes its time, reports progress, and stops when the client cancels the call.
func count(ctx context.Context, req *mcp.Request, in countInput) (string, error) {
	n := min(max(in.N, 0), 1000)
	for i := 1; i <= n; i++ {
		if !wait(ctx, 10*time.Millisecond) {
			return "", context.Cause(ctx)
		}
		progress := mcp.ProgressNotificationParams{
			Progress: float64(i), Total: float64(n), Message: fmt.Sprintf("%d of %d", i, n),
		}
		if err := req.NotifyProgress(ctx, progress); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("counted to %d", n), nil
}

// wait returns false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// upper is a raw tool: it reads the arguments where they lie and appends the answer.
func upper(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
	args, err := req.Args()
	if err != nil {
		return dst, err
	}
	text := args.GetStringBytes("text")
	return mcp.AppendTextResult(dst, []byte(strings.ToUpper(string(text)))), nil
}

// later is an async tool: it hands the call on and returns at once.
func later(call *server.Call) {
	time.AfterFunc(10*time.Millisecond, func() {
		call.Reply(&mcp.CallToolResult{
			Content: []mcp.Content{&mcp.TextContent{Text: "here you are"}},
		})
	})
}
