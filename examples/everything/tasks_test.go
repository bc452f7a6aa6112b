package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
)

// TestTasks calls a tool as a task the way 2025-11-25 has it; the modern form is the conformance
// suite's.
func TestTasks(t *testing.T) {
	ctx, c := serve(t, client.Options{Era: client.Legacy})
	ask := func(method string, params map[string]any) string {
		t.Helper()
		result, err := c.Raw(ctx, method, params)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		return string(result)
	}
	want := func(got string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("got %s; want %s in it", got, part)
			}
		}
	}
	want(ask("tools/list", empty), `"execution":{"taskSupport":"optional"}`)
	call := func(tool string, arguments map[string]any) (id string) {
		t.Helper()
		got := ask("tools/call", map[string]any{
			"name": tool, "arguments": arguments, "task": map[string]any{"ttl": 60_000},
		})
		var created struct{ Task struct{ TaskID string } }
		if err := json.Unmarshal([]byte(got), &created); err != nil || created.Task.TaskID == "" {
			t.Fatalf("%s is no task: %s, %v", tool, got, err)
		}
		want(got, `"status":"working"`, `"ttl":60000`)
		return created.Task.TaskID
	}
	id := call("slow_compute", map[string]any{"seconds": 0.01, "label": "x"})
	of := map[string]any{"taskId": id}
	want(ask("tasks/result", of), "x computed", `related-task":{"taskId":"`+id)
	want(ask("tasks/get", of), `"status":"completed"`)
	want(ask("tasks/list", empty), id)
	long := map[string]any{"taskId": call("slow_compute", map[string]any{"seconds": 60})}
	want(ask("tasks/cancel", long), `"status":"cancelled"`)
	// Who does not want a task gets the answer.
	want(ask("tools/call", map[string]any{
		"name": "slow_compute", "arguments": map[string]any{"label": "y"},
	}), "y computed")
	if _, err := c.Raw(ctx, "tools/call", map[string]any{
		"name": "failing_job", "arguments": empty,
	}); err == nil || !strings.Contains(err.Error(), "-32601") {
		t.Errorf("a tool that must be a task: %v", err)
	}
}
