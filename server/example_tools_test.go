package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// exampleServer is a server of the examples that listens on a free port.
func exampleServer() *server.Server {
	s, err := server.New(server.Options{Name: "example", HTTP: []string{"127.0.0.1:0"}})
	if err != nil {
		panic(err)
	}
	return s
}

// show starts s, sends it one request and prints a member of the result, then drains s.
func show(s *server.Server, method string, params any, member string) {
	if err := s.Start(); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	url := "http://" + s.Addrs()[0].Addr.String() + "/mcp"
	c, err := client.Connect(ctx, client.Options{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := c.Raw(ctx, method, params)
	if err != nil {
		fmt.Println(err)
	} else {
		fmt.Printf("%s\n", codec.Find(result, member))
	}
	c.Close()
	_ = s.Drain(ctx)
}

// What a handler returns decides how it is sent: text as text, a struct as structured content.
// Its error is an answer that the model reads; an *mcp.Error is an error of the protocol.
func ExampleAddTool_errors() {
	s := exampleServer()
	type input struct {
		A, B float64
	}
	server.AddTool(s, mcp.Tool{Name: "divide"},
		func(_ context.Context, _ *mcp.Request, in input) (float64, error) {
			if in.B == 0 {
				return 0, fmt.Errorf("cannot divide %v by zero", in.A)
			}
			return in.A / in.B, nil
		}, server.Inline) // quick, and it never waits
	show(s, "tools/call", mcp.CallToolParams{
		Name: "divide", Arguments: map[string]any{"A": 1, "B": 0},
	}, "content")
	// Output: [{"type":"text","text":"cannot divide 1 by zero"}]
}

// A raw handler writes its answer as bytes: no reflection, and no allocation when it runs inline.
func ExampleServer_AddRawTool() {
	s := exampleServer()
	var shout server.RawHandler = func(
		_ context.Context, req *mcp.Request, dst []byte,
	) ([]byte, error) {
		message := req.Arg("message") // raw JSON, here a string with its quotes
		if message == nil {
			return dst, &mcp.Error{Code: -32602, Message: "message is missing"}
		}
		return mcp.AppendRawTextResult(dst, message), nil
	}
	err := s.AddRawTool(mcp.Tool{
		Name: "shout",
		InputSchema: json.RawMessage(
			`{"type":"object","properties":{"message":{"type":"string"}}}`),
	}, shout, server.Inline)
	if err != nil {
		fmt.Println(err)
		return
	}
	show(s, "tools/call", mcp.CallToolParams{
		Name: "shout", Arguments: map[string]string{"message": "HEY"},
	}, "content")
	// Output: [{"type":"text","text":"HEY"}]
}

// An async tool holds no goroutine while it waits: something else ends its call.
func ExampleServer_AddAsyncTool() {
	s := exampleServer()
	err := s.AddAsyncTool(mcp.Tool{Name: "later"}, func(c *server.Call) {
		time.AfterFunc(time.Millisecond, func() {
			if err := c.Context().Err(); err != nil {
				return // cancelled, or nobody is there any more: see context.Cause
			}
			c.Reply(&mcp.CallToolResult{
				Content: []mcp.Content{&mcp.TextContent{Text: "here it is"}},
			})
		})
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	show(s, "tools/call", mcp.CallToolParams{Name: "later"}, "content")
	// Output: [{"type":"text","text":"here it is"}]
}

// A blocking handler that watches its context ends when its client cancels the call.
func ExampleErrCancelled() {
	wait := func(ctx context.Context, _ *mcp.Request, _ struct{}) (string, error) {
		select {
		case <-time.After(time.Hour):
			return "an hour has passed", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	server.AddTool(exampleServer(), mcp.Tool{Name: "wait"}, wait)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(server.ErrCancelled) // what the server does when notifications/cancelled comes
	_, err := wait(ctx, &mcp.Request{}, struct{}{})
	fmt.Println(err)
	// Output: server: the client cancelled the call
}

// A tool that declares TaskSupport is answered with a task where the client can take one; its
// handler is written like every other.
func ExampleTasks() {
	s, err := server.New(server.Options{
		Name: "example", HTTP: []string{"127.0.0.1:0"},
		Tasks: server.Tasks{TTL: time.Minute, PollInterval: 100 * time.Millisecond},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server.AddTool(s, mcp.Tool{
		Name: "render", Execution: &mcp.ToolExecution{TaskSupport: "optional"},
	}, func(context.Context, *mcp.Request, struct{}) (string, error) { return "rendered", nil })
	// This client cannot take a task: it waits for the answer.
	show(s, "tools/call", mcp.CallToolParams{Name: "render"}, "content")
	// Output: [{"type":"text","text":"rendered"}]
}
