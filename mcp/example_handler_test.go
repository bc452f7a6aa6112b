package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mcploop/mcploop/mcp"
)

// notes is the client's end of a request, for handlers that are tried without a server.
type notes struct{}

func (notes) Notify(method string, params []byte) error {
	fmt.Printf("%s %s\n", method, params)
	return nil
}

// A handler that needs something from the user returns InputRequired and is called again with the
// answer, by whichever way the client's revision has. It holds nothing while the user thinks.
func ExampleInputRequired() {
	greet := func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
		var answer mcp.ElicitResult
		err := req.Input("name", &answer)
		if errors.Is(err, mcp.ErrNoInput) {
			return "", &mcp.InputRequired{Requests: mcp.InputRequests{
				"name": &mcp.ElicitParams{
					Message: "What is your name?",
					RequestedSchema: map[string]any{
						"type":       "object",
						"properties": map[string]any{"name": map[string]any{"type": "string"}},
					},
				},
			}}
		}
		if err != nil {
			return "", err
		}
		if answer.Action != "accept" {
			return "Hello, stranger!", nil
		}
		return fmt.Sprintf("Hello, %v!", answer.Content["name"]), nil
	}

	ctx := context.Background()
	_, err := greet(ctx, &mcp.Request{}, struct{}{})
	fmt.Println(err)
	text, _ := greet(ctx, &mcp.Request{InputResponses: map[string]json.RawMessage{
		"name": json.RawMessage(`{"action":"accept","content":{"name":"Ada"}}`),
	}}, struct{}{})
	fmt.Println(text)
	// Output:
	// mcp: the client must answer 1 requests first
	// Hello, Ada!
}

// State is what a handler wants to know when it is called again. It travels sealed through the
// client, so that any node can go on.
func ExampleRequest_State() {
	order := func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
		var price int
		known, err := req.State(&price)
		if err != nil {
			return "", err
		}
		if !known {
			return "", &mcp.InputRequired{
				State: 42,
				Requests: mcp.InputRequests{
					"sure": &mcp.ElicitParams{Message: "It costs 42. Are you sure?"},
				},
			}
		}
		return fmt.Sprintf("ordered for %d", price), nil
	}
	text, _ := order(context.Background(), &mcp.Request{
		InputState: json.RawMessage(`42`),
	}, struct{}{})
	fmt.Println(text)
	// Output: ordered for 42
}

// A client's model is asked with CreateMessageParams. Tools, and the choice of them, are for
// clients that declared sampling.tools.
func ExampleCreateMessageParams() {
	ask := func(req *mcp.Request) error {
		params := &mcp.CreateMessageParams{
			SystemPrompt: "Be brief.", MaxTokens: 100,
			Messages: []*mcp.SamplingMessage{{
				Role: "user", Content: &mcp.TextContent{Text: "Name a colour."},
			}},
			ModelPreferences: &mcp.ModelPreferences{
				Hints: []mcp.ModelHint{{Name: "small"}}, SpeedPriority: 1,
			},
		}
		if req.HasCapability("sampling.tools") {
			params.ToolChoice = &mcp.ToolChoice{Mode: "none"}
		}
		return &mcp.InputRequired{Requests: mcp.InputRequests{"colour": params}}
	}
	var need *mcp.InputRequired
	errors.As(ask(&mcp.Request{}), &need)
	method := func(r mcp.InputRequest) string { return r.InputMethod() }
	fmt.Println(method(need.Requests["colour"]))

	var said mcp.CreateMessageResult
	err := json.Unmarshal([]byte(`{"role":"assistant","model":"m","content":`+
		`{"type":"text","text":"Teal"}}`), &said)
	fmt.Println(said.Content[0].(*mcp.TextContent).Text, err)
	// Output:
	// sampling/createMessage
	// Teal <nil>
}

// Roots are the places that the client works in.
func ExampleListRootsParams() {
	name := func(root mcp.Root) string { return root.Name + " is " + root.URI }
	list := func(req *mcp.Request) (string, error) {
		var answer mcp.ListRootsResult
		if err := req.Input("roots", &answer); errors.Is(err, mcp.ErrNoInput) {
			return "", &mcp.InputRequired{
				Requests: mcp.InputRequests{"roots": &mcp.ListRootsParams{}},
			}
		} else if err != nil {
			return "", err
		}
		var names []string
		for _, root := range answer.Roots {
			names = append(names, name(root))
		}
		return strings.Join(names, ", "), nil
	}
	fmt.Println(list(&mcp.Request{InputResponses: map[string]json.RawMessage{
		"roots": json.RawMessage(`{"roots":[{"uri":"file:///src","name":"source"}]}`),
	}}))
	// Output: source is file:///src <nil>
}

// Progress reaches clients that gave a token with their request; for all others it does nothing.
func ExampleRequest_NotifyProgress() {
	work := func(ctx context.Context, req *mcp.Request) error {
		for i := 1; i <= 2; i++ {
			err := req.NotifyProgress(ctx, mcp.ProgressNotificationParams{
				Progress: float64(i), Total: 2, Message: fmt.Sprintf("step %d", i),
			})
			if err != nil {
				return err // the call was cancelled, or its client has gone
			}
		}
		return nil
	}
	req := &mcp.Request{
		Version: mcp.LatestModern,
		Params:  mcp.CallParams{Name: "work", Token: json.RawMessage(`"t"`)},
	}
	var client mcp.Notifier = notes{}
	req.Bind(client, nil)
	fmt.Println(work(context.Background(), req))
	// Output:
	// notifications/progress {"progressToken":"t","progress":1,"total":2,"message":"step 1"}
	// notifications/progress {"progressToken":"t","progress":2,"total":2,"message":"step 2"}
	// <nil>
}

// A log message reaches clients that asked for its level.
func ExampleRequest_Log() {
	var warning mcp.LoggingLevel = "warning"
	req := &mcp.Request{LogLevel: warning.Severity()}
	req.Bind(notes{}, nil)
	ctx := context.Background()
	_ = req.Log(ctx, "info", "db", "connected")
	_ = req.Log(ctx, "error", "db", map[string]int{"retries": 3})
	// Output: notifications/message {"level":"error","logger":"db","data":{"retries":3}}
}

// A handler that cannot do without a capability of the client says so.
func ExampleMissingCapability() {
	summarize := func(req *mcp.Request) error {
		if !req.HasCapability("sampling") {
			return mcp.MissingCapability("sampling")
		}
		return nil
	}
	fmt.Println(summarize(&mcp.Request{Capabilities: json.RawMessage(`{"sampling":{}}`)}))
	var fault *mcp.Error
	errors.As(summarize(&mcp.Request{Capabilities: json.RawMessage(`{}`)}), &fault)
	fmt.Println(fault.Code, fault.Data)
	// Output:
	// <nil>
	// -32021 map[requiredCapabilities:map[sampling:{}]]
}

// Codes of one's own lie outside -32768 to -32000; others become -32603.
func ExampleError() {
	err := fmt.Errorf("cannot reach the ledger: %w", &mcp.Error{
		Code: 1001, Message: "the ledger is closed", Data: map[string]string{"until": "08:00"},
	})
	wire, data := mcp.WireError(err, mcp.LatestModern)
	fmt.Println(wire.Code, string(data))
	// Output: 1001 {"until":"08:00"}
}

// A handler that takes long can make a task of its call, for clients that can take one.
func ExampleRequest_StartTask() {
	build := func(req *mcp.Request) (string, error) {
		if err := req.StartTask(); err != nil && !errors.Is(err, mcp.ErrNoTask) {
			return "", err
		}
		return "built", nil // the client polls for it, or has waited
	}
	fmt.Println(build(&mcp.Request{}))
	// Output: built <nil>
}
