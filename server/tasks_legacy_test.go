package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/task"
)

// taskClient is a client of 2025-11-25, over any door.
type taskClient interface {
	// request returns the answer to one request; params are the members of its params.
	request(id, method, params string) string
}

// taskLine is one over TCP: what comes in between is kept.
type taskLine struct {
	*peerConn
	notes []string
}

func (r *running) taskLine(capabilities string) *taskLine {
	c := r.dialTCP()
	c.initializeWith("2025-11-25", capabilities)
	return &taskLine{peerConn: c}
}

func (c *taskLine) request(id, method, params string) string {
	c.t.Helper()
	c.line(legacyLine(id, method, params))
	return c.wait(id)
}

// wait reads until the answer to id comes.
func (c *taskLine) wait(id string) string {
	c.t.Helper()
	for {
		got := c.read()
		if idOf(got) == id {
			return got
		}
		c.notes = append(c.notes, got)
	}
}

// note reads until something with text in it comes, or has come.
func (c *taskLine) note(text string) string {
	c.t.Helper()
	for i := 0; ; i++ {
		if i == len(c.notes) {
			c.notes = append(c.notes, c.read())
		}
		if strings.Contains(c.notes[i], text) {
			return c.notes[i]
		}
	}
}

// taskSession is one over HTTP.
type taskSession struct {
	r       *running
	headers []string
}

func (r *running) taskSession(capabilities string, headers ...string) *taskSession {
	resp := r.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{`+
		`"protocolVersion":"2025-11-25","capabilities":%s,"clientInfo":{"name":"t","version":"1"}`+
		`}}`, capabilities), headers...)
	session := "Mcp-Session-Id:" + resp.Header.Get("Mcp-Session-Id")
	return &taskSession{r, append([]string{session}, headers...)}
}

func (c *taskSession) request(id, method, params string) string {
	c.r.t.Helper()
	return c.r.text(c.r.post(legacyLine(id, method, params), c.headers...))
}

// create calls a tool as a task and returns the task's id; more are members of the params.
func create(t *testing.T, c taskClient, tool, more string) string {
	t.Helper()
	got := c.request("100", "tools/call", fmt.Sprintf(`"name":%q,"task":{}`, tool)+more)
	wantIn(t, got, `"result":{"task":{"taskId":"`, `"status":"working"`, `"createdAt":"`,
		`"lastUpdatedAt":"`, `"ttl":`, `"pollInterval":`)
	for _, never := range []string{"resultType", "ttlMs", "content"} {
		if strings.Contains(got, never) {
			t.Errorf("%s in %s", never, got)
		}
	}
	_, rest, _ := strings.Cut(got, `"taskId":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

func taskID(id string) string { return fmt.Sprintf(`"taskId":%q`, id) }

// related is the member by which a message is tied to a task.
func related(id string) string {
	return fmt.Sprintf(`"_meta":{"io.modelcontextprotocol/related-task":{"taskId":%q}}`, id)
}

// reaches polls a task of 2025-11-25 until its answer has text in it.
func reaches(t *testing.T, c taskClient, id, text string) (answer string) {
	t.Helper()
	eventually(t, "the task becomes "+text, func() bool {
		answer = c.request("101", "tasks/get", taskID(id))
		return strings.Contains(answer, text)
	})
	return answer
}

// eachTaskDoor runs f over a line door and over HTTP.
func eachTaskDoor(
	t *testing.T, f func(t *testing.T, r *running, release chan struct{}, c taskClient),
) {
	for _, door := range []string{"tcp", "http"} {
		t.Run(door, func(t *testing.T) {
			r := start(t, nil)
			release := addTaskTools(r.Server)
			if door == "tcp" {
				f(t, r, release, r.taskLine("{}"))
				return
			}
			f(t, r, release, r.taskSession("{}"))
		})
	}
}

func TestLegacyTasksAreDeclaredBy20251125Alone(t *testing.T) {
	r := start(t, nil)
	addTaskTools(r.Server)
	declared := `"tasks":{"cancel":{},"list":{},"requests":{"tools":{"call":{}}}}`
	for _, version := range mcp.SupportedVersions()[1:] {
		c := r.dialTCP()
		got := c.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{`+
			`"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
			version))
		list := c.ask(legacyLine("1", "tools/list", ""))
		has := version == "2025-11-25"
		if strings.Contains(got, declared) != has || strings.Contains(got, "extensions") ||
			strings.Contains(list, `"execution":{"taskSupport":"required"}`) != has {
			t.Errorf("%s: got %s and %s", version, got, list)
		}
		if has {
			continue
		}
		for _, method := range []string{"get", "result", "list", "cancel", "update"} {
			wantIn(t, c.ask(legacyLine("2", "tasks/"+method, taskID("x"))), `"code":-32601`)
		}
		wantIn(t, c.ask(legacyLine("3", "tools/call", `"name":"must","task":{}`)), "it went wrong")
	}
	got := r.dialTCP().ask(modernRequest("1", "tools/list", ""))
	if strings.Contains(got, "taskSupport") {
		t.Errorf("2026-07-28: %s", got)
	}
	// A server without tasks declares none and ignores that somebody wants one.
	plain := start(t, nil)
	c := plain.dialTCP()
	c.initialize("2025-11-25")
	wantIn(t, c.ask(legacyLine("1", "tools/call", `"name":"echo","arguments":{"message":"here"},`+
		`"task":{"ttl":1}`)), `"content"`, "here")
	wantIn(t, c.ask(legacyLine("2", "tasks/list", "")), `"code":-32601`)
}

func TestLegacyTaskSupportOfTools(t *testing.T) {
	eachTaskDoor(t, func(t *testing.T, _ *running, release chan struct{}, c taskClient) {
		close(release)
		call := func(params string) string { return c.request("1", "tools/call", params) }
		wantIn(t, call(`"name":"slow","arguments":{"ms":0},"task":{}`), `"code":-32601`,
			"cannot be called as a task")
		wantIn(t, call(`"name":"must"`), `"code":-32601`, "can only be called as a task")
		wantIn(t, call(`"name":"job"`), `"content"`, "the job is done")
		wantIn(t, call(`"name":"late"`), "cannot become a task")
		for _, bad := range []string{`7`, `null`, `[]`, `{"ttl":"1"}`, `{"ttl":-1}`, `{"ttl":{}}`} {
			wantIn(t, call(`"name":"job","task":`+bad), `"code":-32602`)
		}
		wantIn(t, call(`"name":"nowhere","task":{}`), `"code":-32602`)
	})
}

func TestLegacyTaskCompletes(t *testing.T) {
	eachTaskDoor(t, func(t *testing.T, r *running, release chan struct{}, c taskClient) {
		id := create(t, c, "job", "")
		working := c.request("2", "tasks/get", taskID(id)+`,`+related("other"))
		wantIn(t, working, `"result":{"taskId":"`+id, `"status":"working"`, `"ttl":3600000`,
			`"pollInterval":1000`)
		close(release)
		wantIn(t, c.request("3", "tasks/result", taskID(id)), `"id":3`, "the job is done",
			related(id))
		done := reaches(t, c, id, `"completed"`)
		wantIn(t, done, `"result":{"taskId":"`+id)
		for _, never := range []string{"related-task", "resultType", `"content"`, "the job"} {
			if strings.Contains(done, never) {
				t.Errorf("%s in %s", never, done)
			}
		}
		wantIn(t, c.request("4", "tasks/result", taskID(id)), "the job is done", related(id))
		wantIn(t, c.request("5", "tasks/list", ""), `"tasks":[{"taskId":"`+id, `"completed"`)
		wantIn(t, c.request("6", "tasks/cancel", taskID(id)), `"code":-32602`, "completed")
		r.nothingRuns()
	})
}

// A tool that says isError is a task that failed; tasks/result is what the call would have been
// answered with, exactly.
func TestLegacyTaskFails(t *testing.T) {
	eachTaskDoor(t, func(t *testing.T, _ *running, _ chan struct{}, c taskClient) {
		id := create(t, c, "must", "")
		wantIn(t, reaches(t, c, id, `"failed"`), `"statusMessage":"it went wrong"`)
		wantIn(t, c.request("1", "tasks/result", taskID(id)), `"result":{`, `"isError":true`,
			"it went wrong", related(id))
		wantIn(t, c.request("2", "tasks/cancel", taskID(id)), `"code":-32602`, "failed")
		broken := create(t, c, "broken", "")
		wantIn(t, reaches(t, c, broken, `"failed"`), `"statusMessage":"no way"`)
		wantIn(t, c.request("3", "tasks/result", taskID(broken)),
			`"id":3,"error":{"code":-32603,"message":"no way"}}`)
	})
}

func TestLegacyTaskCancel(t *testing.T) {
	eachTaskDoor(t, func(t *testing.T, r *running, _ chan struct{}, c taskClient) {
		id := create(t, c, "job", "")
		wantIn(t, c.request("1", "tasks/cancel", taskID(id)), `"result":{"taskId":"`+id,
			`"status":"cancelled"`, `"statusMessage":`)
		wantIn(t, c.request("2", "tasks/get", taskID(id)), `"status":"cancelled"`)
		wantIn(t, c.request("3", "tasks/result", taskID(id)), `"error"`, "cancelled")
		wantIn(t, c.request("4", "tasks/cancel", taskID(id)), `"code":-32602`, "cancelled")
		r.nothingRuns()
		for _, method := range []string{"tasks/get", "tasks/result", "tasks/cancel"} {
			wantIn(t, c.request("5", method, taskID("nobody")), `"code":-32602`, "unknown task")
			wantIn(t, c.request("6", method, `"taskId":7`), `"code":-32602`)
		}
		wantIn(t, c.request("7", "tasks/update", taskID(id)), `"code":-32601`)
	})
}

// tasks/result waits without a goroutine, a worker or a timeout of its own, and is counted.
func TestLegacyTaskResultWaits(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Limits.Streams, o.CallTimeout = 2, 20*time.Millisecond
	})
	release := addTaskTools(r.Server)
	c := r.taskLine("{}")
	id := create(t, c, "job", "")
	for _, n := range []string{"1", "2"} {
		c.line(legacyLine(n, "tasks/result", taskID(id)))
	}
	eventually(t, "both wait", func() bool { return r.metric("mcploop_streams") == 2 })
	wantIn(t, c.request("3", "tasks/result", taskID(id)), `"code":-31000`, "limits.streams")
	wantIn(t, r.dialTCP().ask(modernCall("1", "slow", `{"ms":60000}`)), `"code":-31001`)
	if n := r.metric("mcploop_streams"); n != 2 { // they came before a call that timed out
		t.Errorf("%v wait", n)
	}
	if n := r.metric("mcploop_workers_busy"); n > 1 { // the job itself
		t.Errorf("%v workers are busy", n)
	}
	c.line(legacyLine("", "notifications/cancelled", `"requestId":1`))
	eventually(t, "one waits", func() bool { return r.metric("mcploop_streams") == 1 })
	r.taskSession("{}").request("9", "ping", "") // others are served
	close(release)
	wantIn(t, c.wait("2"), "the job is done", related(id))
	eventually(t, "nobody waits", func() bool { return r.metric("mcploop_streams") == 0 })
	for _, note := range c.notes {
		if idOf(note) == "1" {
			t.Errorf("the cancelled one was answered: %s", note)
		}
	}
}

// One session has no more tasks/result open than one connection may have calls.
func TestLegacyTaskResultIsBoundedForASession(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.InFlightPerConn = 2 })
	release := addTaskTools(r.Server)
	c := r.taskSession("{}")
	id := create(t, c, "job", "")
	header := strings.Replace(c.headers[0], ":", ": ", 1)
	var waiting []*peerConn
	for n := range 2 {
		one := r.dialHTTP()
		one.send(wirePost(legacyLine(fmt.Sprint(n), "tasks/result", taskID(id)), header))
		waiting = append(waiting, one)
	}
	eventually(t, "both wait", func() bool { return r.metric("mcploop_streams") == 2 })
	wantIn(t, c.request("3", "tasks/result", taskID(id)), `"code":-31000`, "in_flight_per_conn")
	close(release)
	for _, one := range waiting {
		wantIn(t, one.answer("POST").body, "the job is done")
	}
}

// A task that another process runs is waited for and cancelled through the store they share.
func TestLegacyTaskOfAnotherProcess(t *testing.T) {
	store := task.NewMemory(task.MemoryOptions{})
	shared := func(o *server.Options) { o.Tasks.Store = store }
	runs, asks := start(t, shared), start(t, shared)
	release := addTaskTools(runs.Server)
	addTaskTools(asks.Server)
	bob := "Authorization:Bearer bob"
	maker, other := runs.taskSession("{}", bob), asks.taskSession("{}", bob)
	cancelled, done := create(t, maker, "job", ""), create(t, maker, "job", "")
	atHome := runs.dialHTTP()
	atHome.send(wirePost(legacyLine("9", "tasks/result", taskID(cancelled)),
		strings.Replace(maker.headers[0], ":", ": ", 1), "Authorization: Bearer bob"))
	eventually(t, "it waits", func() bool { return runs.metric("mcploop_streams") == 1 })
	wantIn(t, other.request("1", "tasks/cancel", taskID(cancelled)), `"cancelled"`)
	waiting := asks.dialHTTP()
	waiting.send(wirePost(legacyLine("2", "tasks/result", taskID(done)),
		strings.Replace(other.headers[0], ":", ": ", 1), "Authorization: Bearer bob"))
	eventually(t, "it waits", func() bool { return asks.metric("mcploop_streams") == 1 })
	close(release)
	wantIn(t, waiting.answer("POST").body, "the job is done", related(done))
	wantIn(t, atHome.answer("POST").body, `"error"`, "the task was cancelled")
	runs.nothingRuns()
	wantIn(t, maker.request("3", "tasks/get", taskID(cancelled)), `"cancelled"`) // for good
	asks.nothingRuns()
}

func TestLegacyTaskResultEndsWithCancelAndDrain(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Tasks.PollInterval = 10 * time.Millisecond })
	addTaskTools(r.Server)
	c, other := r.taskLine("{}"), r.taskSession("{}")
	id, last := create(t, c, "job", ""), create(t, other, "job", "")
	c.line(legacyLine("1", "tasks/result", taskID(id)))
	wantIn(t, c.request("2", "tasks/cancel", taskID(id)), `"cancelled"`)
	wantIn(t, c.note(`"id":1`), `"error"`, "cancelled")
	waiting := r.dialHTTP()
	waiting.send(wirePost(legacyLine("3", "tasks/result", taskID(last)),
		strings.Replace(other.headers[0], ":", ": ", 1)))
	eventually(t, "it waits", func() bool { return r.metric("mcploop_streams") == 1 })
	r.drainSoon()
	if a := waiting.answer("POST"); !strings.Contains(a.body, `"code":-31000`) ||
		!strings.Contains(a.body, "the server drains") {
		t.Errorf("got %s %s", a.Status, a.body)
	}
}
