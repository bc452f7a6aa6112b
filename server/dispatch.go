package server

// Hot path: no allocation, no lock, no log, no time.Now but for one call in 64.

import (
	"context"
	"errors"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// classify tells the era of a request or notification by its body and sets in.version (2026-07-28,
// basic/versioning; PROTOCOL detection ladder). A modern claim that is faulty is returned as the
// fault; whether the version is spoken here is not looked at yet.
func (in *inbound) classify() *codec.Error {
	mcp.ReadEnvelope(&in.msg, &in.env)
	in.method = mcp.LookupMethod(in.msg.Method)
	if in.env.Claim == nil {
		return nil
	}
	fault := in.env.Check()
	if fault != nil && in.method == mcp.MethodInitialize {
		in.env.Claim = nil // a legacy handshake with something odd in its _meta
		return nil
	}
	in.version = in.env.Version
	return fault
}

// modern tells whether the message claims the modern era.
func (in *inbound) modern() bool { return in.env.Claim != nil }

// dispatch answers a classified message: it appends the answer to out, or leaves in.pending set
// and the answer to somebody else. A notification appends nothing.
func (s *Server) dispatch(in *inbound, out []byte) []byte {
	in.ls.tally.methods[in.method]++
	if in.msg.Kind == codec.KindNotification {
		s.notification(in)
		return out
	}
	if in.method.Notification() || !in.method.In(in.version) {
		return in.fail(out, codec.ErrMethodNotFound, nil)
	}
	switch in.method {
	case mcp.MethodToolsCall:
		return s.callTool(in, out)
	case mcp.MethodToolsList:
		return list(in, in.view.tools, out)
	case mcp.MethodResourcesRead:
		return s.readResource(in, out)
	case mcp.MethodResourcesList:
		return list(in, in.view.resources, out)
	case mcp.MethodTemplatesList:
		return list(in, in.view.templates, out)
	case mcp.MethodPromptsGet:
		return s.getPrompt(in, out)
	case mcp.MethodPromptsList:
		return list(in, in.view.prompts, out)
	case mcp.MethodComplete:
		return s.complete(in, out)
	case mcp.MethodPing:
		return codec.AppendResult(out, in.msg.ID, emptyObject)
	case mcp.MethodDiscover:
		return codec.AppendResult(out, in.msg.ID, in.view.about.Load().discover)
	case mcp.MethodTasksGet, mcp.MethodTasksUpdate, mcp.MethodTasksCancel,
		mcp.MethodTasksResult, mcp.MethodTasksList:
		return s.taskMethod(in, out)
	case mcp.MethodSubscribe, mcp.MethodUnsubscribe:
		return s.subscribe(in, out)
	case mcp.MethodListen:
		return s.listen(in, out)
	case mcp.MethodSetLevel:
		return s.setLevel(in, out)
	}
	return in.fail(out, codec.ErrMethodNotFound, nil)
}

var emptyObject = []byte("{}")

// notification acts on what is not answered. Unknown ones, and requests that lack an id, are
// ignored: a tools/call without an id must not run.
func (s *Server) notification(in *inbound) {
	if in.method != mcp.MethodCancelled {
		return
	}
	if id := in.msg.Param("requestId"); id != nil && in.calls != nil {
		in.calls.cancel(id)
		cancelListen(in, id)
	}
}

// list answers a list method from its pre-encoded pages.
func list[H any](in *inbound, c *mcp.Catalogue[H], out []byte) []byte {
	start := len(out)
	out = appendResultHead(out, in.msg.ID)
	out, fault := c.AppendPage(out, in.version, in.msg.Param("cursor"))
	if fault != nil {
		return in.fail(out[:start], inBand(fault), nil)
	}
	return append(out, '}')
}

// setLevel is logging/setLevel of the legacy revisions.
func (s *Server) setLevel(in *inbound, out []byte) []byte {
	level := mcp.LevelOf(in.msg.Param("level"))
	if level == 0 || in.peer == nil {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("level must be one of debug, "+
			"info, notice, warning, error, critical, alert, emergency")), nil)
	}
	in.peer.logLevel.Store(int32(level))
	return codec.AppendResult(out, in.msg.ID, emptyObject)
}

// inBand is the fault of an accepted request: the HTTP answer itself succeeds.
func inBand(e *codec.Error) *codec.Error {
	own := *e
	own.Status = 200
	return &own
}

// callTool is tools/call.
func (s *Server) callTool(in *inbound, out []byte) []byte {
	name := in.msg.Param("name")
	t, ok := in.view.tools.LookupRaw(name, &in.ls.recent)
	if !ok {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("name must be a string")), nil)
	}
	if t == nil {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("unknown tool %.128s", name)), nil)
	}
	args := in.msg.Arguments
	if args != nil && args[0] != '{' {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("arguments must be an object")), nil)
	}
	if fault := in.env.CheckToken(); fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	w := &t.Handler.work
	if c := t.Handler.input; c != nil && !c.AtSight(in.msg.ArgumentMembers) { // Slow path.
		if len(args) > loopCheckBytes && w.mode != Inline {
			w = &t.Handler.large
		} else if fault := checkArguments(c, args); fault != nil {
			return s.refuseArguments(in, t.Name, fault, out)
		}
	}
	if fault := s.takeInput(in, t.Name, args); fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	in.listed = in.msg.ArgumentMembers
	switch {
	case in.version == mcp.V20251125 && in.view.about.Load().tasks:
		return s.callExperimental(in, t, w, args, out)
	case t.Handler.tasks != "" && in.version.Modern():
		return s.callTask(in, t, w, args, out)
	}
	return s.call(in, w, t.Name, args, out)
}

// takeInput reads what a modern retry brings; legacy clients answer requests instead.
func (s *Server) takeInput(in *inbound, name string, args []byte) (fault *codec.Error) {
	if in.peer == nil {
		in.input, fault = s.readInput(in, name, args)
	}
	return fault
}

// call runs w here and now when it is inline, else hands it on. name is what it was found by.
func (s *Server) call(in *inbound, w *work, name string, args, out []byte) []byte {
	if w.mode == Inline {
		return s.callInline(in, w, name, args, out)
	}
	return s.callLater(in, w, name, args, out)
}

// callInline runs w here and now.
func (s *Server) callInline(in *inbound, w *work, name string, args, out []byte) []byte {
	ls := in.ls
	ls.sampled++
	var began time.Time
	timed := ls.sampled%inlineSample == 0
	if timed {
		began = time.Now()
	}
	req := &ls.inline
	p := &req.Params // field by field: a literal would be built aside and copied
	p.Name, p.Arguments, p.Token = name, args, in.env.Token
	req.List(in.listed)
	req.Version, req.LogLevel = in.version, in.logLevel()
	req.Capabilities, req.Client = in.capabilities(), in.clientInfo()
	req.SessionID, req.Meta = in.sessionID(), in.foreignMeta()
	req.InputResponses, req.InputState = in.input.responses, in.input.state
	start := len(out)
	out = appendResultHead(out, in.msg.ID)
	body := len(out)
	out, err := s.guard(context.Background(), w.run, req, out)
	if err != nil {
		return s.inlineError(in, w, out[:start], err)
	}
	if timed {
		ls.observe(in.method, time.Since(began))
	}
	if !isObject(out[body:]) {
		fault := codec.ErrInternal.With("%q gave no object", name)
		return in.fail(out[:start], fault, nil)
	}
	if w.output != nil {
		if err := w.checkResult(out[body:], in.version); err != nil {
			return in.fail(out[:start], s.badResult(name, err), nil)
		}
	}
	ls.tally.inline++
	return append(in.view.closeResult(out, body, in.version, resultComplete), '}')
}

// inlineSample: one inline call of so many is timed.
const inlineSample = 64

// inlineError answers a handler's error.
func (s *Server) inlineError(in *inbound, w *work, out []byte, err error) []byte {
	var need *mcp.InputRequired
	if errors.As(err, &need) {
		return s.inlineInput(in, w, out, need)
	}
	if !protocolError(err) && in.method == mcp.MethodToolsCall {
		return in.view.appendWholeResult(out, in.msg.ID,
			mcp.AppendErrorResult(nil, []byte(err.Error())), in.version, resultComplete)
	}
	fault, data := mcp.WireError(err, in.version)
	return in.fail(out, fault, data)
}

// inlineInput turns an inline request whose handler needs input into a call, which can wait.
func (s *Server) inlineInput(in *inbound, w *work, out []byte, need *mcp.InputRequired) []byte {
	p := &in.ls.inline.Params
	c, out := s.track(in, w, p.Name, p.Arguments, out)
	if c == nil {
		return out
	}
	in.ls.tally.accepted++
	in.pending = true
	c.require(need)
	c.release() // the handler's part
	return out
}

// callLater hands the call to a worker, or to the tool itself when it is async.
func (s *Server) callLater(in *inbound, w *work, name string, args, out []byte) []byte {
	return s.later(in, w, name, args, out, 0)
}

// later is callLater; a call with a ttl becomes a task before its handler runs.
func (s *Server) later(
	in *inbound, w *work, name string, args, out []byte, ttl time.Duration,
) []byte {
	c, out := s.track(in, w, name, args, out)
	if c == nil {
		return out
	}
	c.ttl = ttl
	if ttl > 0 || w.offLoop { // it makes a task or asks for one
		c.principal = in.owner()
	}
	onLoop := w.async != nil && w.slowInput == nil && !w.offLoop && ttl == 0
	if !onLoop && s.workers.Submit(in.ls.loop.Index(), c) != nil {
		return s.refuseCall(in, c, out)
	}
	in.ls.tally.accepted++
	in.pending = true
	if onLoop {
		c.refs.Add(1) // ours: the tool's part may be over before it returns
		s.startAsync(c)
		c.letGo()
	}
	return out
}

// track makes a call that can be found by its id; nil when it was refused and out has the answer.
func (s *Server) track(in *inbound, w *work, name string, args, out []byte) (*Call, []byte) {
	if s.draining.Load() && s.taskWork[in.method] == nil { // tasks may be asked for
		return nil, in.fail(out, errShutDown, nil)
	}
	c := s.newCall(in, w, name, args)
	if !c.load(len(in.msg.Params)) {
		c.discard()
		return nil, in.fail(out, errManyBytes, nil)
	}
	in.origin.expect(c) // before add: from then on another connection of the session may cancel it
	if !in.calls.add(c) {
		in.origin.refused(c)
		c.discard()
		return nil, in.fail(out, codec.ErrInvalidRequest.With("id is in flight already"), nil)
	}
	in.ls.expiry.add(c)
	if c.state.Load() != callPending {
		in.ls.expiry.remove(c) // it ended before it was watched
	}
	return c, out
}

// refuseCall answers a call that the queue did not take, unless somebody has ended it meanwhile.
func (s *Server) refuseCall(in *inbound, c *Call, out []byte) []byte {
	if !c.leave(callAnswered, ErrEnded) {
		in.ls.tally.accepted++
		in.pending = true
		c.release() // no worker will
		return out
	}
	c.calls.remove(c)
	in.ls.expiry.remove(c)
	in.origin.refused(c)
	c.discard()
	return in.fail(out, codec.ErrOverloaded, nil)
}

// startAsync runs the part of an async tool that may run on the loop.
func (s *Server) startAsync(c *Call) {
	run := func(context.Context, *mcp.Request, []byte) ([]byte, error) {
		c.work.async(c)
		return nil, nil
	}
	_, err := s.guard(context.Background(), run, c.Request, nil)
	if err != nil {
		c.Fail(err)
	}
}
