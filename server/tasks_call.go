package server

import (
	"strconv"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// callTask is a modern call of a tool that runs as a task where the client can take one.
func (s *Server) callTask(
	in *inbound, t *mcp.Entry[*tool], w *work, args, out []byte,
) []byte {
	switch {
	case declaresTasks(in.capabilities()):
		return s.later(in, w, t.Name, args, out, s.opt.Tasks.TTL)
	case t.Handler.tasks == taskRequired:
		fault, data := mcp.WireError(missingTasks(), in.version)
		return in.fail(out, fault, data)
	}
	return s.call(in, w, t.Name, args, out)
}

// wantsTask tells whether the client of a tools/call of 2025-11-25 reads its answer as a task: it
// cannot be a tool's result, then.
func (s *Server) wantsTask(in *inbound) bool {
	return in.version == mcp.V20251125 && in.view.about.Load().tasks && in.msg.Param("task") != nil
}

// callExperimental is tools/call of 2025-11-25 on a server with tasks: there the client says
// whether it wants one (basic/utilities/tasks, "Tool-Level Negotiation").
func (s *Server) callExperimental(
	in *inbound, t *mcp.Entry[*tool], w *work, args, out []byte,
) []byte {
	wanted, support := in.msg.Param("task"), t.Handler.tasks
	switch {
	case wanted == nil && support == taskRequired:
		return in.fail(out, codec.ErrMethodNotFound.With("tool %.128q can only be called as a "+
			"task", t.Name), nil)
	case wanted == nil:
		return s.call(in, w, t.Name, args, out)
	case support == "":
		return in.fail(out, codec.ErrMethodNotFound.With("tool %.128q cannot be called as a task",
			t.Name), nil)
	}
	ttl, fault := s.readTTL(wanted)
	if fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	return s.later(in, w, t.Name, args, out, ttl)
}

// readTTL returns how long a task will be kept whose client wants raw, a TaskMetadata: as long as
// it says, but at most tasks.ttl, and long enough to be asked for once.
func (s *Server) readTTL(raw []byte) (time.Duration, *codec.Error) {
	most := s.opt.Tasks.TTL
	if !isObject(raw) {
		return 0, codec.ErrInvalidParams.With("task must be an object")
	}
	text := codec.Find(raw, "ttl")
	if text == nil || string(text) == "null" { // as long as possible
		return most, nil
	}
	ms, err := strconv.ParseFloat(string(text), 64)
	if err != nil || ms < 0 {
		return 0, codec.ErrInvalidParams.With("task.ttl must be a number of milliseconds")
	}
	if ms >= float64(most.Milliseconds()) {
		return most, nil
	}
	ttl := time.Duration(ms * float64(time.Millisecond))
	return max(ttl, min(s.opt.Tasks.PollInterval, most)), nil
}
