package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/task"
)

// taskHandler answers a method of tasks. It runs on a worker, since a store may block; errWaits
// leaves the call to somebody else.
type taskHandler func(c *Call, dst []byte) ([]byte, error)

// errWaits is what a taskHandler returns whose call is answered later.
var errWaits = errors.New("server: the call waits")

// makeTasks makes the store and what the methods of tasks run.
func (s *Server) makeTasks() {
	s.tasks.store, s.tasks.running = s.opt.Tasks.Store, map[string]*taskOrigin{}
	if s.tasks.store == nil {
		s.tasks.store = task.NewMemory(task.MemoryOptions{
			Max: s.opt.Tasks.Max, MaxPerPrincipal: s.opt.Tasks.MaxPerPrincipal,
			BytesMax: int64(s.opt.Tasks.ResultTotal),
		})
	}
	s.makeForeignTasks()
	s.taskWork = map[mcp.Method]*work{}
	for m, run := range map[mcp.Method]taskHandler{
		mcp.MethodTasksGet: s.getTask, mcp.MethodTasksUpdate: s.updateTask,
		mcp.MethodTasksCancel: s.cancelTask, mcp.MethodTasksResult: s.taskResult,
		mcp.MethodTasksList: s.listTasks,
	} {
		w := s.newWork("mcploop_task_method_duration_seconds", "method", m.String(), nil, Blocking)
		w.offLoop, w.async = true, func(c *Call) { c.runTaskMethod(run) }
		s.taskWork[m] = &w
	}
}

func (c *Call) runTaskMethod(run taskHandler) {
	buf := c.s.buffers.Get()
	defer c.s.buffers.Put(buf)
	result, err := run(c, buf.B[:0])
	switch {
	case errors.Is(err, errWaits):
	case err != nil:
		c.Fail(err)
	default:
		buf.B = result
		c.work.duration.Update(c.age().Seconds())
		c.reply(result, resultComplete)
	}
}

// taskMethod is every method of tasks: all of their params are the arguments.
func (s *Server) taskMethod(in *inbound, out []byte) []byte {
	if !in.view.about.Load().tasks {
		return in.fail(out, codec.ErrMethodNotFound, nil)
	}
	if in.version.Modern() && !declaresTasks(in.capabilities()) {
		fault, data := mcp.WireError(missingTasks(), in.version)
		return in.fail(out, fault, data)
	}
	id, ok := codec.StringContent(in.msg.Param("taskId"))
	if !ok && in.method != mcp.MethodTasksList {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("taskId must be a string")), nil)
	}
	w := s.taskWork[in.method]
	if bytes.HasPrefix(id, []byte(foreignTaskPrefix)) && in.version.Modern() {
		w = &s.foreignTasks
	}
	return s.call(in, w, string(id), in.msg.Params, out)
}

func declaresTasks(capabilities []byte) bool {
	return codec.Find(codec.Find(capabilities, "extensions"), mcp.ExtensionTasks) != nil
}

// missingTasks is the error of a request that needs the extension of a client that lacks it.
func missingTasks() *mcp.Error {
	fault := mcp.MissingCapability()
	fault.Data = map[string]any{"requiredCapabilities": map[string]any{
		"extensions": map[string]any{mcp.ExtensionTasks: struct{}{}},
	}}
	return fault
}

// lookTask finds the task of a request, if it is the client's own. Tasks of our own tools are those
// of the view of everything, as these tools are.
func (s *Server) lookTask(c *Call) (*task.Task, error) {
	id := c.request.Params.Name
	t, err := s.tasks.store.Get(id)
	if err == nil && c.view != &s.view {
		err = task.ErrNotFound
	}
	switch {
	case errors.Is(err, task.ErrNotFound), err == nil && t.Principal != c.principal:
		return nil, inBand(codec.ErrInvalidParams.With("unknown task %.64q", id))
	case err != nil:
		s.opt.Log.Error("cannot look a task up", "task", id, "error", err)
		return nil, codec.ErrInternal.With("the task cannot be looked up")
	}
	return t, nil
}

func (s *Server) getTask(c *Call, dst []byte) ([]byte, error) {
	t, err := s.lookTask(c)
	if err != nil {
		return dst, err
	}
	if t.Status.Terminal() {
		s.tasks.told(t.ID)
	}
	if !c.request.Version.Modern() {
		return t.AppendExperimental(dst), nil
	}
	return append(t.Append(append(dst, '{'), true), '}'), nil
}

func (s *Server) updateTask(c *Call, dst []byte) ([]byte, error) {
	t, err := s.lookTask(c)
	if err != nil {
		return dst, err
	}
	var responses map[string]json.RawMessage
	raw := codec.Find(c.request.Params.Arguments, "inputResponses")
	if json.Unmarshal(raw, &responses) != nil || responses == nil {
		return dst, inBand(codec.ErrInvalidParams.With("inputResponses must be an object"))
	}
	for key, value := range responses {
		if value = bytes.TrimSpace(value); value[0] != '{' {
			fault := codec.ErrInvalidParams.With("inputResponses[%.64q] must be an object", key)
			return dst, inBand(fault)
		}
	}
	if running := s.tasks.find(t.ID); running != nil {
		if err := running.answer(responses); err != nil {
			return dst, err
		}
	}
	return append(dst, `{}`...), nil
}

// cancelTask stops a task. In 2025-11-25 it is cancelled before the answer, which shows it, and one
// that is over is an error; the extension only acknowledges.
func (s *Server) cancelTask(c *Call, dst []byte) ([]byte, error) {
	t, err := s.lookTask(c)
	if err != nil {
		return dst, err
	}
	modern := c.request.Version.Modern()
	if t.Status.Terminal() && !modern {
		return dst, inBand(codec.ErrInvalidParams.With("cannot cancel the task: it is %s already",
			t.Experimental()))
	}
	stopped, err := s.stopTask(t)
	if err != nil {
		return dst, err
	}
	if modern {
		return append(dst, `{}`...), nil
	}
	if t, err = s.lookTask(c); err != nil {
		return dst, err
	}
	switch {
	case t.Status == task.Cancelled:
	case stopped: // but not stored, see taskOrigin.write
		return dst, errNotCancelled
	default: // it came to its end in this moment
		return dst, inBand(codec.ErrInvalidParams.With("cannot cancel the task: it has ended"))
	}
	return t.AppendExperimental(dst), nil
}

var errNotCancelled = codec.ErrInternal.With("the task cannot be cancelled")

// stopTask ends a task that runs; stopped tells that it was not about to end anyway. One that does
// not run in this process is cancelled in the store, which keeps whoever runs it from changing it
// any more.
func (s *Server) stopTask(t *task.Task) (stopped bool, err error) {
	if running := s.tasks.find(t.ID); running != nil {
		return running.call.stop(ErrCancelled), nil
	}
	now, err := s.tasks.store.Get(t.ID) // it may have ended here since
	if err != nil || now.Status.Terminal() {
		return false, nil
	}
	now.Status, now.Message, now.Inputs = task.Cancelled, cancelledByRequest, nil
	now.Updated = time.Now()
	if err := s.tasks.store.Update(now); err != nil && !errors.Is(err, task.ErrConflict) {
		s.opt.Log.Error("cannot store that a task is cancelled", "task", t.ID, "error", err)
		return false, errNotCancelled
	}
	return false, nil
}

// taskResult is tasks/result of 2025-11-25: it waits for the end of the task.
func (s *Server) taskResult(c *Call, dst []byte) ([]byte, error) {
	t, err := s.lookTask(c)
	if err != nil {
		return dst, err
	}
	to := s.tasks.find(t.ID)
	if to == nil && !t.Status.Terminal() { // it has ended since, or runs elsewhere
		if t, err = s.lookTask(c); err != nil {
			return dst, err
		}
		to = &s.tasks.abroad
	}
	if !t.Status.Terminal() {
		waits, err := c.await(to)
		if err != nil || waits {
			return dst, orWaits(err)
		}
		if t, err = s.lookTask(c); err != nil {
			return dst, err
		}
	}
	if !t.Status.Terminal() { // the server drains: nobody looks again
		return dst, errShutDown
	}
	s.tasks.told(t.ID)
	c.endAs(t)
	return dst, errWaits
}

func orWaits(err error) error {
	if err != nil {
		return err
	}
	return errWaits
}

// await makes the call wait for the end of a task; false when the task has ended. Who waits is
// counted as a stream, and one session has no more of them than one connection calls.
func (c *Call) await(to *taskOrigin) (waits bool, err error) {
	if c.awaits.Load() == to {
		return true, nil // it has looked again
	}
	most := c.s.opt.Limits.InFlightPerConn
	if c.peer.line != nil {
		most-- // at the limit the connection is not read: no answer to a question would come in
	}
	if c.calls.len() > most {
		return false, codec.ErrOverloaded.With("limits.in_flight_per_conn is reached: %d", most)
	}
	if !c.s.takeStream() {
		return false, codec.ErrOverloaded.With("limits.streams is reached")
	}
	c.wait(0) // the task has its own time
	c.awaits.Store(to)
	open, waits := to.waiting.join(c)
	if !waits || c.state.Load() != callPending {
		to.depart(c) // it may have ended before it joined
		c.unwait()
		return waits, nil
	}
	to.relay(c, open)
	return true, nil
}

// listTasks is tasks/list of 2025-11-25: what tasks/get would find.
func (s *Server) listTasks(c *Call, dst []byte) ([]byte, error) {
	var cursor []byte
	if raw := codec.Find(c.request.Params.Arguments, "cursor"); raw != nil {
		var ok bool
		if cursor, ok = codec.StringContent(raw); !ok {
			return dst, inBand(codec.ErrInvalidParams.With("cursor must be a string"))
		}
	}
	if c.view != &s.view {
		return append(dst, `{"tasks":[]}`...), nil
	}
	page, next, err := s.tasks.store.List(c.principal, string(cursor), s.opt.Lists.PageSize)
	switch {
	case errors.Is(err, task.ErrCursor):
		fault := codec.ErrInvalidParams.With("cursor is not one that this server gave out")
		return dst, inBand(fault)
	case err != nil:
		s.opt.Log.Error("cannot list tasks", "error", err)
		return dst, codec.ErrInternal.With("the tasks cannot be listed")
	}
	dst = append(dst, `{"tasks":[`...)
	for i, t := range page {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = t.AppendExperimental(dst)
	}
	dst = append(dst, ']')
	if next != "" {
		dst = codec.AppendString(append(dst, `,"nextCursor":`...), next)
	}
	return append(dst, '}'), nil
}

// ownTasks keeps the ids of tasks that run here and belong to principal: only those change.
func (s *Server) ownTasks(ids []string, principal string) (own []string) {
	for _, id := range ids {
		if to := s.tasks.find(id); to != nil && to.call.principal == principal {
			own = append(own, id)
		}
	}
	return own
}

// tellTask tells whoever listens for a task what tasks/get would say now.
func (s *Server) tellTask(id string, params []byte) {
	for _, ls := range s.states {
		if ls.news.addTask(id, params) && ls.loop.Post(ls.tellNews) != nil {
			ls.news.failed()
		}
	}
}

// taskChanged tells whoever listens for the task, and the legacy peer that made it.
func (s *Server) taskChanged(t *task.Task, p *peer) {
	s.tellTask(t.ID, append(t.Append([]byte{'{'}, true), '}'))
	if p != nil {
		status := t.AppendExperimental(nil)
		p.tell(codec.AppendNotification(nil, mcp.NotifyTaskStatus, status))
	}
}

// endTasks cancels the tasks of a legacy peer that has gone, unless others with its credentials can
// ask for them, and lets the store forget them.
func (s *Server) endTasks(p *peer) {
	owner := p.owner.Load()
	if owner == nil {
		return
	}
	s.tasks.offLoop(func() { // off the loop: the store may block
		for _, to := range s.tasks.of(*owner) {
			to.call.stop(ErrDisconnected)
		}
		s.tasks.forget(*owner, s.opt.Lists.PageSize)
	})
}

// forget ends the time of an owner's tasks that are over: nobody can ask for them any more, and
// they would take the room of others'. It asks the store for most at a time.
func (t *tasks) forget(owner string, most int) {
	for cursor, more := "", true; more; more = cursor != "" {
		page, next, err := t.store.List(owner, cursor, most)
		if err != nil {
			return // their time ends by itself
		}
		for _, one := range page {
			if one.Status.Terminal() {
				one.TTL = 0
				_ = t.store.Update(one) // as above
			}
		}
		cursor = next
	}
}

// of returns the tasks of an owner that run.
func (t *tasks) of(owner string) (own []*taskOrigin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, to := range t.running {
		if to.call.principal == owner {
			own = append(own, to)
		}
	}
	return own
}
