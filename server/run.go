package server

import (
	"context"
	"runtime/debug"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// runBlocking is what a worker does with a call.
func (s *Server) runBlocking(_ int, c *Call) {
	returns := false
	defer func() {
		if !returns { // the handler ended its goroutine, see escaped
			c.keep()
		}
		c.release()
	}()
	s.work(c)
	returns = true
}

func (s *Server) work(c *Call) {
	if c.state.Load() != callPending {
		return // cancelled while it waited
	}
	if c.work.async != nil && c.replied() {
		c.replyChecked()
		return
	}
	if !c.fits() {
		return
	}
	if ttl := c.ttl; ttl > 0 { // here and not on the loop: the store may block
		c.ttl = 0
		if err := c.startTask(ttl); err != nil {
			c.Fail(err)
			return
		}
	}
	if c.work.async != nil {
		c.refs.Add(1) // the tool's, see release
		s.startAsync(c)
		return
	}
	c.run()
}

// run lets the handler append its result behind the head of the answer.
func (c *Call) run() {
	s := c.s
	buf := s.buffers.Get()
	defer s.buffers.Put(buf)
	out, err := s.guard(c.Context(), c.work.run, c.Request, appendResultHead(buf.B[:0], c.id))
	if err != nil {
		c.Fail(err)
		return
	}
	age := c.age()
	if c.work.duration != nil {
		c.work.duration.Update(age.Seconds())
	}
	// The head is looked for by what it says: a handler that ignores dst may have overwritten it.
	body := behindResultHead(out, c.id)
	if body == 0 || !isObject(out[body:]) { // Slow path: not appended, or no result.
		c.ReplyRaw(out[body:])
		return
	}
	buf.B = out
	if !c.conforms(out[body:]) {
		return
	}
	out = append(s.closeResult(out, body, c.request.Version, resultComplete), '}')
	if buf.B = out; c.leaves(ErrEnded) {
		c.answer(out, 200, age)
	}
}

// release gives the call's bytes back once the worker's handler and whoever ended the call have
// both let go of them. An async handler that does not say when it has (Release) leaves its bytes to
// the collector.
func (c *Call) release() {
	if c.work.async != nil {
		c.unload() // before refs is lowered: c may be somebody else's then
	}
	c.letGo()
}

// letGo is release by who neither runs the call nor ends it.
func (c *Call) letGo() {
	if c.refs.Add(-1) == 0 {
		c.unload()
		c.s.giveCall(c)
	}
}

// guard runs a handler and turns its panic into -32603.
func (s *Server) guard(
	ctx context.Context, run RawHandler, req *mcp.Request, dst []byte,
) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.panics.Add(1)
			s.opt.Log.Error("handler panicked", "name", req.Params.Name, "panic", r,
				"stack", string(debug.Stack()))
			out, err = dst, codec.ErrInternal
		}
	}()
	return run(ctx, req, dst)
}
