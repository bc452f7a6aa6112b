package loop

// Hot path: no allocation, no lock, no log, no time.Now.

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// filled is the outcome of one read.
type filled uint8

const (
	filledSome  filled = iota // bytes came; there may be more
	filledNone                // nothing to read now
	filledEnded               // the stream ended, or c fails
)

// onReadable is the poller's callback.
func (c *Conn) onReadable(poll) error {
	l := c.loop
	l.enter()
	l.stats.wakeups.Add(1)
	c.wake()
	l.leave()
	return nil
}

// onHangup comes on a goroutine of the poller, which has let go of the fd.
func (c *Conn) onHangup(poll) error {
	c.nudge(attnHup)
	return nil
}

// wake reads once and hands over what came. Level-triggered events bring c
// back when more waits, after the other conns had their go.
func (c *Conn) wake() {
	defer c.guard()
	c.fill()
	// Fast path: all was answered, nothing about c is special.
	if c.plain() {
		return
	}
	c.advance()
}

// plain: c waits for its peer's next bytes and nothing else.
func (c *Conn) plain() bool {
	const any = ownInbound | ownDialed | ownPatient | ownIdle
	return c.state.Load() == 0 && c.own&^any == ownOpen|ownReading
}

// fill reads once and gives the handler what there is.
func (c *Conn) fill() filled {
	l := c.loop
	if c.state.Load()&^(stBoxed|stGathered) != 0 ||
		(c.own&(ownFresh|ownEOF|ownLinger) != 0 && !c.hungry()) {
		return c.fillAside()
	}
	if len(c.carry) > carryInline {
		return c.fillBehind()
	}
	// Fast path: the carry is empty or small. It is copied in front of the new
	// bytes, so only the tail of a partial frame is ever copied out again.
	k := copy(l.buf, c.carry)
	n, errno := c.recv(l.buf[k:])
	if n <= 0 {
		return c.fillEnd(errno)
	}
	l.countRead(n)
	c.own &^= ownFresh
	data := l.buf[:k+n]
	used, reply := c.data(data)
	switch {
	case used == len(data):
		c.dropCarry()
	case used == 0:
		c.carry = l.carry.append(c.carry, data[k:])
	default:
		c.carry = l.carry.append(c.carry[:0], data[used:])
	}
	c.after(used, reply)
	return filledSome
}

// recv reads from the socket what the handler shall see.
func (c *Conn) recv(p []byte) (int, unix.Errno) {
	if c.tls != nil {
		return c.tls.recv(c, p)
	}
	return recv(c.fd, p)
}

// hungry tells that Data may be called with more bytes although it has not
// taken all it could: as long as they are few, or when it needs more to take
// any, which CarryMax bounds.
func (c *Conn) hungry() bool {
	return c.own&(ownEOF|ownLinger) == 0 &&
		(len(c.carry) < c.loop.opt.ReadBytes || c.own&ownIdle != 0)
}

// fillBehind reads behind a large carry: a big frame is on its way. The carry
// doubles, so each byte is copied a bounded number of times.
func (c *Conn) fillBehind() filled {
	l := c.loop
	if cap(c.carry)-len(c.carry) < carryInline/2 {
		c.carry = l.carry.grow(c.carry, 2*cap(c.carry))
	}
	room := c.carry[len(c.carry):cap(c.carry)]
	n, errno := c.recv(room[:min(len(room), l.opt.ReadBytes)])
	if n <= 0 {
		return c.fillEnd(errno)
	}
	l.countRead(n)
	c.carry = c.carry[:len(c.carry)+n]
	c.redeliver()
	return filledSome
}

// fillAside reads while Data must not be called: it throws input away after
// our end is shut, parks it while c is held, and else leaves it in the socket.
func (c *Conn) fillAside() filled {
	l := c.loop
	st := c.state.Load()
	room := l.opt.ReadBytes - len(c.carry)
	switch {
	case c.own&ownEOF != 0 || st&(stClosed|stFail|stDialing) != 0:
		return filledEnded
	case c.own&ownLinger != 0:
		room = len(l.buf)
	case st&(stFinish|stPressed) != 0 || st&stHeld == 0 || room <= 0:
		return filledNone
	}
	n, errno := c.recv(l.buf[:room])
	if n <= 0 {
		return c.fillEnd(errno)
	}
	l.countRead(n)
	if c.own&ownLinger == 0 {
		c.carry = l.carry.append(c.carry, l.buf[:n])
		c.own |= ownFresh
	}
	return filledSome
}

// fillEnd is what a read without bytes means.
func (c *Conn) fillEnd(errno unix.Errno) filled {
	switch {
	case errno == unix.EAGAIN:
		return filledNone
	case errno == 0 || c.own&ownLinger != 0:
		c.own |= ownEOF
	case c.tls != nil && c.tls.why != nil:
		c.fail(c.tls.why)
	default:
		c.fail(os.NewSyscallError("read", errno))
	}
	return filledEnded
}

// redeliver gives the carry itself to the handler.
func (c *Conn) redeliver() {
	data := c.carry
	c.own &^= ownFresh
	used, reply := c.data(data)
	switch rest := data[used:]; {
	case len(rest) == 0:
		c.dropCarry()
	case used == 0:
	case len(rest) <= carryInline && cap(data) > 4*carryInline:
		c.carry = c.loop.carry.append(nil, rest) // a small rest in a fitting buffer
		c.loop.carry.put(data)
	default:
		c.carry = data[:copy(data, rest)]
	}
	c.after(used, reply)
}

// data calls the handler.
func (c *Conn) data(buf []byte) (used int, reply []byte) {
	used, reply = c.h.Data(c, buf, c.loop.out)
	if uint(used) > uint(len(buf)) {
		panic(fmt.Sprintf("BUG: Data took %d of %d bytes", used, len(buf)))
	}
	return used, reply
}

// after writes the replies of a Data call and notes whether the rest of its
// bytes can be taken before new ones arrive.
func (c *Conn) after(used int, reply []byte) {
	c.own &^= ownIdle
	if used == 0 {
		c.own |= ownIdle
	}
	if len(c.carry) > 0 {
		switch {
		case used == 0 && len(c.carry) >= c.carryMax():
			c.fail(ErrCarryFull)
		case used > 0 && (c.Enough(reply) || c.own&ownBecame != 0):
			c.own |= ownFresh
		}
	}
	c.own &^= ownBecame
	if c.state.Load()&stPaused != 0 {
		c.notePause()
	}
	c.reply(reply)
}

// notePause makes sure that a carry which Data left because of Pause is given
// to it again. stHeld alone would not do: the Resume may have come, from another
// goroutine, before Data returned.
func (c *Conn) notePause() {
	c.state.And(^stPaused)
	if len(c.carry) > 0 {
		c.own |= ownFresh
	}
}

// reply writes what a callback appended and takes its array as out buffer. OutboxMax does not
// apply: Data is not called while the outbox is above the low mark again, and stops when it
// appended Enough, so what waits is bounded by the marks and one reply; a peer that pipelines
// requests with large replies is slow for a moment, not for good.
func (c *Conn) reply(reply []byte) {
	c.loop.keep(reply)
	if len(reply) == 0 {
		return
	}
	c.mu.Lock()
	var err error
	if c.state.Load()&(stFail|stClosed) == 0 {
		err = c.put(reply, math.MaxInt)
	}
	c.mu.Unlock()
	if err != nil {
		c.nudge(0)
	}
}

func (c *Conn) dropCarry() {
	if c.carry != nil {
		c.loop.carry.put(c.carry)
		c.carry = nil
	}
}

func (l *Loop) countRead(n int) {
	l.stats.reads.Add(1)
	l.stats.bytesIn.Add(uint64(n))
}
