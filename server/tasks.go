package server

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
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

	mu      sync.Mutex // guards running
	running map[string]*taskOrigin
}

func (t *tasks) find(id string) *taskOrigin {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running[id]
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
		if errors.Is(err, task.ErrFull) {
			return codec.ErrOverloaded.With("%v", err)
		}
		return fmt.Errorf("cannot store the task: %w", err)
	}
	return c.becomeTask(to)
}

func (c *Call) becomeTask(to *taskOrigin) error {
	c.telling.Lock()
	if _, already := c.origin.(*taskOrigin); already || c.state.Load() != callPending {
		c.telling.Unlock()
		to.update(func(t *task.Task) { t.Status = task.Cancelled })
		return mcp.ErrNoTask
	}
	client := c.origin
	c.s.tasks.mu.Lock()
	c.s.tasks.running[to.record.ID] = to
	c.s.tasks.mu.Unlock()
	c.origin = to
	c.telling.Unlock()
	c.wait(c.s.opt.Tasks.TTL)
	c.calls.remove(c)
	c.ls.count.tasksCreated.Add(1)
	result := append(to.record.Append([]byte{'{'}, false), '}')
	client.deliver(c, c.s.appendWholeResult(nil, c.id, result, c.request.Version, resultTask), 200)
	return nil
}

// update changes the record unless the task is over, and tells whoever listens.
func (to *taskOrigin) update(change func(*task.Task)) {
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.record.Status.Terminal() {
		return
	}
	next := to.record
	change(&next)
	next.Updated = time.Now()
	if err := to.s.tasks.store.Update(&next); err != nil {
		to.s.opt.Log.Error("cannot store what became of a task", "task", next.ID, "error", err)
		return
	}
	to.record = next
	to.s.taskChanged(&next)
	if next.Status.Terminal() {
		to.s.tasks.mu.Lock()
		delete(to.s.tasks.running, next.ID)
		to.s.tasks.mu.Unlock()
	}
}

// deliver implements origin: message is the answer that the client would have got.
func (to *taskOrigin) deliver(_ *Call, message []byte, _ int) {
	result, fault := codec.Find(message, "result"), codec.Find(message, "error")
	to.update(func(t *task.Task) {
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
	to.update(func(t *task.Task) { t.Status, t.Inputs = task.Cancelled, nil })
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
	to.update(func(t *task.Task) { t.Status, t.Inputs = task.InputRequired, raw })
}

// answer takes answers of tasks/update; those to keys that are not asked for are ignored.
func (to *taskOrigin) answer(responses map[string]json.RawMessage) {
	done := false
	to.update(func(t *task.Task) {
		open := map[string]json.RawMessage{}
		if t.Status != task.InputRequired || json.Unmarshal(t.Inputs, &open) != nil {
			return
		}
		a := &to.call.asking
		a.mu.Lock()
		defer a.mu.Unlock()
		for key, raw := range responses {
			if _, asked := open[key]; asked {
				a.answers[key] = raw
				delete(open, key)
			}
		}
		if len(open) == 0 {
			t.Status, t.Inputs, done = task.Working, nil, true
			return
		}
		if left, err := json.Marshal(open); err == nil {
			t.Inputs = left
		}
	})
	if done {
		to.call.resume()
	}
}
