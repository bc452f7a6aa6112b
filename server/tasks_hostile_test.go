package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/task"
)

func (c *taskSession) end() {
	c.r.t.Helper()
	req, _ := http.NewRequest("DELETE", "http://"+c.r.http+"/mcp", nil)
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode >= 300 {
		c.r.t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// Whoever has a task's credentials may be asked its questions, and answer them: also in another
// session than the one that made it, which has questions of its own.
func TestLegacyTaskIsAnsweredInAnotherSession(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	bob := "Authorization:Bearer bob"
	maker := r.taskSession(`{"elicitation":{}}`, bob)
	other := r.taskSession(`{"elicitation":{}}`, bob)
	theirs, own := create(t, maker, "form", ""), create(t, other, "form", "")
	reaches(t, other, theirs, `"input_required"`)
	reaches(t, other, own, `"input_required"`)
	answer := func(question, action string) {
		t.Helper()
		got := r.post(`{"jsonrpc":"2.0","id":`+idOf(question)+`,"result":{"action":"`+action+`"}}`,
			other.headers...)
		if got.StatusCode != 202 {
			t.Errorf("the answer: %s", got.Status)
		}
	}
	f := r.feed(r.post(legacyLine("1", "tasks/result", taskID(theirs)), other.headers...))
	g := r.feed(r.post(legacyLine("2", "tasks/result", taskID(own)), other.headers...))
	seen := map[string]bool{}
	for range 2 {
		one, two := f.next(), g.next()
		wantIn(t, one, "elicitation/create", related(theirs))
		wantIn(t, two, "elicitation/create", related(own))
		seen[idOf(one)], seen[idOf(two)] = true, true
		answer(one, "decline")
		answer(two, "accept")
	}
	if len(seen) != 4 {
		t.Errorf("4 questions have the ids %v", seen)
	}
	wantIn(t, f.next(), `"id":1`, "decline decline", related(theirs))
	wantIn(t, g.next(), `"id":2`, "accept accept", related(own))
	r.nothingRuns()
	if n := r.metric("mcploop_stray_replies_total"); n != 0 {
		t.Errorf("%v answers went nowhere", n)
	}
}

// A question is asked in one session at a time; when that no longer waits, in the other one.
func TestLegacyTaskQuestionIsHandedOn(t *testing.T) {
	r := start(t, nil)
	release := addTaskTools(r.Server)
	server.AddTool(r.Server, mcp.Tool{
		Name: "asks", Execution: &mcp.ToolExecution{TaskSupport: "optional"},
	}, func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
		<-release
		var a mcp.ElicitResult
		if req.Input("a", &a) == nil {
			return a.Action, nil
		}
		return "", &mcp.InputRequired{Requests: mcp.InputRequests{"a": nameForm()}}
	})
	bob := "Authorization:Bearer bob"
	stays := r.taskSession(`{"elicitation":{}}`, bob)
	leaves := r.taskSession(`{"elicitation":{}}`, bob)
	id := create(t, stays, "asks", "")
	wait := func(c *taskSession, waiting float64) (read func(text string) string) {
		conn := r.dialHTTP()
		conn.send(wirePost(legacyLine("1", "tasks/result", taskID(id)),
			strings.Replace(c.headers[0], ":", ": ", 1), "Authorization: Bearer bob"))
		eventually(t, "it waits", func() bool { return r.metric("mcploop_streams") == waiting })
		return func(text string) string {
			for {
				if got := conn.read(); strings.Contains(got, text) {
					return strings.TrimPrefix(got, "data: ")
				}
			}
		}
	}
	first, second := wait(stays, 1), wait(leaves, 2)
	close(release)
	question := second("elicitation/create")
	r.post(legacyLine("", "notifications/cancelled", `"requestId":1`), leaves.headers...)
	if again := first("elicitation/create"); again != question {
		t.Errorf("asked %s and %s", question, again)
	}
	answer := `{"jsonrpc":"2.0","id":` + idOf(question) + `,"result":{"action":"accept"}}`
	r.post(answer, leaves.headers...) // it was told that nobody wants to know
	r.post(strings.Replace(answer, "accept", "decline", 1), stays.headers...)
	wantIn(t, first(`"id":1`), "decline", related(id))
	r.nothingRuns()
}

// What nobody can ask for any more takes no room.
func TestLegacyTaskRecordsGoWithTheirSession(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Tasks.Max, o.Lists.PageSize = 5, 2 })
	addTaskTools(r.Server)
	gone := r.taskSession("{}")
	for range 4 {
		id := create(t, gone, "must", "")
		reaches(t, gone, id, `"failed"`)
	}
	create(t, gone, "job", "") // runs
	next := r.taskSession("{}")
	wantIn(t, next.request("1", "tools/call", `"name":"must","task":{}`), `"code":-31000`)
	gone.end()
	eventually(t, "there is room again", func() bool {
		got := next.request("2", "tools/call", `"name":"must","task":{}`)
		return strings.Contains(got, `"taskId"`)
	})
}

// stuckStore takes changes only when it is let.
type stuckStore struct {
	task.Store

	let chan struct{}
}

func (s stuckStore) Update(t *task.Task) error {
	<-s.let
	return s.Store.Update(t)
}

// A store that hangs does not make a drain longer than it may be.
func TestTaskDrainDoesNotWaitForItsStore(t *testing.T) {
	stuck := stuckStore{task.NewMemory(task.MemoryOptions{}), make(chan struct{})}
	r := start(t, func(o *server.Options) { o.Tasks.Store = stuck })
	addTaskTools(r.Server)
	c := r.taskLine("{}")
	create(t, c, "job", "")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	drained := make(chan struct{})
	go func() { defer close(drained); _ = r.Drain(ctx) }()
	select {
	case <-drained:
	case <-time.After(patience):
		t.Error("the drain waits for the store")
	}
	close(stuck.let)
	<-drained
}

// A call that was to be a task is answered with a task or an error, never with a tool's result.
func TestLegacyTaskIsNotAnsweredLikeACall(t *testing.T) {
	faults := &createFaults{Store: task.NewMemory(task.MemoryOptions{})}
	r := start(t, func(o *server.Options) { o.Tasks.Store = faults })
	server.AddTool(r.Server, mcp.Tool{
		Name: "strict", Execution: &mcp.ToolExecution{TaskSupport: "optional"},
	}, func(context.Context, *mcp.Request, sleepInput) (string, error) { return "done", nil })
	c := r.taskLine("{}")
	long := strings.Repeat("x", 10<<10)
	for _, bad := range []string{`{"ms":"no"}`, `{"ms":"` + long + `"}`} {
		call := `"name":"strict","arguments":` + bad
		wantIn(t, c.request("1", "tools/call", call+`,"task":{}`), `"code":-32602`, "strict")
		wantIn(t, c.request("2", "tools/call", call), `"isError":true`)
	}
	got := c.request("3", "tools/call", `"name":"strict","arguments":{"ms":1},"task":{}`)
	wantIn(t, got, `"code":-32603`)
	if strings.Contains(got, "secrets") {
		t.Errorf("the store's error reached the client: %s", got)
	}
	r.logs("secrets")
}

// createFaults is a store that takes no tasks.
type createFaults struct{ task.Store }

func (*createFaults) Create(*task.Task) error { return errors.New("the disk is full of secrets") }

// Several who ask for a task's result at once are asked its questions.
func TestLegacyTaskManyAreAskedAtOnce(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	c := r.taskLine(`{"elicitation":{}}`)
	id := create(t, c, "form", "")
	c.line(legacyLine("1", "tasks/result", taskID(id)))
	c.note("elicitation/create") // the task has asked: whoever comes now is asked at once
	var lines strings.Builder
	const many = 100
	for n := range many {
		lines.WriteString(legacyLine(fmt.Sprint(n+200), "tasks/result", taskID(id)) + "\n")
	}
	c.send(lines.String())
	ids := map[string]bool{}
	for asked := 1; asked < 2*many+2; {
		if got := c.read(); strings.Contains(got, "elicitation/create") {
			ids[idOf(got)] = true
			asked++
		}
	}
	for one := range ids {
		c.line(`{"jsonrpc":"2.0","id":` + one + `,"result":{"action":"accept"}}`)
	}
	for range many + 1 {
		got := c.read()
		for strings.Contains(got, "notifications/") {
			got = c.read()
		}
		wantIn(t, got, "accept accept")
	}
}

// A connection whose tasks/result all wait is still read: their questions must be answered there.
func TestLegacyTaskResultsDoNotHoldTheirConnection(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.InFlightPerConn = 2 })
	addTaskTools(r.Server)
	for _, door := range []func() *peerConn{r.dialTCP, r.dialWSLines, r.dialSSELines} {
		c := &taskLine{peerConn: door()}
		c.initializeWith("2025-11-25", `{"elicitation":{}}`)
		id := create(t, c, "form", "")
		c.line(legacyLine("1", "tasks/result", taskID(id)))
		questions := []string{c.note("elicitation/create")}
		for len(questions) < 2 {
			if got := c.read(); strings.Contains(got, "elicitation/create") {
				questions = append(questions, got)
			}
		}
		wantIn(t, c.request("2", "tasks/result", taskID(id)), `"code":-31000`, "in_flight_per_conn")
		for _, one := range questions {
			c.line(`{"jsonrpc":"2.0","id":` + idOf(one) + `,"result":{"action":"accept"}}`)
		}
		wantIn(t, c.wait("1"), "accept accept")
	}
}

// A task that could not be cancelled in the store has not ended: that is no fault of the request.
func TestLegacyTaskCancelThatCannotBeStored(t *testing.T) {
	faults := &taskFaults{}
	r := start(t, withTaskFaults(faults))
	addTaskTools(r.Server)
	c := r.taskLine("{}")
	id := create(t, c, "job", "")
	faults.set(true)
	wantIn(t, c.request("1", "tasks/cancel", taskID(id)), `"code":-32603`)
	r.nothingRuns()
}
