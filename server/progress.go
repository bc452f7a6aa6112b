package server

import (
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// progressBurst is how many progress notifications of a call go out without a pause.
const progressBurst = 10

// pace keeps the progress notifications of one call apart (all revisions,
// basic/utilities/progress: parties SHOULD limit their rate). What comes too early is held, and
// replaced by what comes after it; it goes out when it is due, or before whatever else the call
// sends, its answer too. A call that tells of no progress has no pace. Guarded by Call.telling.
type pace struct {
	full  time.Duration // since Call.began: when a whole burst may go out again
	held  []byte        // params
	timer *time.Timer   // brings held out; nil: none runs
}

// hold keeps a notification back that comes too early; false when it may go out now. telling must
// be held.
func (c *Call) hold(params []byte) bool {
	every := c.s.opt.Limits.ProgressInterval
	if every <= 0 {
		return false
	}
	if c.pace == nil {
		c.pace = &pace{}
		c.keep() // for its timer
	}
	p := c.pace
	wait := p.full - (progressBurst-1)*every - c.age()
	if wait <= 0 && p.held == nil {
		p.spend(c.age(), every)
		return false
	}
	if p.held != nil {
		c.ls.count.thinned.Add(1)
	}
	p.held = append(p.held[:0], params...)
	if p.timer == nil {
		p.timer = time.AfterFunc(wait, c.progressDue)
	}
	return true
}

// spend notes that a notification goes out.
func (p *pace) spend(now, every time.Duration) { p.full = max(p.full, now) + every }

// progressDue sends what is held.
func (c *Call) progressDue() {
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.pace.timer = nil; c.state.Load() == callPending {
		c.catchUp()
	}
}

// catchUp sends what is held, before something else. telling must be held, and the call pending.
func (c *Call) catchUp() {
	p := c.pace
	if p == nil || p.held == nil {
		return
	}
	p.spend(c.age(), c.s.opt.Limits.ProgressInterval)
	_ = c.send(mcp.NotifyProgress, p.held) // a client that has gone gets nothing
	p.rest()
}

// rest drops what is held. telling must be held.
func (p *pace) rest() {
	p.held = nil
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// send sends a notification of the call. telling must be held.
func (c *Call) send(method string, params []byte) error {
	buf := c.s.buffers.Get()
	defer c.s.buffers.Put(buf)
	buf.B = codec.AppendNotification(buf.B[:0], method, params)
	c.ls.count.notifications.Add(1)
	return c.origin.notify(c, buf.B)
}
