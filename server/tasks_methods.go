package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/task"
)

// makeTasks makes what tasks/get, tasks/update and tasks/cancel run: on a worker, since a store may
// block.
func (s *Server) makeTasks() {
	s.tasks.store, s.tasks.running = s.opt.Tasks.Store, map[string]*taskOrigin{}
	if s.tasks.store == nil {
		s.tasks.store = task.NewMemory(task.MemoryOptions{
			Max: s.opt.Tasks.Max, MaxPerPrincipal: s.opt.Tasks.MaxPerPrincipal,
			BytesMax: int64(s.opt.Tasks.ResultTotal),
		})
	}
	s.taskWork = map[mcp.Method]*work{}
	for m, run := range map[mcp.Method]RawHandler{
		mcp.MethodTasksGet: s.getTask, mcp.MethodTasksUpdate: s.updateTask,
		mcp.MethodTasksCancel: s.cancelTask,
	} {
		w := s.newWork("mcploop_task_method_duration_seconds", "method", m.String(), run, Blocking)
		s.taskWork[m] = &w
	}
}

// taskMethod is tasks/get, tasks/update and tasks/cancel: all of their params are the arguments.
func (s *Server) taskMethod(in *inbound, out []byte) []byte {
	if !s.about.Load().tasks {
		return in.fail(out, codec.ErrMethodNotFound, nil)
	}
	if !declaresTasks(in.capabilities()) {
		fault, data := mcp.WireError(missingTasks(), in.version)
		return in.fail(out, fault, data)
	}
	id, ok := codec.StringContent(in.msg.Param("taskId"))
	if !ok {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("taskId must be a string")), nil)
	}
	return s.call(in, s.taskWork[in.method], string(id), in.msg.Params, out)
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

// lookTask finds the task of a request, if it is the client's own.
func (s *Server) lookTask(req *mcp.Request) (*task.Task, error) {
	t, err := s.tasks.store.Get(req.Params.Name)
	switch {
	case errors.Is(err, task.ErrNotFound), err == nil && t.Principal != req.Principal:
		return nil, inBand(codec.ErrInvalidParams.With("unknown task %.64q", req.Params.Name))
	case err != nil:
		return nil, fmt.Errorf("cannot look the task up: %w", err)
	}
	return t, nil
}

func (s *Server) getTask(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
	t, err := s.lookTask(req)
	if err != nil {
		return dst, err
	}
	if t.Status.Terminal() {
		s.tasks.told(t.ID)
	}
	return append(t.Append(append(dst, '{'), true), '}'), nil
}

func (s *Server) updateTask(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
	t, err := s.lookTask(req)
	if err != nil {
		return dst, err
	}
	var responses map[string]json.RawMessage
	raw := codec.Find(req.Params.Arguments, "inputResponses")
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

func (s *Server) cancelTask(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
	t, err := s.lookTask(req)
	if err != nil {
		return dst, err
	}
	if running := s.tasks.find(t.ID); running != nil {
		running.call.stop(ErrCancelled)
	}
	return append(dst, `{}`...), nil
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

// taskChanged tells whoever listens for the task what tasks/get would say now.
func (s *Server) taskChanged(t *task.Task) {
	params := append(t.Append([]byte{'{'}, true), '}')
	for _, ls := range s.states {
		if ls.news.addTask(t.ID, params) && ls.loop.Post(ls.tellNews) != nil {
			ls.news.failed()
		}
	}
}
