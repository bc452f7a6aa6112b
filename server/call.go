package server

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/mcp/schema"
	"github.com/mcploop/mcploop/pool"
	"github.com/mcploop/mcploop/server/gateway"
)

// origin is where a call came from and where its answer goes: a connection of the line door, an
// exchange of the HTTP door, a batch. Its methods are safe for concurrent use.
type origin interface {
	// deliver sends the call's one answer, a whole JSON-RPC message; status is the HTTP status
	// of an answer in the modern era. message may be reused after it returns.
	deliver(c *Call, message []byte, status int)
	// notify sends a notification that belongs to the call, before its answer.
	notify(c *Call, message []byte) error
	// abandon ends the call without an answer: it was cancelled.
	abandon(c *Call)
	// expect is called on the loop before the call can be answered; refused takes it back.
	expect(c *Call)
	refused(c *Call)
}

// work is what a call runs: a tool, or the handler of a resource, a prompt or a completion.
type work struct {
	mode      Mode
	run       RawHandler
	async     func(*Call)
	offLoop   bool                         // async runs on a worker
	reuse     bool                         // calls are used again: see callpool.go
	duration  *metrics.PrometheusHistogram // off the loop; nil for inline tools
	slowInput *schema.Checker              // of a tool's arguments, on a worker; mostly nil
	output    *schema.Checker              // of a tool's structured result; nil without a schema
}

// Call is one request on its way to its handler. Reply, ReplyRaw and Fail end it once; what comes
// later is dropped and counted. All methods are safe for concurrent use.
type Call struct {
	// Request is what the client asked; it is valid until the call ends.
	Request *mcp.Request

	s       *Server
	view    *view
	ls      *loopState // the loop it came in on, for its counters
	origin  origin
	calls   *inflight // where it can be found by its id
	work    *work
	peer    *peer // the legacy session, nil in the modern era
	asking  asking
	bytes   []byte       // what request and id point into
	buf     *pool.Buffer // owns bytes; nil when the call does
	id      []byte       // raw JSON
	method  mcp.Method
	request mcp.Request

	principal string        // who it belongs to
	ttl       time.Duration // it becomes a task for so long before its handler runs; 0: it does not

	awaits atomic.Pointer[taskOrigin] // the task whose end answers it; mostly nil
	guest  atomic.Pointer[guest]      // the upstream that was given it; mostly nil

	watcher gateway.EndWatcher // see OnEnd; mostly nil; guarded by telling
	result  *[]byte            // of an async tool, to be checked; guarded by telling
	cause   error              // why it has ended; guarded by telling
	timer   *time.Timer        // see wait; nil: expiry watches it; guarded by telling
	pace    *pace              // of progress; nil until there is some; guarded by telling
	telling sync.Mutex         // held while a notification goes out, and state leaves callPending
	state   atomic.Uint32      // callPending, then one of the others, once
	refs    atomic.Int32       // who still uses the call: the handler, and whoever ends it
	kept    atomic.Bool        // it is not used again
	heavy   atomic.Int64       // bytes that count as in flight; mostly 0
	began   int64              // on the loop's clock
	context *callContext       // nil until it is asked for; guarded by telling

	hash              uint64 // of id; the links are those of inflight
	next, prev, chain *Call
	listed            bool
	timed             bool // in expiry, whose links follow
	older, newer      *Call
}

const (
	callPending = iota
	callAnswered
	callCancelled
)

// Why a call's context ended.
var (
	ErrCancelled    = errors.New("server: the client cancelled the call")
	ErrDisconnected = errors.New("server: the client has gone")
	ErrTimeout      = error(callTimeout{}) // it is a context.DeadlineExceeded, too
	ErrEnded        = errors.New("server: the call has ended")
)

// newCall copies what a call needs of the frame, which does not outlive the wake-up. name is what
// the handler was found by; it is kept.
func (s *Server) newCall(in *inbound, w *work, name string, args []byte) *Call {
	c := s.takeCall(w)
	c.s, c.view, c.ls, c.origin, c.calls = s, in.view, in.ls, in.origin, in.calls
	c.work, c.method, c.peer, c.principal = w, in.method, in.peer, in.principal()
	c.Request = &c.request
	c.refs.Store(2)
	b := c.bytes
	if !w.reuse {
		c.buf = s.buffers.Get()
		b = c.buf.B[:0]
	}
	b = append(b, in.msg.ID...)
	n := len(b)
	b = append(b, args...)
	n2 := len(b)
	b = append(b, in.env.Token...)
	n3 := len(b)
	b = append(b, in.capabilities()...)
	n4 := len(b)
	b = append(b, in.clientInfo()...)
	n5 := len(b)
	b = append(b, in.foreignMeta()...)
	if c.bytes = b; c.buf != nil {
		c.buf.B = b
	}
	c.id = b[:n:n]
	c.request.Params = mcp.CallParams{
		Name: name, Arguments: orNil(b[n:n2:n2]), Token: orNil(b[n2:n3:n3]),
	}
	c.request.Capabilities, c.request.Client = orNil(b[n3:n4:n4]), orNil(b[n4:n5:n5])
	c.request.Meta = orNil(b[n5:len(b):len(b)])
	c.request.Version, c.request.LogLevel = in.version, in.logLevel()
	c.request.SessionID = in.sessionID()
	c.request.Principal = c.principal
	c.request.InputResponses, c.request.InputState = in.input.responses, in.input.state
	c.request.Bind(c, nil)
	c.began = in.ls.loop.Now()
	return c
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// Loop is where the call came in.
func (c *Call) Loop() *loop.Loop { return c.ls.loop }

// OnEnd has w told, instead of who was to be told before, when the call ends otherwise than by an
// answer of the tool. False: it has ended, and nobody will be told. It costs less than Context.
func (c *Call) OnEnd(w gateway.EndWatcher) bool {
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.state.Load() != callPending {
		return false
	}
	c.watcher = w
	return true
}

// Ended tells whether the call was cancelled, timed out or answered.
func (c *Call) Ended() bool { return c.state.Load() != callPending }

// Owner names whose call it is: the same text for the same credentials, "" without any. bySession:
// for a legacy session one of its own, which ends with it.
func (c *Call) Owner(bySession bool) string {
	switch {
	case bySession && c.peer != nil:
		return c.peer.owned()
	case strings.HasPrefix(c.principal, ownedPrefix): // of a task of a session without credentials
		return ""
	}
	return c.principal
}

// Client is the legacy session or connection that makes the call; nil in the modern era, where
// requests have nothing in common.
func (c *Call) Client() gateway.Client {
	if c.peer == nil {
		return nil
	}
	return c.peer
}

// Release says that an async tool uses neither the call nor what its Request points to any more,
// which saves the server their memory. It is called once at most for each run of the tool, after it
// has answered or the call has ended.
func (c *Call) Release() { c.release() }

// Keep says that the call may be touched after Release, by somebody who is not waited for: it is
// not used for another one then. It is called before Release.
func (c *Call) Keep() { c.keep() }

// age is how long ago the call came in.
func (c *Call) age() time.Duration { return time.Duration(c.ls.loop.Clock() - c.began) }

// Notify sends a notification that belongs to the call; it implements mcp.Notifier.
func (c *Call) Notify(method string, params []byte) error {
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.state.Load() != callPending {
		return ErrEnded
	}
	if method == mcp.NotifyProgress && c.hold(params) {
		return nil
	}
	c.catchUp()
	return c.send(method, params)
}

// CloseStream implements mcp.StreamCloser.
func (c *Call) CloseStream(retry time.Duration) {
	c.telling.Lock()
	defer c.telling.Unlock()
	if rs, ok := c.origin.(*replyStream); ok && c.state.Load() == callPending {
		rs.closeStream(retry)
	}
}

// Reply ends the call with a tool's answer.
func (c *Call) Reply(result *mcp.CallToolResult) {
	raw, err := mcp.AppendCallToolResult(nil, result, c.request.Version)
	if err != nil {
		c.Fail(err)
		return
	}
	c.ReplyRaw(raw)
}

// ReplyRaw ends the call with the raw JSON object of a CallToolResult, see RawHandler. result may
// be reused after it returns.
func (c *Call) ReplyRaw(result []byte) {
	if c.work.checksLater(result) {
		c.checkLater(result)
		return
	}
	if c.conforms(result) {
		c.reply(result, resultComplete)
	}
}

// reply ends the call with a result object of that type.
func (c *Call) reply(result []byte, t resultType) {
	c.end(ErrEnded, func(dst []byte) ([]byte, int) {
		return c.view.appendWholeResult(dst, c.id, result, c.request.Version, t), 200
	})
}

// Fail ends the call with an error: an *mcp.Error as a protocol error, any other error of a tool
// as an answer with isError. *mcp.InputRequired does what RequireInput does.
func (c *Call) Fail(err error) {
	if c.work.async != nil && c.replied() {
		c.ls.count.late.Add(1)
		return
	}
	var need *mcp.InputRequired
	if errors.As(err, &need) {
		c.require(need)
		return
	}
	if !protocolError(err) && c.method == mcp.MethodToolsCall {
		c.ReplyRaw(mcp.AppendErrorResult(nil, []byte(err.Error())))
		return
	}
	c.failWire(mcp.WireError(err, c.request.Version))
}

// failWire ends the call with a JSON-RPC error.
func (c *Call) failWire(e *codec.Error, data []byte) { c.failFor(ErrEnded, e, data) }

// failFor is failWire; cause is what the handler's context ends with.
func (c *Call) failFor(cause error, e *codec.Error, data []byte) {
	c.end(cause, func(dst []byte) ([]byte, int) {
		c.ls.count.fault(e)
		return codec.AppendError(dst, c.id, e, data), e.Status
	})
}

func protocolError(err error) bool {
	var own *mcp.Error
	var wire *codec.Error
	return errors.As(err, &own) || errors.As(err, &wire)
}

// leave moves the call out of callPending, once, and ends its context. No notification of the call
// is sent after it.
func (c *Call) leave(to uint32, cause error) bool {
	c.telling.Lock()
	if c.state.Load() != callPending {
		c.telling.Unlock()
		return false
	}
	if to == callAnswered {
		c.catchUp()
	}
	if c.pace != nil {
		c.pace.rest()
	}
	c.cause = cause
	c.state.Store(to)
	if c.timer != nil {
		c.timer.Stop()
	}
	ctx, watcher := c.context, c.watcher
	c.watcher = nil
	c.telling.Unlock()
	if ctx != nil {
		ctx.end(cause)
	}
	if watcher != nil && !errors.Is(cause, ErrEnded) {
		watcher.CallEnded(cause)
	}
	return true
}

// end is the only way to an answer: the first one wins.
func (c *Call) end(cause error, encode func(dst []byte) ([]byte, int)) {
	if !c.leaves(cause) {
		return
	}
	buf := c.s.buffers.Get()
	message, status := encode(buf.B[:0])
	buf.B = message
	c.answer(message, status, c.age())
	c.s.buffers.Put(buf)
}

// leaves is leave for who has an answer, which is late when somebody was first.
func (c *Call) leaves(cause error) bool {
	if c.leave(callAnswered, cause) {
		return true
	}
	c.ls.count.late.Add(1)
	return false
}

// answer sends the answer of a call that has just left callPending.
func (c *Call) answer(message []byte, status int, age time.Duration) {
	c.untrack()
	if c.work.async != nil && c.work.duration != nil {
		c.work.duration.Update(age.Seconds())
	}
	c.ls.count.completed.Add(1)
	c.ls.observe(c.method, age)
	c.origin.deliver(c, message, status)
	c.release()
}

// stop ends the call without an answer, because its client wants none or has gone.
func (c *Call) stop(cause error) bool {
	if !c.leave(callCancelled, cause) {
		return false
	}
	c.untrack()
	c.ls.count.cancelled.Add(1)
	c.origin.abandon(c)
	c.release()
	return true
}

func (c *Call) expire() { c.failFor(ErrTimeout, codec.ErrTimeout, nil) }

func (c *Call) untrack() {
	c.calls.remove(c)
	c.ls.expiry.remove(c)
	c.unask()
	c.unwait()
	c.depart()
}

// dropped ends a call that no worker took before the server's hard end.
func (c *Call) dropped() {
	c.failWire(codec.ErrOverloaded.With("the server is shutting down"), nil)
	c.release()
}

// escaped ends a call whose handler ended its goroutine (runtime.Goexit).
func (c *Call) escaped() {
	c.s.panics.Add(1)
	c.s.opt.Log.Error("handler ended its goroutine", "method", c.method.String(),
		"name", c.request.Params.Name)
	c.failWire(codec.ErrInternal, nil)
}

// discard drops a call that was never handed over.
func (c *Call) discard() {
	c.release()
	c.release()
}
