package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

const formOfName = `{"type":"object","properties":{"name":{"type":"string"}}}`

// addAskers puts in what asks: "greet" for everything at once, "insist" for one form after the
// other, and a prompt.
func addAskers(s *server.Server) error {
	server.AddTool(s, mcp.Tool{Name: "greet"},
		func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
			var who mcp.ElicitResult
			var said mcp.CreateMessageResult
			var roots mcp.ListRootsResult
			if req.Input("who", &who) != nil || req.Input("said", &said) != nil ||
				req.Input("where", &roots) != nil {
				return "", &mcp.InputRequired{State: "s", Requests: mcp.InputRequests{
					"who": &mcp.ElicitParams{
						Message: "Name?", RequestedSchema: json.RawMessage(formOfName),
					},
					"said": &mcp.CreateMessageParams{MaxTokens: 9, Messages: []*mcp.SamplingMessage{
						{Role: "user", Content: &mcp.TextContent{Text: "Greet."}},
					}},
					"where": &mcp.ListRootsParams{},
				}}
			}
			word := said.Content[0].(*mcp.TextContent).Text
			return fmt.Sprint(word, " ", who.Content["name"], " ", roots.Roots[0].URI), nil
		})
	server.AddTool(s, mcp.Tool{Name: "insist"},
		func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
			return "", &mcp.InputRequired{Requests: mcp.InputRequests{
				fmt.Sprint("q", len(req.InputResponses)): &mcp.ElicitParams{Message: "Again?"},
			}}
		})
	return s.AddPrompt(mcp.Prompt{Name: "topic"},
		func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			var who mcp.ElicitResult
			if err := req.Input("topic", &who); err != nil {
				return nil, &mcp.InputRequired{Requests: mcp.InputRequests{
					"topic": &mcp.ElicitParams{Message: "Name?"},
				}}
			}
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{
				Role: "user", Content: &mcp.TextContent{Text: fmt.Sprint(who.Content["name"])},
			}}}, nil
		})
}

// everybody answers what addAskers ask.
func everybody(opt client.Options) client.Options {
	opt.Elicit = func(_ context.Context, p *mcp.ElicitParams) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}, nil
	}
	opt.Sample = func(
		_ context.Context, p *mcp.CreateMessageParams,
	) (*mcp.CreateMessageResult, error) {
		said := strings.TrimSuffix(p.Messages[0].Content.(*mcp.TextContent).Text, ".") + "ings,"
		return &mcp.CreateMessageResult{
			Role: "assistant", Model: "m", Content: []mcp.Content{&mcp.TextContent{Text: said}},
		}, nil
	}
	opt.Roots = func(context.Context) (*mcp.ListRootsResult, error) {
		return &mcp.ListRootsResult{Roots: []mcp.Root{{URI: "file:///a"}}}, nil
	}
	return opt
}

// TestInputIsGiven: what a server asks for is answered, in either era and on each transport.
func TestInputIsGiven(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	if err := addAskers(s); err != nil {
		t.Fatal(err)
	}
	for transport, url := range urls(s) {
		for _, era := range []client.Era{client.Modern, client.Legacy} {
			if transport == "sse" && era == client.Modern {
				continue
			}
			t.Run(transport+" "+era.String(), func(t *testing.T) {
				c := connect(t, everybody(client.Options{URL: url, Era: era}))
				r, err := c.Call(testContext(t), "greet", nil)
				wantText(t, r, err, "Greetings, Ada file:///a")
				raw, err := c.Raw(testContext(t), "prompts/get", map[string]any{"name": "topic"})
				if err != nil || !strings.Contains(string(raw), `"text":"Ada"`) {
					t.Errorf("got %s, %v", raw, err)
				}
				if got := c.Stats().Asks; got != 0 {
					t.Errorf("%d requests of the server are open, want none", got)
				}
			})
		}
	}
}

// TestInputEnds: a server that never stops asking does not hold the caller.
func TestInputEnds(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	if err := addAskers(s); err != nil {
		t.Fatal(err)
	}
	c := connect(t, everybody(client.Options{URL: urls(s)["http"], Era: client.Modern}))
	_, err := c.Call(testContext(t), "insist", nil)
	wantError(t, err, client.ErrInputRequired)
}

// TestInputNobodyGives: what no function stands for is declared by nobody, and refused.
func TestInputNobodyGives(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	if err := addAskers(s); err != nil {
		t.Fatal(err)
	}
	for _, era := range []client.Era{client.Modern, client.Legacy} {
		opt := everybody(client.Options{URL: urls(s)["http"], Era: era})
		opt.Sample = nil
		c := connect(t, opt)
		r, err := c.Call(testContext(t), "greet", nil)
		if err == nil && !r.IsError {
			t.Errorf("got %s", text(t, r))
		}
		if !strings.Contains(fmt.Sprint(err, r), "capability") && !r.IsError {
			t.Errorf("got %v, %+v; want the missing capability", err, r)
		}
		// It is not declared, so a server that asks all the same is refused.
		opt.Capabilities = map[string]any{"sampling": struct{}{}}
		c = connect(t, opt)
		r, err = c.Call(testContext(t), "greet", nil)
		if era == client.Modern {
			wantError(t, err, client.ErrInputRequired)
		} else if err != nil || !strings.Contains(text(t, r), "nobody here answers") {
			t.Errorf("got %v, %+v", err, r)
		}
	}
}
