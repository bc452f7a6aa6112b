package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addSamples offers the tools that a server without any other serves, so that a first try has
// something to call: echo on the loop without an allocation, echo_blocking the same on a worker,
// add typed, sleep on a worker, work on a worker and with CPU.
func addSamples(s *server.Server) error {
	message := json.RawMessage(`{"type":"object","properties":{"message":{"type":"string",` +
		`"description":"what to return"}},"required":["message"]}`)
	err := errors.Join(
		s.AddRawTool(mcp.Tool{
			Name: "echo", Description: "Returns the message as text.", InputSchema: message,
		}, echo, server.Inline),
		s.AddRawTool(mcp.Tool{
			Name: "echo_blocking", InputSchema: message,
			Description: "Returns the message from a worker: what a tool that may block costs.",
		}, echo, server.Blocking),
	)
	if err != nil {
		return err
	}
	server.AddTool(s, mcp.Tool{Name: "add", Description: "Returns the sum of a and b."}, add)
	server.AddTool(s, mcp.Tool{
		Name: "sleep", Description: "Waits ms milliseconds, at most 60,000, then says so.",
	}, sleep)
	return s.AddRawTool(mcp.Tool{
		Name: "work",
		Description: "Hashes 1 KiB as often as rounds says, at most 100,000 times, about a " +
			"microsecond each, on a worker; then returns the message.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{"message":{"type":"string",` +
			`"description":"what to return"},"rounds":{"type":"integer","minimum":0,` +
			`"maximum":100000,"description":"how much work"}},"required":["message"]}`),
	}, work, server.Blocking)
}

// work uses CPU, as tools do that compute: what an overloaded server has to share out. How much it
// is depends on rounds alone, not on what else the machine does.
func work(ctx context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
	rounds := 0
	if arg := req.Arg("rounds"); len(arg) > 0 {
		if err := json.Unmarshal(arg, &rounds); err != nil {
			return nil, err
		}
	}
	var block [1 << 10]byte
	for range rounds {
		sum := sha256.Sum256(block[:])
		copy(block[:], sum[:])
	}
	return echo(ctx, req, dst)
}

func echo(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
	message := req.Arg("message")
	if len(message) == 0 || message[0] != '"' {
		return mcp.AppendErrorResult(dst, []byte("message must be a string")), nil
	}
	return mcp.AppendRawTextResult(dst, message), nil
}

type addInput struct {
	A float64 `json:"a" jsonschema:"first summand"`
	B float64 `json:"b" jsonschema:"second summand"`
}

type addOutput struct {
	Sum float64 `json:"sum"`
}

func add(_ context.Context, _ *mcp.Request, in addInput) (addOutput, error) {
	return addOutput{Sum: in.A + in.B}, nil
}

type sleepInput struct {
	Ms int `json:"ms" jsonschema:"milliseconds to wait"`
}

func sleep(ctx context.Context, _ *mcp.Request, in sleepInput) (string, error) {
	wait := time.Duration(min(max(in.Ms, 0), 60_000)) * time.Millisecond
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return "slept " + wait.String(), nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
