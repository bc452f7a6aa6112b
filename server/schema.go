package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/mcp/schema"
)

// deriveSchemas fills t's schemas from the types of a typed handler where t brings none.
func deriveSchemas(t *mcp.Tool, in, out reflect.Type) error {
	if t.InputSchema == nil {
		derived, err := jsonschema.ForType(in, &jsonschema.ForOptions{})
		if err != nil {
			return fmt.Errorf("cannot derive a schema from %s: %w", in, err)
		}
		t.InputSchema = derived
	}
	if t.OutputSchema == nil && structured(out) {
		derived, err := jsonschema.ForType(out, &jsonschema.ForOptions{})
		if err != nil {
			return fmt.Errorf("cannot derive a schema from %s: %w", out, err)
		}
		t.OutputSchema = derived
	}
	return nil
}

// structured tells whether an answer of type t is sent as structuredContent.
func structured(t reflect.Type) bool {
	if t == reflect.TypeFor[*mcp.CallToolResult]() || t == reflect.TypeFor[mcp.CallToolResult]() ||
		t.Implements(reflect.TypeFor[mcp.Content]()) {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Map
}

// setCheckers compiles t's schemas into entry. Arguments that are checked fast are checked on the
// loop before anything else is done for the call: that costs less than handing it over. What a
// slow schema takes is the worker's business, so a tool that needs it cannot be inline.
func setCheckers(t *mcp.Tool, entry *tool) error {
	input, err := compileSchema(t.InputSchema)
	if err != nil {
		return fmt.Errorf("its input schema: %w", err)
	}
	output, err := compileSchema(t.OutputSchema)
	if err != nil {
		return fmt.Errorf("its output schema: %w", err)
	}
	if input != nil && !input.Object() {
		return fmt.Errorf("the type of its input schema is not \"object\", which MCP wants")
	}
	for _, c := range []*schema.Checker{input, output} {
		if c != nil && c.Slow() != "" && entry.mode == Inline {
			return fmt.Errorf("it is inline, but in its schema %s; make it Blocking or leave the "+
				"keyword out", c.Slow())
		}
	}
	if input != nil && entry.typed {
		input = input.RefuseFolded()
	}
	switch {
	case input == nil:
	case input.Slow() != "":
		entry.slowInput = input
	default:
		entry.input = input
	}
	entry.output = output
	return nil
}

func compileSchema(s any) (*schema.Checker, error) {
	if s == nil {
		return nil, nil
	}
	return schema.Compile(s)
}

// checkArguments checks raw arguments; none are an empty object.
func checkArguments(c *schema.Checker, args []byte) error {
	if args == nil {
		args = emptyObject
	}
	return c.Check(args)
}

// refuseArguments answers a call whose arguments do not fit: the model shall see it from
// 2025-11-25 on (SEP-1303); before that it is a protocol error.
func (s *Server) refuseArguments(in *inbound, name string, fault error, out []byte) []byte {
	in.ls.count.refusedArgs.Add(1)
	text := argumentsFault(name, fault)
	if in.version >= mcp.V20251125 && !s.wantsTask(in) {
		return s.appendWholeResult(out, in.msg.ID,
			mcp.AppendErrorResult(nil, []byte(text)), in.version, resultComplete)
	}
	return in.fail(out, inBand(codec.ErrInvalidParams.With("%s", text)), nil)
}

// fits checks what only a worker may check; it ends the call when the arguments do not fit.
func (c *Call) fits() bool {
	if c.work.slowInput == nil {
		return true
	}
	fault := checkArguments(c.work.slowInput, c.request.Params.Arguments)
	if fault == nil {
		return true
	}
	c.refuse(fault)
	return false
}

// refuse is refuseArguments for a call that was handed over.
func (c *Call) refuse(fault error) {
	c.ls.count.refusedArgs.Add(1)
	text := argumentsFault(c.request.Params.Name, fault)
	wantsTask := c.ttl > 0 && !c.request.Version.Modern()
	if c.request.Version >= mcp.V20251125 && !wantsTask {
		c.reply(mcp.AppendErrorResult(nil, []byte(text)), resultComplete)
		return
	}
	c.Fail(codec.ErrInvalidParams.With("%s", text))
}

func argumentsFault(name string, fault error) string {
	text := fmt.Sprintf("invalid arguments for tool %q: %v", name, fault)
	if len(text) > faultTextBytes {
		text = strings.ToValidUTF8(text[:faultTextBytes], "") + " …"
	}
	return text
}

// faultTextBytes bounds what an answer says of its faulty arguments, which may repeat them.
const faultTextBytes = 1 << 10

// decodeArguments decodes arguments that were checked already into a typed handler's In.
func decodeArguments(raw []byte, in any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, in)
}

// outputScanners validate what handlers wrote before it is walked.
var outputScanners = sync.Pool{New: func() any { return new(codec.Scanner) }}

// checkResult checks the raw CallToolResult of a tool with an output schema: its structured
// content must conform (2025-06-18, server/tools, "Output Schema"). Results with isError and those
// for older clients carry none.
func (w *work) checkResult(result []byte, v mcp.Version) error {
	scanner := outputScanners.Get().(*codec.Scanner)
	valid := scanner.Valid(result)
	outputScanners.Put(scanner)
	switch {
	case !valid:
		return fmt.Errorf("its result is not JSON in UTF-8")
	case v < mcp.V20250618 || string(codec.Find(result, "isError")) == "true":
		return nil
	}
	content := codec.Find(result, "structuredContent")
	if content == nil {
		return fmt.Errorf("its result has no structuredContent")
	}
	if !v.Modern() && !w.output.Object() { // wrapped, see mcp.StructuredMember
		content = codec.Find(content, mcp.StructuredMember)
		if content == nil {
			return fmt.Errorf("its structuredContent has no %q", mcp.StructuredMember)
		}
	}
	return w.output.Check(content)
}

// loopCheckBytes is how much is checked on a loop: longer arguments of tools that are not inline,
// and longer results of async tools, go to a worker, to which handing over costs less.
const loopCheckBytes = 8 << 10

// checksLater tells whether a worker has to check result, since Reply may be called on a loop.
func (w *work) checksLater(result []byte) bool {
	return w.async != nil && w.output != nil &&
		(w.output.Slow() != "" || len(result) > loopCheckBytes)
}

// checkLater hands a result to a worker, which checks and sends it. The call has its result from
// now on, but may still be cancelled or time out.
func (c *Call) checkLater(result []byte) {
	c.telling.Lock()
	if c.state.Load() != callPending || c.result != nil {
		c.telling.Unlock()
		c.ls.count.late.Add(1)
		return
	}
	own := bytes.Clone(result)
	c.result = &own
	c.refs.Add(1) // the worker's; whoever ends the call comes after this lock
	c.telling.Unlock()
	if c.s.workers.Submit(c.ls.loop.Index(), c) != nil {
		go c.checkNow() // the tool has run: its result is never shed
	}
}

// checkNow is checkLater without a worker.
func (c *Call) checkNow() {
	defer c.release()
	defer func() {
		if recover() != nil {
			c.escaped()
		}
	}()
	c.replyChecked()
}

// replied tells whether the result is there and waits for its check.
func (c *Call) replied() bool {
	c.telling.Lock()
	defer c.telling.Unlock()
	return c.result != nil
}

// replyChecked is ReplyRaw with the result that checkLater has kept.
func (c *Call) replyChecked() {
	if c.conforms(*c.result) {
		c.reply(*c.result, resultComplete)
	}
}

// conforms checks a result before it is sent; it ends the call when it does not conform.
func (c *Call) conforms(result []byte) bool {
	if c.work.output == nil {
		return true
	}
	err := c.work.checkResult(result, c.request.Version)
	if err == nil {
		return true
	}
	c.failWire(c.s.badResult(c.request.Params.Name, err), nil)
	return false
}

// badResult tells the operator of a result that does not conform, and gives what its caller gets.
func (s *Server) badResult(name string, err error) *codec.Error {
	s.resultsRefused.Add(1)
	s.opt.Log.Error("result does not conform to the output schema", "name", name, "error", err)
	return codec.ErrInternal.With("the result of %q does not conform to its output schema", name)
}
