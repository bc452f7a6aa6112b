package server_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addTaskTools: "job" waits until it may end, "must" only runs as a task, "form" asks two things,
// "broken" fails as a protocol, "late" becomes a task by itself.
func addTaskTools(s *server.Server) (release chan struct{}) {
	release = make(chan struct{})
	optional := &mcp.ToolExecution{TaskSupport: "optional"}
	server.AddTool(s, mcp.Tool{Name: "job", Execution: optional},
		func(ctx context.Context, _ *mcp.Request, _ struct{}) (string, error) {
			select {
			case <-release:
				return "the job is done", nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		})
	server.AddTool(s, mcp.Tool{
		Name: "must", Execution: &mcp.ToolExecution{TaskSupport: "required"},
	}, func(context.Context, *mcp.Request, struct{}) (string, error) {
		return "", fmt.Errorf("it went wrong")
	})
	server.AddTool(s, mcp.Tool{Name: "broken", Execution: optional},
		func(context.Context, *mcp.Request, struct{}) (string, error) {
			return "", &mcp.Error{Code: -32603, Message: "no way"}
		})
	server.AddTool(s, mcp.Tool{Name: "form", Execution: optional},
		func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
			var a, b mcp.ElicitResult
			if req.Input("a", &a) != nil || req.Input("b", &b) != nil {
				return "", &mcp.InputRequired{
					Requests: mcp.InputRequests{"a": nameForm(), "b": nameForm()},
				}
			}
			return a.Action + " " + b.Action, nil
		})
	server.AddTool(s, mcp.Tool{Name: "late"},
		func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
			return fmt.Sprint(req.StartTask()), nil
		})
	return release
}

const taskCapabilities = `{"elicitation":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}`

// taskCall calls a tool for a client that can take tasks.
func taskCall(id, tool string) string {
	return modernAsk(id, "tools/call", taskCapabilities, fmt.Sprintf(`"name":%q`, tool))
}

func taskRequest(id, method, task, more string) string {
	return modernAsk(id, method, taskCapabilities, fmt.Sprintf(`"taskId":%q`, task)+more)
}

func taskOf(t *testing.T, answer string) string {
	t.Helper()
	wantIn(t, answer, `"resultType":"task"`, `"status":"working"`, `"ttlMs":`, `"pollIntervalMs":`)
	_, rest, _ := strings.Cut(answer, `"taskId":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if len(id) < 22 {
		t.Fatalf("the id of a task is %q in %s", id, answer)
	}
	return id
}

// becomes polls a task until its answer has text in it.
func (c *peerConn) becomes(task, text string) (answer string) {
	c.t.Helper()
	eventually(c.t, "the task becomes "+text, func() bool {
		answer = c.ask(taskRequest(`"poll"`, "tasks/get", task, ""))
		return strings.Contains(answer, text)
	})
	return answer
}

func TestTaskCompletes(t *testing.T) {
	r := start(t, nil)
	release := addTaskTools(r.Server)
	c := r.dialTCP()
	wantIn(t, c.ask(modernRequest("1", "server/discover", "")),
		`"extensions":{"io.modelcontextprotocol/tasks":{}}`)
	id := taskOf(t, c.ask(taskCall("2", "job")))
	wantIn(t, c.becomes(id, `"working"`), `"resultType":"complete"`)
	close(release)
	wantIn(t, c.becomes(id, `"completed"`), `"result":{"content":[{"type":"text",`+
		`"text":"the job is done"}]`)
	// Over HTTP it is the same task; the header names it.
	wantIn(t, r.text(r.post(taskRequest("3", "tasks/get", id, ""), "Mcp-Name:"+id)), `"completed"`)
	wantIn(t, r.text(r.post(taskRequest("3", "tasks/get", id, ""), "Mcp-Name:other")), `-32020`)
	failed := taskOf(t, c.ask(taskCall("4", "must")))
	wantIn(t, c.becomes(failed, `"completed"`), `"isError":true`, "it went wrong")
	broken := taskOf(t, c.ask(taskCall("5", "broken")))
	wantIn(t, c.becomes(broken, `"failed"`), `"error":{"code":-32603,"message":"no way"}`)
	late := taskOf(t, c.ask(taskCall("6", "late")))
	wantIn(t, c.becomes(late, `"completed"`), "nil")
}

func TestTaskRefusals(t *testing.T) {
	r := start(t, nil)
	release := addTaskTools(r.Server)
	close(release)
	c := r.dialTCP()
	// Without the extension: as any tool, refused when it must be a task, and no task methods.
	wantIn(t, c.ask(modernCall("1", "job", "{}")), `"resultType":"complete"`, "the job is done")
	wantIn(t, c.ask(modernCall("1", "late", "{}")), `"resultType":"complete"`, "cannot become")
	resp := r.post(modernCall("1", "must", "{}"))
	if resp.StatusCode != 400 {
		t.Errorf("got %s", resp.Status)
	}
	missing := `"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}`
	wantIn(t, r.text(resp), `"code":-32021`, missing)
	for _, method := range []string{"tasks/get", "tasks/update", "tasks/cancel"} {
		wantIn(t, c.ask(modernRequest("1", method, `"taskId":"x"`)), `"code":-32021`, missing)
		wantIn(t, c.ask(taskRequest("1", method, "nobody", "")), `"code":-32602`)
	}
	for _, method := range []string{"tasks/result", "tasks/list"} {
		wantIn(t, c.ask(taskRequest("1", method, "nobody", "")), `"code":-32601`)
	}
	id := taskOf(t, c.ask(taskCall("2", "job")))
	wantIn(t, r.text(r.post(taskRequest("3", "tasks/get", id, ""), "Mcp-Name:"+id,
		"Authorization:Bearer other")), `"code":-32602`) // somebody else's
	legacy := r.dialTCP()
	legacy.initialize("2025-06-18")
	wantIn(t, legacy.ask(legacyLine("1", "tasks/get", `"taskId":"`+id+`"`)), `"code":-32601`)
	wantIn(t, legacy.ask(legacyCall("2", "must", "{}")), "it went wrong")
	plain := start(t, nil)
	wantIn(t, plain.dialTCP().ask(taskRequest("1", "tasks/get", "x", "")), `"code":-32601`)
}

func TestTaskInputComesByUpdate(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	c := r.dialTCP()
	id := taskOf(t, c.ask(taskCall("1", "form")))
	wantIn(t, c.becomes(id, `"input_required"`), `"inputRequests":{`, `"a":{`, `"b":{`)
	update := func(responses string) string {
		return c.ask(taskRequest("2", "tasks/update", id, `,"inputResponses":`+responses))
	}
	for _, bad := range []string{`null`, `7`, `{"a":1}`} {
		wantIn(t, update(bad), `"code":-32602`)
	}
	wantIn(t, update(`{"a":{"action":"accept"},"unknown":{}}`), `"resultType":"complete"`)
	half := c.becomes(id, `"input_required"`)
	if strings.Contains(half, `"a":{`) || !strings.Contains(half, `"b":{`) {
		t.Errorf("after one answer: %s", half)
	}
	update(`{"a":{"action":"cancel"},"b":{"action":"decline"}}`) // a is answered already
	wantIn(t, c.becomes(id, `"completed"`), "accept decline")
	wantIn(t, update(`{"b":{"action":"accept"}}`), `"resultType":"complete"`)
}

func TestTaskCancelAndListen(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	c := r.dialTCP()
	id := taskOf(t, c.ask(taskCall("1", "job")))
	filter := fmt.Sprintf(`"notifications":{"taskIds":[%q,"nobody"]}`, id)
	wantIn(t, r.text(r.post(modernRequest("7", "subscriptions/listen", filter))), `"code":-32021`)
	f := r.feed(r.post(modernAsk("7", "subscriptions/listen", taskCapabilities, filter)))
	wantIn(t, f.next(), fmt.Sprintf(`"notifications":{"taskIds":[%q]}`, id))
	wantIn(t, c.ask(taskRequest("2", "tasks/cancel", id, "")), `"resultType":"complete"`)
	wantIn(t, f.next(), `"method":"notifications/tasks"`, subscribed("7"), `"taskId":"`+id+`"`,
		`"status":"cancelled"`)
	wantIn(t, c.becomes(id, `"cancelled"`), `"resultType":"complete"`)
	wantIn(t, c.ask(taskRequest("3", "tasks/cancel", id, "")), `"resultType":"complete"`)
	eventually(t, "nothing is in flight", func() bool {
		return r.metric("mcploop_calls_in_flight") == 0
	})
}

// A task belongs to nobody's connection: it goes on when its client has gone.
func TestTaskOutlivesItsConnection(t *testing.T) {
	r := start(t, nil)
	release := addTaskTools(r.Server)
	c := r.dialTCP()
	id := taskOf(t, c.ask(taskCall("1", "job")))
	c.reset()
	close(release)
	wantIn(t, r.dialTCP().becomes(id, `"completed"`), "the job is done")
}

func TestTaskLimits(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Tasks.Max, o.Tasks.TTL = 1, 200*time.Millisecond })
	addTaskTools(r.Server)
	c := r.dialTCP()
	id := taskOf(t, c.ask(taskCall("1", "job")))
	wantIn(t, c.ask(taskCall("2", "job")), `"code":-31000`, "too many tasks")
	eventually(t, "the task is forgotten", func() bool {
		return strings.Contains(c.ask(taskRequest("3", "tasks/get", id, "")), `-32602`)
	})
	eventually(t, "its handler has ended", func() bool {
		return r.metric("mcploop_calls_in_flight") == 0
	})
}

// Whatever races, a task ends once and in one of the ways that were asked for.
func TestTaskRaces(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	var all sync.WaitGroup
	for range 8 {
		c := r.dialTCP()
		all.Go(func() {
			for range 20 {
				id := taskOf(t, c.ask(taskCall("1", "form")))
				for _, key := range []string{"a", "b"} {
					c.line(taskRequest("2", "tasks/update", id,
						`,"inputResponses":{"`+key+`":{"action":"x"}}`))
				}
				c.line(taskRequest("4", "tasks/cancel", id, ""))
				for range 3 {
					c.read()
				}
				var last string
				eventually(t, "the task is over", func() bool {
					last = c.ask(taskRequest("5", "tasks/get", id, ""))
					return strings.Contains(last, `"completed"`) ||
						strings.Contains(last, `"cancelled"`)
				})
				if again := c.ask(taskRequest("5", "tasks/get", id, "")); again != last {
					t.Errorf("a task that is over changed: %s, then %s", last, again)
				}
			}
		})
	}
	all.Wait()
	eventually(t, "nothing is in flight", func() bool {
		return r.metric("mcploop_calls_in_flight") == 0
	})
}
