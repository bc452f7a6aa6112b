package server

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/mcp/schema"
)

// Mode says where a tool runs.
type Mode uint8

const (
	// Blocking tools run on a worker and may take their time. It is the default.
	Blocking Mode = iota
	// Inline tools run on the loop of the caller's connection. They must return within
	// microseconds, must not block, and cannot report progress; in exchange a call costs no
	// hand-over.
	Inline
)

// RawHandler answers one tools/call without any decoding or encoding in between: it appends
// the JSON object of a CallToolResult to dst and returns it. req and the bytes it points to are
// valid until the handler returns: after that they are another request's. An *mcp.Error fails the
// call as a protocol error, any other error becomes an answer with isError. The answer must be
// valid JSON in UTF-8, as the revision req.Version knows it; a _meta must be the object's first
// member. Arguments that do not fit the tool's InputSchema never reach it; without one it checks
// them itself.
type RawHandler func(ctx context.Context, req *mcp.Request, dst []byte) ([]byte, error)

// tool is what the catalogue keeps of a tool.
type tool struct {
	work
	mirrored []mcp.Mirror    // arguments that Mcp-Param-* headers repeat
	tasks    string          // Tool.Execution.TaskSupport
	input    *schema.Checker // of the arguments, on the loop; nil: none, or work.slowInput
	large    work            // instead of work for arguments of more than loopCheckBytes
	typed    bool            // encoding/json decodes the arguments
	foreign  foreign
}

// Values of Tool.Execution.TaskSupport that make tasks.
const (
	taskOptional = "optional"
	taskRequired = "required"
)

// AddRawTool offers a tool with a raw handler. A tool of the same name is replaced. Safe for
// concurrent use; clients that listen are told that the list has changed.
func (s *Server) AddRawTool(t mcp.Tool, h RawHandler, mode ...Mode) error {
	m := modeOf(mode)
	return s.addTool(&t, &tool{work: work{mode: m, run: h, reuse: m == Blocking}})
}

// AddAsyncTool offers a tool that answers later. h runs on the loop and must not block; it
// hands the call to somebody who ends it once with Reply, ReplyRaw or Fail, from any goroutine.
// What costs more than a loop can spare is done on a worker: h runs there when the arguments are
// long or their schema is slow, and results that are long or have a slow schema are checked there.
func (s *Server) AddAsyncTool(t mcp.Tool, h func(*Call)) error {
	return s.addTool(&t, &tool{work: work{async: h}})
}

// RemoveTool takes a tool out; false when there is none of that name.
func (s *Server) RemoveTool(name string) bool {
	if !s.tools.Remove(name) {
		return false
	}
	s.listChanged(listTools)
	return true
}

// mirrorsOf finds the arguments that headers repeat.
func mirrorsOf(t *mcp.Tool) ([]mcp.Mirror, error) {
	raw, err := json.Marshal(t.InputSchema)
	if err != nil {
		return nil, err
	}
	return mcp.Mirrors(raw)
}

func (s *Server) addTool(t *mcp.Tool, entry *tool) error {
	err := setCheckers(t, entry)
	if err != nil {
		return fmt.Errorf("cannot add tool %q: %w", t.Name, err)
	}
	if entry.mirrored, err = mirrorsOf(t); err != nil {
		return fmt.Errorf("cannot add tool %q: %w", t.Name, err)
	}
	if entry.mode != Inline {
		entry.duration = s.toolHistogram(t.Name)
	}
	entry.large = entry.work
	if entry.input != nil {
		entry.large.slowInput = entry.input
	}
	if t.Execution != nil {
		switch entry.tasks = t.Execution.TaskSupport; entry.tasks {
		case "", "forbidden":
			entry.tasks = ""
		case taskOptional, taskRequired:
		default:
			return fmt.Errorf("cannot add tool %q: TaskSupport is %q; want forbidden, optional or "+
				"required", t.Name, entry.tasks)
		}
	}
	if err := s.tools.Add(t, entry); err != nil {
		return err
	}
	if entry.tasks != "" {
		s.offers(abilities{tasks: true})
	}
	s.listChanged(listTools)
	return nil
}

func modeOf(mode []Mode) Mode {
	if len(mode) == 0 {
		return Blocking
	}
	return mode[0]
}

// AddTool offers a tool whose arguments are decoded into In and whose answer is encoded from
// Out. In must be a struct or a map with string keys; unless t brings an InputSchema it is
// derived from In (field tags: json, and jsonschema for the description). Arguments that do not
// fit the schema never reach h.
//
// Out may be *mcp.CallToolResult (sent as it is), string (one text block), mcp.Content or
// []mcp.Content, or a struct or map: then it is sent as structuredContent and as a text block
// with the same JSON, and the output schema is derived unless t brings one. Any other Out is
// sent as the text of its JSON. An *mcp.Error fails the call as a protocol error; any other
// error becomes an answer with isError.
//
// AddTool panics when the tool cannot be offered: a bad name, or a type that has no schema.
func AddTool[In, Out any](
	s *Server, t mcp.Tool, h func(context.Context, *mcp.Request, In) (Out, error), mode ...Mode,
) {
	if err := deriveSchemas(&t, reflect.TypeFor[In](), reflect.TypeFor[Out]()); err != nil {
		panic(fmt.Sprintf("BUG: cannot add tool %q: %v", t.Name, err))
	}
	run := func(ctx context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
		var in In
		if fault := decodeArguments(req.Params.Arguments, &in); fault != nil {
			return invalidArguments(dst, req.Version, t.Name, fault)
		}
		out, err := h(ctx, req, in)
		if err != nil {
			return dst, err
		}
		return appendOutput(dst, any(out), req.Version)
	}
	entry := &tool{work: work{mode: modeOf(mode), run: run}, typed: true}
	if err := s.addTool(&t, entry); err != nil {
		panic("BUG: " + err.Error())
	}
}

// invalidArguments is the answer to arguments that fit the schema but not In, as one given by
// hand allows; see refuseArguments.
func invalidArguments(dst []byte, v mcp.Version, name string, fault error) ([]byte, error) {
	text := argumentsFault(name, fault)
	if v >= mcp.V20251125 {
		return mcp.AppendErrorResult(dst, []byte(text)), nil
	}
	return dst, codec.ErrInvalidParams.With("%s", text)
}

// appendOutput encodes what a typed handler returned.
func appendOutput(dst []byte, out any, v mcp.Version) ([]byte, error) {
	switch result := out.(type) {
	case *mcp.CallToolResult:
		return mcp.AppendCallToolResult(dst, result, v)
	case mcp.CallToolResult:
		return mcp.AppendCallToolResult(dst, &result, v)
	case string:
		return mcp.AppendTextResult(dst, []byte(result)), nil
	case mcp.Content:
		return mcp.AppendCallToolResult(dst,
			&mcp.CallToolResult{Content: []mcp.Content{result}}, v)
	case []mcp.Content:
		return mcp.AppendCallToolResult(dst, &mcp.CallToolResult{Content: result}, v)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return dst, fmt.Errorf("cannot encode the answer: %w", err)
	}
	if raw[0] != '{' {
		return mcp.AppendTextResult(dst, raw), nil
	}
	return mcp.AppendStructuredResult(dst, raw, v), nil
}
