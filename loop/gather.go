package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// Hot path: no allocation, no log, no time.Now.

// gatherMax bounds the bytes of one conn that wait for its loop to write them.
const gatherMax = 64 * kib

// SendSoon is SendWithin for one of many messages that come at about the same
// time, each from a goroutine of its own: a write for each would cost more than
// all else. The message waits in the outbox until the loop looks, which writes
// all that came until then at once. A loop that sleeps is woken for that only if
// more says that others are about to follow; else the bytes are written here,
// with what waits. Safe for concurrent use.
func (c *Conn) SendSoon(b []byte, outboxMax int, more bool) error {
	return c.SendBoth(nil, b, outboxMax, more)
}

// Unsent reports whether c ended before the loop wrote what SendSoon took last: nothing of that has
// reached the socket. Called only in Closed, or later.
func (c *Conn) Unsent() bool { return c.state.Load()&stUnsent != 0 }

// SendBoth is SendSoon of two pieces that belong together. head is always copied, so that it need
// not be on the heap; it may be empty, and b only if head is.
func (c *Conn) SendBoth(head, b []byte, outboxMax int, more bool) error {
	if len(b) == 0 {
		return nil
	}
	more = more || c.loop.state.Load() != asleep
	c.mu.Lock()
	before := c.state.Load()
	if before&(stFinish|stFail|stClosed) != 0 {
		c.mu.Unlock()
		return ErrClosed
	}
	var err error
	switch {
	case !more || before&(stBoxed|stDialing) != 0 ||
		c.queued()+len(head)+len(b) > gatherMax || c.tls != nil:
		err = c.putBoth(head, b, outboxMax)
	case c.box == nil:
		c.box, c.off = c.loop.opt.Buffers.Get(), 0
		c.state.Or(stGathered)
		fallthrough
	default:
		c.box.B = append(append(c.box.B, head...), b...)
	}
	after := c.state.Load()
	c.mu.Unlock()
	if (after^before)&(stBoxed|stPressed|stFail) != 0 || after&^before&stGathered != 0 {
		c.nudge(0)
	}
	return err
}

// putBoth is put of two pieces, in one write. The caller holds mu.
func (c *Conn) putBoth(head, b []byte, outboxMax int) error {
	if len(head) == 0 {
		return c.put(b, outboxMax)
	}
	buf := c.loop.opt.Buffers.Get()
	buf.B = append(append(buf.B, head...), b...)
	err := c.put(buf.B, outboxMax)
	c.loop.opt.Buffers.Put(buf)
	return err
}

// pour writes what SendSoon gathered. Called only on c's loop.
func (c *Conn) pour() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load()&(stGathered|stFail|stClosed) == stGathered {
		_ = c.pourLocked() // an error is in c.state
	}
}

// join sends b behind what was gathered, all at once. The caller holds mu, c is neither failing nor
// closed.
func (c *Conn) join(b []byte, outboxMax int) error {
	c.box.B = append(c.box.B, b...)
	if err := c.pourLocked(); err != nil {
		return err
	}
	if left := c.queued(); left > outboxMax && left > len(b) {
		c.loop.stats.slowConsumers.Add(1)
		c.failLocked(ErrSlowConsumer)
		return ErrSlowConsumer
	}
	return nil
}

// pourLocked writes what was gathered, and what put has joined to it; what the
// socket does not take waits in the outbox as what any other Send left there. The
// caller holds mu; bytes have been gathered, and c is neither failing nor closed.
func (c *Conn) pourLocked() error {
	stats := &c.loop.stats
	n, errno := send(c.fd, c.box.B)
	switch {
	case errno == 0:
		stats.writes.Add(1)
		stats.bytesOut.Add(uint64(n))
		c.off = n
	case errno != unix.EAGAIN:
		c.failLocked(os.NewSyscallError("send", errno))
		return ErrClosed
	}
	left := c.queued()
	if left == 0 {
		c.dropBox()
		return nil
	}
	c.state.And(^stGathered)
	c.state.Or(stBoxed)
	stats.outboxBytes.Add(int64(left))
	if left > c.loop.opt.OutboxHigh {
		c.state.Or(stPressed)
	}
	return nil
}
