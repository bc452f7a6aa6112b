package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/task"
)

// drainSoon drains with little time.
func (r *running) drainSoon() {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Drain(ctx) }()
	r.t.Cleanup(func() { cancel(); <-done })
}

func TestLegacyTaskInputOverTCP(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	c := r.taskLine(`{"elicitation":{}}`)
	id := create(t, c, "form", "")
	wantIn(t, reaches(t, c, id, `"input_required"`), `"taskId"`)
	c.line(legacyLine("1", "tasks/result", taskID(id)))
	first, second := c.note(`elicitation/create`), ""
	for _, got := range []string{first, c.read()} {
		wantIn(t, got, `"method":"elicitation/create"`, "What is your name?", related(id))
		second = got
	}
	// A client that asks again is asked again: by the same ids.
	c.line(legacyLine("2", "tasks/result", taskID(id)))
	again := c.read() + c.read()
	wantIn(t, again, `"id":`+idOf(first), `"id":`+idOf(second))
	c.line(`{"jsonrpc":"2.0","id":` + idOf(first) + `,"result":{"action":"accept"}}`)
	wantIn(t, c.request("3", "tasks/get", taskID(id)), `"input_required"`)
	c.line(`{"jsonrpc":"2.0","id":` + idOf(second) + `,"result":{"action":"accept"}}`)
	wantIn(t, c.wait("1"), "accept accept", related(id))
	wantIn(t, c.wait("2"), "accept accept", related(id))
	wantIn(t, reaches(t, c, id, `"completed"`), id)
	// What the client refuses, or cannot do, is the tool's answer.
	refused := create(t, c, "form", "")
	c.line(legacyLine("4", "tasks/result", taskID(refused)))
	question := c.note(related(refused))
	c.line(`{"jsonrpc":"2.0","id":` + idOf(question) + `,"error":{"code":-1,"message":"no time"}}`)
	wantIn(t, c.wait("4"), `"isError":true`, "no time")
	wantIn(t, c.note("notifications/cancelled"), related(refused)) // for the other question
	odd := create(t, c, "form", "")
	c.line(legacyLine("5", "tasks/result", taskID(odd)))
	c.line(`{"jsonrpc":"2.0","id":` + idOf(c.note(related(odd))) + `,"result":7}`)
	wantIn(t, c.wait("5"), `"isError":true`, "no object")
	cannot := r.taskLine("{}")
	wantIn(t, reaches(t, cannot, create(t, cannot, "form", ""), `"failed"`), "did not declare")
	r.nothingRuns()
}

func TestLegacyTaskInputOverHTTP(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	c := r.taskSession(`{"elicitation":{}}`)
	id := create(t, c, "form", "")
	reaches(t, c, id, `"input_required"`)
	f := r.feed(r.post(legacyLine("1", "tasks/result", taskID(id)), c.headers...))
	for range 2 {
		question := f.next()
		wantIn(t, question, `"method":"elicitation/create"`, related(id))
		answer := `{"jsonrpc":"2.0","id":` + idOf(question) + `,"result":{"action":"decline"}}`
		if got := r.post(answer, c.headers...); got.StatusCode != 202 {
			t.Errorf("the answer: %s", got.Status)
		}
	}
	wantIn(t, f.next(), `"id":1`, "decline decline", related(id))
	if got := f.next(); got != "" {
		t.Errorf("behind the result: %s", got)
	}
	// A cancelled task takes its questions back on the stream that asked them.
	cancelled := create(t, c, "form", "")
	f = r.feed(r.post(legacyLine("2", "tasks/result", taskID(cancelled)), c.headers...))
	open := f.next() + f.next()
	wantIn(t, c.request("3", "tasks/cancel", taskID(cancelled)), `"cancelled"`)
	back := f.next() + f.next()
	wantIn(t, open+back, "notifications/cancelled", related(cancelled))
	wantIn(t, f.next(), `"id":2`, `"error"`, "cancelled")
	r.nothingRuns()
}

// An answer that cannot be stored cannot come again in the legacy era: the task fails.
func TestLegacyTaskAnswerThatCannotBeStored(t *testing.T) {
	faults := &taskFaults{}
	r := start(t, withTaskFaults(faults))
	addTaskTools(r.Server)
	c := r.taskLine(`{"elicitation":{}}`)
	id := create(t, c, "form", "")
	c.line(legacyLine("1", "tasks/result", taskID(id)))
	question := c.note("elicitation/create")
	faults.set(true)
	c.line(`{"jsonrpc":"2.0","id":` + idOf(question) + `,"result":{"action":"accept"}}`)
	wantIn(t, c.wait("1"), `"code":-32603`)
	r.nothingRuns()
}

// A task belongs to the session that made it, or to everybody with its credentials.
func TestLegacyTaskIsolation(t *testing.T) {
	r := start(t, nil)
	release := addTaskTools(r.Server)
	t.Cleanup(func() { close(release) })
	mine, bob := r.taskSession("{}"), "Authorization:Bearer bob"
	id := create(t, mine, "job", "")
	for _, stranger := range []taskClient{
		r.taskSession("{}"), r.taskLine("{}"), r.taskSession("{}", bob),
	} {
		for _, method := range []string{"tasks/get", "tasks/result", "tasks/cancel"} {
			wantIn(t, stranger.request("1", method, taskID(id)), `"code":-32602`, "unknown task")
		}
		wantIn(t, stranger.request("2", "tasks/list", ""), `"result":{"tasks":[]}`)
	}
	get := taskRequest("3", "tasks/get", id, "")
	wantIn(t, r.text(r.post(get, "Mcp-Name:"+id)), `"code":-32602`)
	theirs := create(t, r.taskSession("{}", bob), "job", "")
	again := r.taskSession("{}", bob)
	wantIn(t, again.request("4", "tasks/get", taskID(theirs)), `"working"`)
	wantIn(t, again.request("5", "tasks/list", ""), theirs)
	get = taskRequest("6", "tasks/get", theirs, "") // one implementation: the other form, too
	wantIn(t, r.text(r.post(get, "Mcp-Name:"+theirs, bob)), `"working"`, `"ttlMs"`)
	wantIn(t, mine.request("7", "tasks/get", taskID(id)), `"working"`)
}

// A session that ends takes its tasks along, unless somebody else can ask for them.
func TestLegacyTaskEndsWithItsSession(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	line, session := r.taskLine("{}"), r.taskSession("{}")
	known := r.taskSession("{}", "Authorization:Bearer bob")
	create(t, line, "job", "")
	create(t, session, "job", "")
	id := create(t, known, "job", "")
	runs := func(n float64) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " tasks run"), func() bool {
			return r.metric("mcploop_tasks_running") == n
		})
	}
	runs(3)
	line.Close()
	runs(2)
	for _, c := range []*taskSession{session, known} {
		req, _ := http.NewRequest("DELETE", "http://"+r.http+"/mcp", nil)
		for _, h := range c.headers {
			name, value, _ := strings.Cut(h, ":")
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode >= 300 {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
	}
	runs(1)
	again := r.taskSession("{}", "Authorization:Bearer bob")
	wantIn(t, again.request("1", "tasks/cancel", taskID(id)), `"cancelled"`)
	runs(0)
}

func TestLegacyTaskList(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Lists.PageSize = 2 })
	release := addTaskTools(r.Server)
	t.Cleanup(func() { close(release) })
	c := r.taskSession("{}")
	var want, got []string
	for range 5 {
		want = append(want, create(t, c, "job", ""))
	}
	cursor, pages := "", 0
	for pages == 0 || cursor != "" {
		params := ""
		if cursor != "" {
			params = fmt.Sprintf(`"cursor":%q`, cursor)
		}
		page := c.request("1", "tasks/list", params)
		for _, part := range strings.Split(page, `"taskId":"`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			got = append(got, id)
		}
		_, rest, _ := strings.Cut(page, `"nextCursor":"`)
		cursor, _, _ = strings.Cut(rest, `"`)
		pages++
	}
	if pages != 3 || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%d pages of %v; want 3 of %v", pages, got, want)
	}
	for _, bad := range []string{`7`, `"forged"`, `"dG9vbHM6YQ"`, `{}`} {
		wantIn(t, c.request("2", "tasks/list", `"cursor":`+bad), `"code":-32602`)
	}
}

func TestLegacyTaskTTL(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Tasks.TTL, o.Tasks.PollInterval = time.Minute, 100*time.Millisecond
	})
	addTaskTools(r.Server)
	c := r.taskLine("{}")
	for wanted, want := range map[string]string{
		`{}`: "60000", `{"ttl":null}`: "60000", `{"ttl":30000}`: "30000", `{"ttl":1.5e3}`: "1500",
		`{"ttl":1e300}`: "60000", `{"ttl":0}`: "100",
	} {
		got := c.request("1", "tools/call", `"name":"job","task":`+wanted)
		wantIn(t, got, `"ttl":`+want+`,"pollInterval":100}`)
		if want != "100" {
			continue
		}
		_, rest, _ := strings.Cut(got, `"taskId":"`)
		id, _, _ := strings.Cut(rest, `"`)
		wantIn(t, reaches(t, c, id, `"code":-32602`), "unknown task")
		if list := c.request("2", "tasks/list", ""); strings.Contains(list, id) {
			t.Errorf("a task that is gone is listed: %s", list)
		}
	}
}

func TestLegacyTaskStatusIsTold(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	line, session, stranger := r.taskLine("{}"), r.taskSession("{}"), r.taskLine("{}")
	f := r.feed(r.getStream(session.headers...))
	for _, c := range []taskClient{line, session} {
		id := create(t, c, "job", "")
		c.request("1", "tasks/cancel", taskID(id))
		var note string
		if c == line {
			note = line.note("notifications/tasks/status")
		} else {
			note = f.next()
		}
		wantIn(t, note, `"method":"notifications/tasks/status","params":{"taskId":"`+id,
			`"status":"cancelled"`, `"ttl":`)
		if strings.Contains(note, "related-task") {
			t.Errorf("got %s", note)
		}
	}
	stranger.request("9", "ping", "")
	if len(stranger.notes) > 0 {
		t.Errorf("a stranger was told %v", stranger.notes)
	}
}

// Progress goes on while a task runs, tied to it: on the stream of tasks/result, else where the
// session is told of everything.
func TestLegacyTaskProgress(t *testing.T) {
	r := start(t, nil)
	next := make(chan struct{}, 3)
	server.AddTool(r.Server, mcp.Tool{
		Name: "count", Execution: &mcp.ToolExecution{TaskSupport: "optional"},
	}, func(ctx context.Context, req *mcp.Request, _ struct{}) (*mcp.CallToolResult, error) {
		for i := range 3 {
			<-next
			p := mcp.ProgressNotificationParams{Progress: float64(i + 1)}
			if err := req.NotifyProgress(ctx, p); err != nil {
				return nil, err
			}
		}
		return &mcp.CallToolResult{Meta: mcp.Meta{"mine": 7}}, nil
	})
	c := r.taskSession("{}")
	id := create(t, c, "count", `,"_meta":{"progressToken":"p"}`)
	next <- struct{}{} // nobody listens
	f := r.feed(r.getStream(c.headers...))
	next <- struct{}{}
	told := f.next()
	for !strings.Contains(told, `"progress":2`) { // the first may still have come in time
		told = f.next()
	}
	wantIn(t, told, `"progressToken":"p"`, related(id))
	waiting := r.dialHTTP()
	waiting.send(wirePost(legacyLine("1", "tasks/result", taskID(id)),
		strings.Replace(c.headers[0], ":", ": ", 1)))
	eventually(t, "it waits", func() bool { return r.metric("mcploop_streams") == 2 })
	next <- struct{}{}
	a := waiting.answer("POST")
	wantIn(t, a.body, `"progress":3`, related(id), `"id":1`, `"mine":7`)
	if strings.Count(a.body, "related-task") != 2 {
		t.Errorf("the result is not tied to its task, or twice: %s", a.body)
	}
	wantIn(t, f.next(), "notifications/tasks/status", `"completed"`)
}

// What a store says when it fails is in the log, not in an answer.
func TestLegacyTaskStoreFails(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Tasks.Store = brokenStore{task.NewMemory(task.MemoryOptions{})}
	})
	addTaskTools(r.Server)
	c := r.taskLine("{}")
	for _, method := range []string{"tasks/get", "tasks/result", "tasks/cancel", "tasks/list"} {
		got := c.request("1", method, taskID("x"))
		wantIn(t, got, `"code":-32603`)
		if strings.Contains(got, "secrets") {
			t.Errorf("%s: the store's error reached the client: %s", method, got)
		}
	}
	r.logs("secrets")
}

// brokenStore cannot be read.
type brokenStore struct{ task.Store }

func (brokenStore) Get(string) (*task.Task, error) { return nil, fmt.Errorf("full of secrets") }

func (brokenStore) List(string, string, int) ([]*task.Task, string, error) {
	return nil, "", fmt.Errorf("full of secrets")
}
