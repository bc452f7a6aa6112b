package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addTasks offers tools that take long. Where the client can take one (2026-07-28 with the
// extension io.modelcontextprotocol/tasks, 2025-11-25 with params.task) a call of theirs is
// answered with a task at once; everybody else waits. TaskSupport is all it takes: the handlers
// are written like all others.
func addTasks(s *server.Server) {
	optional := &mcp.ToolExecution{TaskSupport: "optional"}
	required := &mcp.ToolExecution{TaskSupport: "required"}
	server.AddTool(s, mcp.Tool{
		Name: "slow_compute", Description: "Takes as many seconds as it is told.",
		Execution: optional,
	}, slowCompute)
	server.AddTool(s, mcp.Tool{
		Name: "failing_job", Description: "Works for a second and fails.", Execution: required,
	}, failingJob)
	server.AddTool(s, mcp.Tool{
		Name: "protocol_error_job", Description: "Ends with a protocol error.", Execution: required,
	}, protocolErrorJob)
	server.AddTool(s, mcp.Tool{
		Name: "confirm_delete", Description: "Asks before it deletes.", Execution: optional,
	}, confirmDelete)
	server.AddTool(s, mcp.Tool{
		Name: "multi_input", Description: "Asks two questions at once.", Execution: optional,
	}, multiInput)
	server.AddTool(s, mcp.Tool{
		Name: "test_tool_with_task", Description: "Asks for a name, then becomes a task.",
	}, askThenTask)
}

type computeInput struct {
	Seconds float64 `json:"seconds,omitempty" jsonschema:"how long to compute"`
	Label   string  `json:"label,omitempty" jsonschema:"what to call the result"`
}

// slowCompute stops when its context ends: when the client cancels the task or its time is over.
func slowCompute(ctx context.Context, _ *mcp.Request, in computeInput) (string, error) {
	if !wait(ctx, time.Duration(in.Seconds*float64(time.Second))) {
		return "", context.Cause(ctx)
	}
	return fmt.Sprintf("%s computed in %v s", in.Label, in.Seconds), nil
}

// failingJob has a result that says what went wrong: the model shall read it.
func failingJob(ctx context.Context, _ *mcp.Request, _ none) (string, error) {
	if !wait(ctx, time.Second) {
		return "", context.Cause(ctx)
	}
	return "", errors.New("the job failed")
}

// protocolErrorJob is failed: its error is one of the protocol.
func protocolErrorJob(ctx context.Context, _ *mcp.Request, _ none) (string, error) {
	if !wait(ctx, 100*time.Millisecond) {
		return "", context.Cause(ctx)
	}
	return "", &mcp.Error{Code: -32603, Message: "the job cannot go on"}
}

type deleteInput struct {
	Filename string `json:"filename" jsonschema:"what to delete"`
}

const confirmForm = `{"type":"object","properties":{"confirm":{"type":"boolean"}},` +
	`"required":["confirm"]}`

// confirmDelete asks as any tool does. In a task of 2026-07-28 the question waits in tasks/get and
// the answer comes with tasks/update; in one of 2025-11-25 tasks/result brings the question.
func confirmDelete(_ context.Context, req *mcp.Request, in deleteInput) (string, error) {
	var answer mcp.ElicitResult
	question := askForm("Delete "+in.Filename+"?", confirmForm)
	if err := ask(req, "confirm", &answer, question); err != nil {
		return "", err
	}
	if answer.Action != "accept" || answer.Content["confirm"] == false {
		return in.Filename + " was kept", nil
	}
	return in.Filename + " was deleted", nil
}

func multiInput(_ context.Context, req *mcp.Request, _ none) (string, error) {
	var name, color mcp.ElicitResult
	if req.Input("name", &name) != nil || req.Input("color", &color) != nil {
		return "", &mcp.InputRequired{Requests: mcp.InputRequests{
			"name":  askForm("What is your name?", nameForm),
			"color": askForm("What is your favorite color?", colorForm),
		}}
	}
	return fmt.Sprintf("%v likes %v", name.Content["name"], color.Content["color"]), nil
}

// askThenTask becomes a task by itself once it knows enough.
func askThenTask(ctx context.Context, req *mcp.Request, _ none) (string, error) {
	var answer mcp.ElicitResult
	if err := ask(req, "user_name", &answer, askForm("What is your name?", nameForm)); err != nil {
		return "", err
	}
	if err := req.StartTask(); err != nil && !errors.Is(err, mcp.ErrNoTask) {
		return "", err
	}
	if !wait(ctx, 200*time.Millisecond) {
		return "", context.Cause(ctx)
	}
	return fmt.Sprintf("Done for %v", answer.Content["name"]), nil
}
