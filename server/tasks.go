package server

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/task"
)

// tasks are the calls that go on as tasks: of the extension (SEP-2663) and of 2025-11-25
// (basic/utilities/tasks), which differ in their methods and encoders alone. The store has what
// clients may see of them, also of those that are over.
type tasks struct {
	store task.Store

	mu      sync.Mutex // guards what follows
	running map[string]*taskOrigin
	draining

	writing int // what is taken off the loops, because a store may block

	abroad taskOrigin // stands for all tasks that run in another process
}

func (t *tasks) find(id string) *taskOrigin {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running[id]
}

func (t *tasks) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.running)
}

// add notes a task that runs; false once the server has ended all of them.
func (t *tasks) add(to *taskOrigin) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.running[to.id] = to
	return true
}

// over forgets a task that runs no longer.
func (t *tasks) over(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[id] == nil {
		return
	}
	delete(t.running, id)
	t.ended(id, len(t.running))
}

// taskOrigin is where the answer of a call goes that has become a task. It is the only one that
// changes its record.
type taskOrigin struct {
	s    *Server
	call *Call
	id   string

	mu     sync.Mutex // guards record
	record task.Task

	waiting waiters // legacy only
}

// task is where the call's answer goes once it is a task, else nil.
func (c *Call) task() *taskOrigin {
	c.telling.Lock()
	defer c.telling.Unlock()
	to, _ := c.origin.(*taskOrigin)
	return to
}

// StartTask makes a task of the call: the client gets the task, and what the call ends with is the
// task's. It implements mcp.TaskStarter. In 2025-11-25 the client decides, before the handler runs.
func (c *Call) StartTask() error {
	switch {
	case c.method != mcp.MethodToolsCall || !c.request.HasExtension(mcp.ExtensionTasks),
		!c.view.about.Load().tasks, !c.request.Version.Modern():
		return mcp.ErrNoTask
	}
	return c.startTask(c.s.opt.Tasks.TTL)
}

func (c *Call) startTask(ttl time.Duration) error {
	c.keep()
	now := time.Now()
	id := rand.Text()
	to := &taskOrigin{s: c.s, call: c, id: id, record: task.Task{
		ID: id, Principal: c.principal, Status: task.Working, Created: now, Updated: now,
		TTL: ttl, Poll: c.s.opt.Tasks.PollInterval,
	}}
	if err := c.s.tasks.store.Create(&to.record); err != nil { // durable before the answer
		if errors.Is(err, task.ErrFull) || errors.Is(err, task.ErrNoRoom) {
			return codec.ErrOverloaded.With("%v", err)
		}
		c.s.opt.Log.Error("cannot store a task", "tool", c.request.Params.Name, "error", err)
		return codec.ErrInternal.With("the task cannot be stored")
	}
	return c.becomeTask(to)
}

func (c *Call) becomeTask(to *taskOrigin) error {
	result, form := appendCreated(&to.record, c.request.Version)
	ttl := to.record.TTL
	c.telling.Lock()
	_, already := c.origin.(*taskOrigin)
	ended := already || c.state.Load() != callPending
	if ended || !c.s.tasks.add(to) {
		c.telling.Unlock()
		_ = to.update(func(t *task.Task) { t.Status = task.Cancelled })
		if ended {
			return mcp.ErrNoTask
		}
		return errShutDown
	}
	c.catchUp()
	client := c.origin
	c.origin = to
	c.telling.Unlock()
	c.wait(ttl)
	c.calls.remove(c)
	c.ls.count.tasksCreated.Add(1)
	client.deliver(c, c.view.appendWholeResult(nil, c.id, result, c.request.Version, form), 200)
	return nil
}

// appendCreated is the CreateTaskResult of a revision.
func appendCreated(t *task.Task, v mcp.Version) ([]byte, resultType) {
	if v.Modern() {
		return append(t.Append([]byte{'{'}, false), '}'), resultTask
	}
	return append(t.AppendExperimental([]byte(`{"task":`)), '}'), resultComplete
}

// update changes the record unless the task is over, and tells whoever listens. When the store
// does not take the change the record stays as it was and the error says so; a task that was to be
// over is over here all the same.
func (to *taskOrigin) update(change func(*task.Task)) error {
	to.mu.Lock()
	err := to.change(change)
	now := to.record
	to.mu.Unlock()
	if now.Status.Terminal() {
		to.dismiss(&now)
	}
	return err
}

// change is update; to.mu must be held.
func (to *taskOrigin) change(change func(*task.Task)) error {
	if to.record.Status.Terminal() {
		return nil
	}
	next := to.record
	change(&next)
	next.Updated = time.Now()
	if !next.Status.Terminal() {
		return to.write(next)
	}
	defer to.s.tasks.over(next.ID)
	err := to.write(next)
	if err != nil { // an outcome that is smaller may find its way
		next.Status, next.Result, next.Error = task.Failed, nil, taskFault(err)
		if err = to.write(next); err != nil {
			to.record = to.s.tasks.lastWord(next)
		}
	}
	return err
}

// lastWord is what became of a task whose end the store did not take: what another process has
// stored, or else what is known here.
func (t *tasks) lastWord(known task.Task) task.Task {
	stored, err := t.store.Get(known.ID)
	if err == nil && stored.Status.Terminal() {
		return *stored
	}
	return known
}

// write brings a changed record to the store. to.mu must be held.
func (to *taskOrigin) write(next task.Task) error {
	tasks := &to.s.opt.Tasks
	if n := next.Bytes(); n > tasks.ResultBytes {
		return codec.ErrOverloaded.With("the task came to %d bytes; tasks.result_bytes is %d",
			n, tasks.ResultBytes)
	}
	err := to.s.tasks.store.Update(&next)
	switch {
	case errors.Is(err, task.ErrNoRoom):
		return codec.ErrOverloaded.With("%v", err)
	case err != nil:
		to.call.ls.count.taskWritesFailed.Add(1)
		to.s.opt.Log.Error("cannot store what became of a task", "task", next.ID, "error", err)
		return codec.ErrInternal.With("what became of the task cannot be stored")
	}
	to.record = next
	to.s.taskChanged(&next, to.call.peer)
	return nil
}

// taskFault is the error of a task that failed for err, as its client reads it.
func taskFault(err error) json.RawMessage {
	fault, data := mcp.WireError(err, mcp.LatestModern)
	return codec.Find(codec.AppendError(nil, nil, fault, data), "error")
}

// deliver implements origin: message is the answer that the client would have got. An outcome that
// the store does not take is in the log.
func (to *taskOrigin) deliver(_ *Call, message []byte, _ int) {
	result, fault := codec.Find(message, "result"), codec.Find(message, "error")
	_ = to.update(func(t *task.Task) {
		t.Inputs = nil
		if fault != nil {
			t.Status, t.Error = task.Failed, bytes.Clone(fault)
			return
		}
		t.Status, t.Result = task.Completed, bytes.Clone(result)
		t.ToolFailed = string(codec.Find(result, "isError")) == "true"
	})
}

// notify implements origin. Tasks of the extension have no progress and no log (SEP-2663, "Task
// Status Notifications"); those of 2025-11-25 do. Nobody need listen.
func (to *taskOrigin) notify(_ *Call, message []byte) error {
	if to.call.peer != nil {
		to.tell(relatedNotification(message, to.id))
	}
	return nil
}

const cancelledByRequest = "cancelled by request" // a task's message

// abandon implements origin.
func (to *taskOrigin) abandon(*Call) {
	_ = to.update(func(t *task.Task) {
		t.Status, t.Message, t.Inputs = task.Cancelled, cancelledByRequest, nil
	})
}

func (to *taskOrigin) expect(*Call)  {}
func (to *taskOrigin) refused(*Call) {}
