package server

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/task"
)

// tasks are the calls that go on as tasks (SEP-2663). The store has what clients may see of them,
// also of those that are over.
type tasks struct {
	store task.Store

	mu      sync.Mutex // guards what follows
	running map[string]*taskOrigin
	draining
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
	t.running[to.record.ID] = to
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

	mu     sync.Mutex // guards record
	record task.Task
}

// StartTask makes a task of the call: the client gets the task, and what the call ends with is the
// task's. It implements mcp.TaskStarter.
func (c *Call) StartTask() error {
	switch {
	case c.method != mcp.MethodToolsCall || !c.request.HasExtension(mcp.ExtensionTasks),
		!c.s.about.Load().tasks, !c.request.Version.Modern():
		return mcp.ErrNoTask
	}
	now := time.Now()
	o := &c.s.opt.Tasks
	to := &taskOrigin{s: c.s, call: c, record: task.Task{
		ID: rand.Text(), Principal: c.principal, Status: task.Working, Created: now, Updated: now,
		TTL: o.TTL, Poll: o.PollInterval,
	}}
	if err := c.s.tasks.store.Create(&to.record); err != nil { // durable before the answer
		if errors.Is(err, task.ErrFull) || errors.Is(err, task.ErrNoRoom) {
			return codec.ErrOverloaded.With("%v", err)
		}
		return fmt.Errorf("cannot store the task: %w", err)
	}
	return c.becomeTask(to)
}

func (c *Call) becomeTask(to *taskOrigin) error {
	result := append(to.record.Append([]byte{'{'}, false), '}')
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
	c.wait(c.s.opt.Tasks.TTL)
	c.calls.remove(c)
	c.ls.count.tasksCreated.Add(1)
	client.deliver(c, c.s.appendWholeResult(nil, c.id, result, c.request.Version, resultTask), 200)
	return nil
}

// update changes the record unless the task is over, and tells whoever listens. When the store
// does not take the change the record stays as it was and the error says so; a task that was to be
// over is over here all the same.
func (to *taskOrigin) update(change func(*task.Task)) error {
	to.mu.Lock()
	defer to.mu.Unlock()
	return to.change(change)
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
		err = to.write(next)
	}
	to.record.Status = next.Status
	return err
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
	to.s.taskChanged(&next)
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
	})
}

// notify implements origin: tasks have no progress and no log (SEP-2663, "Task Status
// Notifications").
func (to *taskOrigin) notify(*Call, []byte) error { return nil }

// abandon implements origin.
func (to *taskOrigin) abandon(*Call) {
	_ = to.update(func(t *task.Task) { t.Status, t.Inputs = task.Cancelled, nil })
}

func (to *taskOrigin) expect(*Call)  {}
func (to *taskOrigin) refused(*Call) {}

// ask makes the task wait for its client's answers, which tasks/update brings.
func (to *taskOrigin) ask(need *mcp.InputRequired) {
	c := to.call
	if err := c.prepareAsking(need); err != nil {
		c.Fail(err)
		return
	}
	if len(need.Requests) == 0 {
		c.resume()
		return
	}
	raw, err := mcp.AppendInputRequests(nil, need.Requests, c.request.Version)
	if err != nil {
		c.Fail(err)
		return
	}
	c.ls.count.inputAsked.Add(uint64(len(need.Requests)))
	err = to.update(func(t *task.Task) { t.Status, t.Inputs = task.InputRequired, raw })
	if err != nil { // nobody would ever be asked
		c.Fail(err)
	}
}

// answer takes answers of tasks/update; those to keys that are not asked for are ignored. An error
// says that none was taken: they may come again.
func (to *taskOrigin) answer(responses map[string]json.RawMessage) error {
	done, err := to.take(responses)
	if done {
		to.call.resume()
	}
	return err
}

// take is answer without going on; done tells that the last answer is there.
func (to *taskOrigin) take(responses map[string]json.RawMessage) (done bool, err error) {
	to.mu.Lock()
	defer to.mu.Unlock()
	open := map[string]json.RawMessage{}
	if to.record.Status != task.InputRequired || json.Unmarshal(to.record.Inputs, &open) != nil {
		return false, nil
	}
	fresh := map[string]json.RawMessage{}
	for key, raw := range responses {
		if _, asked := open[key]; asked {
			fresh[key] = raw
			delete(open, key)
		}
	}
	if len(fresh) == 0 {
		return false, nil
	}
	err = to.change(func(t *task.Task) { t.Status, t.Inputs = stillAsking(open) })
	if err != nil {
		return false, err
	}
	a := &to.call.asking
	a.mu.Lock()
	maps.Copy(a.answers, fresh)
	a.mu.Unlock()
	return len(open) == 0, nil
}

// stillAsking is where a task stands that waits for answers to open.
func stillAsking(open map[string]json.RawMessage) (task.Status, json.RawMessage) {
	if len(open) == 0 {
		return task.Working, nil
	}
	left, err := json.Marshal(open)
	if err != nil {
		panic("BUG: cannot encode what was decoded: " + err.Error())
	}
	return task.InputRequired, left
}
