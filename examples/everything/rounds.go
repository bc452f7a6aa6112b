package main

import (
	"context"
	"fmt"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addRounds offers the tools that the conformance suite uses to look at requests of several
// rounds.
func addRounds(s *server.Server) {
	tool := func(suffix, description string, h handler) {
		server.AddTool(s, mcp.Tool{
			Name: "test_input_required_result_" + suffix, Description: description,
		}, h)
	}
	tool("elicitation", "Asks for a name.", greetByName)
	tool("sampling", "Asks the client's model.", askCapital)
	tool("list_roots", "Asks for the client's roots.", countRoots)
	tool("request_state", "Asks, and remembers that it did.", rememberAsking)
	tool("multiple_inputs", "Asks for three things at once.", askThree)
	tool("multi_round", "Asks twice, one question after the other.", askTwice)
	tool("tampered_state", "Asks with a state that must come back as it was.", rememberAsking)
	tool("capabilities", "Asks for what the client can do.", askWhatIsPossible)
}

const nameForm = `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`

const colorForm = `{"type":"object","properties":{"color":{"type":"string"}},` +
	`"required":["color"]}`

func greetByName(_ context.Context, req *mcp.Request, _ none) (string, error) {
	var answer mcp.ElicitResult
	if err := ask(req, "user_name", &answer, askForm("What is your name?", nameForm)); err != nil {
		return "", err
	}
	return fmt.Sprintf("Hello, %v!", answer.Content["name"]), nil
}

func askCapital(_ context.Context, req *mcp.Request, _ none) (string, error) {
	var answer mcp.CreateMessageResult
	err := ask(req, "capital", &answer, askModel("What is the capital of France?"))
	if err != nil {
		return "", err
	}
	return "The model said: " + textOf(answer.Content), nil
}

func countRoots(_ context.Context, req *mcp.Request, _ none) (string, error) {
	var answer mcp.ListRootsResult
	if err := ask(req, "roots", &answer, &mcp.ListRootsParams{}); err != nil {
		return "", err
	}
	return fmt.Sprintf("The client has %d roots", len(answer.Roots)), nil
}

// asked is what the tools below remember from one round to the next. It travels through the
// client, sealed; the server keeps nothing.
type asked struct {
	Round int    `json:"round"`
	Name  string `json:"name,omitempty"`
}

func rememberAsking(_ context.Context, req *mcp.Request, _ none) (string, error) {
	var before asked
	known, err := req.State(&before)
	if err != nil {
		return "", err
	}
	var answer mcp.ElicitResult
	if !known || req.Input("confirm", &answer) != nil {
		return "", &mcp.InputRequired{
			State: asked{Round: before.Round + 1},
			Requests: mcp.InputRequests{"confirm": askForm("Go on?",
				`{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}`)},
		}
	}
	return fmt.Sprintf("state-ok: asked %d times, the answer is %s", before.Round,
		answer.Action), nil
}

func askThree(_ context.Context, req *mcp.Request, _ none) (string, error) {
	var (
		name  mcp.ElicitResult
		model mcp.CreateMessageResult
		roots mcp.ListRootsResult
	)
	if req.Input("user_name", &name) != nil || req.Input("greeting", &model) != nil ||
		req.Input("client_roots", &roots) != nil {
		return "", &mcp.InputRequired{
			State: asked{Round: 1},
			Requests: mcp.InputRequests{
				"user_name":    askForm("What is your name?", nameForm),
				"greeting":     askModel("Say hello."),
				"client_roots": &mcp.ListRootsParams{},
			},
		}
	}
	return fmt.Sprintf("%v was told %q and has %d roots", name.Content["name"],
		textOf(model.Content), len(roots.Roots)), nil
}

func askTwice(_ context.Context, req *mcp.Request, _ none) (string, error) {
	var before asked
	if _, err := req.State(&before); err != nil {
		return "", err
	}
	var name, color mcp.ElicitResult
	if req.Input("step1", &name) != nil {
		return "", &mcp.InputRequired{
			State: asked{Round: 1},
			Requests: mcp.InputRequests{
				"step1": askForm("Step 1: what is your name?", nameForm),
			},
		}
	}
	if req.Input("step2", &color) != nil {
		return "", &mcp.InputRequired{
			State: asked{Round: 2, Name: fmt.Sprint(name.Content["name"])},
			Requests: mcp.InputRequests{
				"step2": askForm("Step 2: what is your favorite color?", colorForm),
			},
		}
	}
	return fmt.Sprintf("%s likes %v", before.Name, color.Content["color"]), nil
}

// askWhatIsPossible looks at the client first: a server must not ask for what it cannot do.
func askWhatIsPossible(_ context.Context, req *mcp.Request, _ none) (string, error) {
	if len(req.InputResponses) > 0 {
		return fmt.Sprintf("The client answered %d questions", len(req.InputResponses)), nil
	}
	possible := mcp.InputRequests{}
	if req.HasCapability("sampling") {
		possible["sampling"] = askModel("Say hello.")
	}
	if req.HasCapability("elicitation.form") {
		possible["elicitation"] = askForm("What is your name?", nameForm)
	}
	if len(possible) == 0 {
		return "The client can answer nothing", nil
	}
	return "", &mcp.InputRequired{Requests: possible}
}
