package loop

import (
	"errors"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// turnRounds bounds what one turn of a conn does before others have theirs.
const turnRounds = 4

// turn does what c was nudged for. Called only by Loop.drain.
func (c *Conn) turn(bits uint32) {
	defer c.guard()
	if c.state.Load()&stClosed != 0 {
		return
	}
	if c.index < 0 {
		c.loop.register(c)
	}
	if c.state.Load()&stGathered != 0 {
		c.pour()
	}
	if bits == attnQueued && c.plain() { // Fast path: there was something to write.
		return
	}
	if bits&attnHup != 0 {
		c.own |= ownHup
		c.unwatch()
	}
	if bits&attnSecured != 0 {
		c.secured()
	}
	c.advance()
}

// advance brings c from where it is to where its bits want it. It is the slow
// path of every callback and may be called at any time on the loop.
func (c *Conn) advance() {
	if c.state.Load()&stGathered != 0 {
		c.pour()
	}
	st := c.state.Load()
	switch {
	case st&stClosed != 0:
		return
	case st&stFail != 0:
		c.teardown()
		return
	case st&stDialing != 0:
		c.aim()
		return
	}
	if c.own&ownOpen == 0 {
		c.open()
	}
	switch st := c.state.Load(); {
	case st&stFail != 0:
		c.teardown()
		return
	case st&stFinish != 0:
		c.shut()
		return
	}
	if c.state.Load()&stPaused != 0 {
		c.notePause()
	}
	c.pump()
	if c.own&ownDrain != 0 && c.idle() {
		c.finish(nil)
	}
	c.aim()
}

// open watches c and makes the first call.
func (c *Conn) open() {
	c.own |= ownOpen
	w, err := c.loop.poller.add(int(c.fd), c.onReadable, c.onHangup)
	if err != nil {
		c.fail(err)
	} else {
		c.watch = w
		c.own |= ownReading
	}
	c.h.Open(c)
	if c.loop.draining || c.loop.quiet && c.own&ownDialed == 0 {
		c.drain()
	}
}

// pump hands over what can be handed over without waiting for the poller.
func (c *Conn) pump() {
	for range turnRounds {
		st := c.state.Load()
		held, hup := st&stHeld != 0, c.own&(ownHup|ownEOF) == ownHup
		switch {
		case st&(stPressed|stFinish|stFail) != 0:
			return
		case held && c.own&(ownEOF|ownGone) == ownEOF:
			c.own |= ownGone
			if h, ok := c.h.(Hanguper); ok {
				h.Hangup(c)
			}
		case held && (!hup || len(c.carry) >= c.loop.opt.ReadBytes):
			return
		case !held && c.own&ownFresh != 0:
			c.redeliver()
		case hup, c.own&ownMore != 0:
			if c.fill() == filledNone {
				// Not hung up after all: the event was for an earlier user of
				// the fd number (race builds look up by number). aim watches
				// the fd again, under a fresh operator.
				c.own &^= ownHup
				return
			}
		case c.own&(ownEOF|ownTold) == ownEOF:
			c.own |= ownTold
			c.h.EOF(c)
			return
		default:
			return
		}
	}
	c.nudge(0) // there may be more
}

// idle: nothing came in part, nothing waits to go out, nobody holds c.
func (c *Conn) idle() bool {
	return len(c.carry) == 0 && c.state.Load() == 0
}

// shut is advance for a finishing conn: flush, then end our side, then wait
// for the peer's end.
func (c *Conn) shut() {
	if c.state.Load()&stGathered != 0 { // since advance looked: nothing is gathered any more
		c.pour()
	}
	c.endTLS()
	switch st := c.state.Load(); {
	case st&stFail != 0:
		c.teardown()
		return
	case st&stBoxed != 0:
		c.aim()
		return
	}
	if c.own&(ownEOF|ownLinger) == 0 {
		c.dropCarry()
		c.SetDeadline(lingerTime)
		c.own = c.own&^(ownFresh|ownMore) | ownLinger
		if unix.Shutdown(int(c.fd), unix.SHUT_WR) != nil {
			c.own |= ownEOF // the peer is gone already
		}
	}
	c.discard()
	if c.own&ownEOF != 0 {
		c.teardown()
		return
	}
	c.aim()
}

// discard throws input away, by turns when the poller let go of the fd.
func (c *Conn) discard() {
	for range turnRounds {
		if c.own&ownEOF != 0 {
			return
		}
		if c.fill() == filledNone {
			c.own &^= ownHup
			return
		}
	}
	if c.own&(ownHup|ownEOF) == ownHup {
		c.nudge(0)
	}
}

// aim makes the poller, the write side and the wheel watch for what c waits for.
func (c *Conn) aim() {
	st := c.state.Load()
	if st&(stFail|stClosed) != 0 {
		return // a nudge is under way
	}
	reads := c.own&ownOpen != 0 && c.own&(ownHup|ownEOF) == 0
	switch {
	case st&stFinish != 0:
		reads = reads && c.own&ownLinger != 0
	case st&stPressed != 0 || st&stHeld != 0 && len(c.carry) >= c.loop.opt.ReadBytes:
		reads = false
	}
	if reads != (c.own&ownReading != 0) {
		c.aimRead(reads)
	}
	writes := st&(stBoxed|stDialing) != 0 && !c.securing()
	if writes != (c.own&ownArmed != 0) {
		c.aimWrite(writes)
	}
}

func (c *Conn) aimRead(on bool) {
	p := &c.loop.poller
	switch {
	case !on && c.own&ownEOF != 0:
		c.unwatch()
		return
	case !on:
		p.detach(c.watch)
		c.own &^= ownReading
		return
	}
	var err error
	if c.watch == nil {
		c.watch, err = p.add(int(c.fd), c.onReadable, c.onHangup)
	} else {
		c.watch, err = p.resume(c.watch)
	}
	if err != nil {
		c.fail(err)
		return
	}
	c.own |= ownReading
}

func (c *Conn) aimWrite(on bool) {
	if !on {
		c.loop.side.disarm(c)
		c.own &^= ownArmed
		c.wdue = 0
		return
	}
	if err := c.loop.side.arm(c); err != nil {
		c.fail(err)
		return
	}
	c.own |= ownArmed
	if c.own&ownPatient == 0 && c.state.Load()&stDialing == 0 {
		c.postponeWrite()
	}
}

// postponeWrite gives the peer WriteTimeout from now.
func (c *Conn) postponeWrite() {
	c.wdue = c.loop.wheel.tickAt(c.loop.now + int64(c.loop.opt.WriteTimeout))
	c.schedule()
}

// unwatch ends the watch for good.
func (c *Conn) unwatch() {
	if c.watch != nil {
		c.loop.poller.drop(c.watch)
		c.watch = nil
	}
	c.own &^= ownReading
}

// expire is called by the wheel when a deadline of c passed.
func (c *Conn) expire() {
	defer c.guard()
	w := &c.loop.wheel
	st := c.state.Load()
	switch {
	case st&stClosed != 0:
		return
	case c.own&ownLinger != 0:
		c.teardown()
		return
	case c.wdue != 0 && w.passed(c.wdue):
		c.loop.stats.slowConsumers.Add(1)
		c.fail(ErrSlowConsumer)
	case c.due == 0 || !w.passed(c.due):
		return
	case st&stDialing != 0:
		c.fail(c.dialTimeout())
	case st&(stFinish|stFail) != 0:
		c.due = 0 // flushing has its own deadline
	default:
		c.due = 0
		c.loop.stats.late.Add(1)
		c.reply(c.h.Expired(c, c.loop.out))
		if c.due == 0 { // else the handler gave it more time
			c.finish(ErrDeadline)
		}
	}
	c.advance()
}

// fail marks c to be closed now, and nudges. Safe for concurrent use.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	first := c.failLocked(err)
	c.mu.Unlock()
	if first {
		c.nudge(0)
	}
}

// failLocked reports whether c was not failing yet. The caller holds mu and
// nudges.
func (c *Conn) failLocked(err error) bool {
	if c.state.Load()&(stFail|stClosed) != 0 {
		return false
	}
	c.err = err
	c.state.Or(stFail)
	return true
}

// teardown ends c: no callback but Closed comes after it.
func (c *Conn) teardown() {
	l := c.loop
	c.mu.Lock()
	if c.tls != nil {
		c.tls.end(c)
	}
	// From here on no Send touches fd, whose number may be reused at once.
	c.state.Or(stClosed)
	if c.state.Load()&stGathered != 0 {
		c.state.Or(stUnsent)
	}
	c.dropBox()
	fd, err := int(c.fd), c.err
	c.fd = -1
	c.mu.Unlock()

	c.unwatch()
	if c.own&ownArmed != 0 {
		l.side.forget(c, fd)
	}
	l.wheel.unlink(c)
	if errors.Is(err, ErrSlowConsumer) {
		reset(fd) // else the kernel keeps megabytes for a peer that takes nothing
	}
	_ = unix.Close(fd)
	c.dropCarry()
	l.unregister(c)
	if c.own&(ownOpen|ownInbound) != ownInbound {
		c.closed(err)
	}
	l.group.release(c.own)
}

// closed makes the last call; c.guard must not see its panic as one of a conn
// that can still be answered.
func (c *Conn) closed(err error) {
	defer c.guard()
	c.h.Closed(c, err)
}

// drain asks c to end. Called once per conn, on its loop.
func (c *Conn) drain() {
	defer c.guard()
	if c.own&ownOpen == 0 {
		c.fail(ErrDraining) // still dialing
		return
	}
	if d, ok := c.h.(Drainer); ok {
		d.Drain(c)
		return
	}
	c.own |= ownDrain
	c.nudge(0)
}

// guard is deferred around everything that may run a callback: one that
// panics costs its own conn, not the loop.
func (c *Conn) guard() {
	r := recover()
	if r == nil {
		return
	}
	l := c.loop
	l.stats.panics.Add(1)
	l.opt.Log.Error("loop: callback panicked", "conn", c.id, "peer", c.Peer(),
		"panic", r, "stack", string(debug.Stack()))
	if c.state.Load()&stClosed != 0 {
		return
	}
	c.lastWords()
	c.finish(ErrPanic)
	c.nudge(0)
}

// lastWords lets the handler answer for its panic.
func (c *Conn) lastWords() {
	p, ok := c.h.(Panicker)
	if !ok || c.state.Load()&(stFinish|stFail) != 0 {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			c.loop.stats.panics.Add(1)
			c.loop.opt.Log.Error("loop: Panicked panicked", "conn", c.id, "panic", r)
		}
	}()
	c.reply(p.Panicked(c, c.loop.out))
}
