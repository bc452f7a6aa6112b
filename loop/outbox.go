package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// Send writes b to the peer: at once when the outbox is empty, else behind what
// waits there. b may be reused when Send returns. ErrClosed on a conn that is
// closed or finishing; ErrSlowConsumer, and c is closed, when the outbox would
// pass Options.OutboxMax. A nil error does not mean that the peer got it. Safe
// for concurrent use; each call's bytes stay together.
func (c *Conn) Send(b []byte) error { return c.SendWithin(b, c.loop.opt.OutboxMax) }

// SendWithin is Send with a bound of its own, in bytes, in place of OutboxMax: for bytes that
// must not be lost because others wait, such as the outcome of work that was accepted. The
// peer is still cut when it does not read (Options.WriteTimeout).
func (c *Conn) SendWithin(b []byte, outboxMax int) error {
	if len(b) == 0 {
		return nil
	}
	c.mu.Lock()
	before := c.state.Load()
	if before&(stFinish|stFail|stClosed) != 0 {
		c.mu.Unlock()
		return ErrClosed
	}
	err := c.put(b, outboxMax)
	news := (c.state.Load() ^ before) & (stBoxed | stPressed | stFail)
	c.mu.Unlock()
	if news != 0 {
		c.nudge(0) // the write side, the reading or the end are the loop's
	}
	return err
}

// Queued is the number of bytes in the outbox. Safe for concurrent use.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued()
}

func (c *Conn) queued() int {
	if c.box == nil {
		return 0
	}
	return len(c.box.B) - c.off
}

// put writes or queues b, up to outboxMax. The caller holds mu, c is neither failing nor closed.
func (c *Conn) put(b []byte, outboxMax int) error {
	if c.state.Load()&stGathered != 0 {
		return c.join(b, outboxMax)
	}
	if c.tls == nil || c.state.Load()&stDialing != 0 {
		return c.putSealed(b, outboxMax)
	}
	sealed, err := c.tls.seal(c, b)
	if err != nil {
		c.failLocked(err)
		return ErrClosed
	}
	err = c.putSealed(sealed, outboxMax)
	c.tls.drop(c)
	return err
}

// putSealed is put for what goes out as it is.
func (c *Conn) putSealed(b []byte, outboxMax int) error {
	opt, stats := c.loop.opt, &c.loop.stats
	if c.box == nil && c.state.Load()&stDialing == 0 {
		// Fast path: the socket takes it all.
		n, errno := send(c.fd, b)
		switch {
		case errno == 0:
			stats.writes.Add(1)
			stats.bytesOut.Add(uint64(n))
			if n == len(b) {
				return nil
			}
			b = b[n:]
		case errno != unix.EAGAIN:
			c.failLocked(os.NewSyscallError("send", errno))
			return ErrClosed
		}
	}
	// Slow path: keep the rest until the write side says that there is room.
	if c.box != nil && c.queued()+len(b) > outboxMax {
		stats.slowConsumers.Add(1)
		c.failLocked(ErrSlowConsumer)
		return ErrSlowConsumer
	}
	c.enqueue(b)
	if c.queued() > opt.OutboxHigh {
		c.state.Or(stPressed)
	}
	return nil
}

func (c *Conn) enqueue(b []byte) {
	if c.box == nil {
		c.box, c.off = c.loop.opt.Buffers.Get(), 0
		if c.state.Load()&stDialing == 0 {
			c.state.Or(stBoxed)
		}
	}
	if c.off > 0 && len(c.box.B)+len(b) > cap(c.box.B) {
		c.box.B = c.box.B[:copy(c.box.B, c.box.B[c.off:])]
		c.off = 0
	}
	c.box.B = append(c.box.B, b...)
	c.loop.stats.outboxBytes.Add(int64(len(b)))
}

// dropBox gives the outbox back. The caller holds mu.
func (c *Conn) dropBox() {
	if c.box == nil {
		return
	}
	if c.state.Load()&stGathered == 0 {
		c.loop.stats.outboxBytes.Add(-int64(c.queued()))
	}
	c.loop.opt.Buffers.Put(c.box)
	c.box, c.off = nil, 0
	c.state.And(^(stBoxed | stPressed | stGathered))
}

// writable is called by the write side: the socket has room, or is broken.
func (c *Conn) writable() {
	defer c.guard()
	if c.state.Load()&stDialing != 0 && !c.connected() {
		return
	}
	c.flush()
	c.advance()
}

// flush sends what the socket takes of the outbox. Called only on c's loop.
func (c *Conn) flush() {
	opt, stats := c.loop.opt, &c.loop.stats
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load()&(stBoxed|stFail|stClosed) != stBoxed {
		return
	}
	n, errno := send(c.fd, c.box.B[c.off:])
	switch {
	case errno == unix.EAGAIN:
		return
	case errno != 0:
		c.failLocked(os.NewSyscallError("send", errno))
		return
	}
	c.off += n
	stats.writes.Add(1)
	stats.bytesOut.Add(uint64(n))
	stats.outboxBytes.Add(-int64(n))
	switch left := c.queued(); {
	case left == 0:
		c.dropBox()
	case left < opt.OutboxLow:
		c.state.And(^stPressed)
		if c.wdue != 0 {
			c.postponeWrite()
		}
	}
}
