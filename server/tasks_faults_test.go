package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/task"
)

// taskFaults is a store that takes no changes while it is on.
type taskFaults struct {
	task.Store

	mu sync.Mutex
	on bool
}

func (f *taskFaults) set(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = on
}

func (f *taskFaults) Update(t *task.Task) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on {
		return errors.New("the disk is full of secrets")
	}
	return f.Store.Update(t)
}

func withTaskFaults(f *taskFaults) func(*server.Options) {
	return func(o *server.Options) {
		f.Store = task.NewMemory(task.MemoryOptions{})
		o.Tasks.Store = f
	}
}

func (r *running) nothingRuns() {
	r.t.Helper()
	eventually(r.t, "nothing runs", func() bool {
		return r.metric("mcploop_calls_in_flight") == 0 &&
			r.metric("mcploop_tasks_running") == 0 && r.metric("mcploop_workers_busy") == 0
	})
}

// A task whose outcome cannot be stored is over all the same, and so is its handler.
func TestTaskIsOverWhenItsStoreFails(t *testing.T) {
	faults := &taskFaults{}
	r := start(t, withTaskFaults(faults))
	release := addTaskTools(r.Server)
	c := r.dialTCP()
	done := taskOf(t, c.ask(taskCall("1", "job")))
	cancelled := taskOf(t, c.ask(taskCall("2", "job")))
	faults.set(true)
	wantIn(t, c.ask(taskRequest("3", "tasks/cancel", cancelled, "")), `"resultType":"complete"`)
	close(release)
	r.nothingRuns()
	r.logs("cannot store what became of a task", done, cancelled)
	// Nobody would ever see the question of a task that cannot become input_required.
	c.ask(taskCall("4", "form"))
	r.nothingRuns()
}

// Answers that were not stored were not taken: the client is told, and may send them again.
func TestTaskAnswersThatCannotBeStored(t *testing.T) {
	faults := &taskFaults{}
	r := start(t, withTaskFaults(faults))
	addTaskTools(r.Server)
	c := r.dialTCP()
	id := taskOf(t, c.ask(taskCall("1", "form")))
	c.becomes(id, `"input_required"`)
	update := func(responses string) string {
		return c.ask(taskRequest("2", "tasks/update", id, `,"inputResponses":`+responses))
	}
	faults.set(true)
	both := `{"a":{"action":"decline"},"b":{"action":"decline"}}`
	refused := update(both)
	wantIn(t, refused, `"code":-32603`)
	if strings.Contains(refused, "secrets") {
		t.Errorf("the store's error reached the client: %s", refused)
	}
	wantIn(t, update(`{"a":{"action":"cancel"}}`), `"code":-32603`)
	faults.set(false)
	wantIn(t, c.becomes(id, `"input_required"`), `"a":{`, `"b":{`)
	wantIn(t, update(`{"a":{"action":"accept"}}`), `"resultType":"complete"`)
	update(both)
	wantIn(t, c.becomes(id, `"completed"`), "accept decline")
}

// Tasks that are not done when a drain ends are failed, and whoever polls learns why before its
// connection ends.
func TestTaskDrainFailsWhatIsLeft(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Tasks.PollInterval = 200 * time.Millisecond })
	addTaskTools(r.Server)
	c, late := r.dialTCP(), r.dialTCP()
	works, asks := taskOf(t, c.ask(taskCall("1", "job"))), taskOf(t, c.ask(taskCall("2", "form")))
	c.becomes(asks, `"input_required"`)
	f := r.feed(r.post(modernAsk("7", "subscriptions/listen", taskCapabilities,
		fmt.Sprintf(`"notifications":{"taskIds":[%q]}`, works))))
	f.next()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	drained := make(chan struct{})
	go func() { defer close(drained); _ = r.Drain(ctx) }()
	eventually(t, "calls are refused", func() bool {
		return strings.Contains(late.ask(taskCall("3", "job")), `"code":-31000`)
	})
	for _, id := range []string{works, asks} {
		wantIn(t, c.becomes(id, `"failed"`), `"code":-31000`, "the server drains")
	}
	wantIn(t, f.next(), `"status":"failed"`, "the server drains")
	<-drained
}

// A task that is done in time is completed, also while the server drains.
func TestTaskDrainWaitsForWhatCanBeDone(t *testing.T) {
	r := start(t, nil)
	release := addTaskTools(r.Server)
	c := r.dialTCP()
	works, asks := taskOf(t, c.ask(taskCall("1", "job"))), taskOf(t, c.ask(taskCall("2", "form")))
	c.becomes(asks, `"input_required"`)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(ctx) }()
	eventually(t, "calls are refused", func() bool {
		return strings.Contains(c.ask(taskCall("3", "job")), `"code":-31000`)
	})
	c.ask(taskRequest("4", "tasks/update", asks, `,"inputResponses":{"a":{},"b":{}}`))
	c.becomes(asks, `"completed"`)
	close(release)
	wantIn(t, c.becomes(works, `"completed"`), "the job is done")
	if !c.ended() {
		t.Error("more came after the drain")
	}
	c.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// The end of standard input ends the process, whatever its tasks would still do.
func TestTaskDoesNotOutliveStandardInput(t *testing.T) {
	c := startEverything(t)
	c.line(strings.Replace(taskCall("1", "slow_compute"), `"name"`,
		`"arguments":{"seconds":600},"name"`, 1))
	c.in.Close()
	wantIn(t, c.rest()["1"], `"resultType":"task"`)
	c.waitExit(false)
}

// A result that is too large fails its task, and says so; there is no room for more tasks than
// results may be kept of.
func TestTaskResultBytes(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Tasks.ResultBytes, o.Tasks.ResultTotal = 2000, 3000
	})
	server.AddTool(r.Server, mcp.Tool{
		Name: "text", Execution: &mcp.ToolExecution{TaskSupport: "optional"},
	}, func(_ context.Context, _ *mcp.Request, in sleepInput) (string, error) {
		return strings.Repeat("x", in.Ms), nil
	})
	c := r.dialTCP()
	run := func(bytes int) string {
		return c.ask(strings.Replace(taskCall("1", "text"), `"name"`,
			fmt.Sprintf(`"arguments":{"ms":%d},"name"`, bytes), 1))
	}
	wantIn(t, c.becomes(taskOf(t, run(2000)), `"failed"`), `"code":-31000`,
		"tasks.result_bytes is 2000")
	c.becomes(taskOf(t, run(1500)), `"completed"`)
	wantIn(t, c.becomes(taskOf(t, run(1500)), `"failed"`), `"code":-31000`, "too many bytes")
	if n := r.metric("mcploop_task_bytes"); n <= 1500 || n > 3000 {
		t.Errorf("%v bytes are kept", n)
	}
}
