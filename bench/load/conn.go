// Hot path: no allocation, no lock, no log.

package load

import (
	"errors"
	"fmt"
)

type phase uint8

const (
	phaseConnecting phase = iota
	phaseHello            // initialize was sent
	phaseReady            // http: notifications/initialized was sent, its 202 is due
	phaseWaiting          // may call, has not been told to
	phaseCalling
	phaseOpening // its stream was asked for
	phaseStream
	phaseClosed
)

// slot is one call in flight on a connection. Its number is id modulo depth, so that a reply
// finds it without a search.
type slot struct {
	due  int64 // when it was due or written, nanoseconds since the start of the engine
	id   uint32
	text [idDigits]byte // id in decimal
	kind uint8          // which of Options.Method
	busy bool
}

// conn is one connection. It belongs to its engine's thread.
type conn struct {
	rfd, wfd int   // the same descriptor but for pipes
	at       int32 // index in the engine's conns
	number   numbers
	phase    phase
	kind     uint8  // of the next call
	turn     uint32 // http: the slot that is answered next, since answers keep their order
	left     int    // calls still to be sent; negative: no limit
	pending  int    // calls in flight
	born     int64  // when it began to connect
	ticket   int64  // open loop: number of the next call that this connection sends
	behind   int    // open loop: calls that are due and wait for a slot
	session  string // http, legacy: its session, when the server named one
	told     uint32 // streams: changes since the last Await
	hs       heads
	answers  *responses
	base     uint32 // its first id is idFirst + base
	slots    []slot
	free     []uint16 // slots that are not busy; unused where answers keep their order
	carry    []byte   // the start of a reply whose end has not come
	unsent   []byte   // what the socket did not take
}

// reset makes c a connection that nothing was sent on. Its slots keep their ids, so that an
// answer to an earlier life is no answer to this one.
func (c *conn) reset(fd [2]int, calls int, now int64) {
	c.rfd, c.wfd = fd[0], fd[1]
	c.phase, c.left, c.born = phaseConnecting, calls, now
	c.turn, c.pending, c.kind = 0, 0, 0
	c.carry, c.unsent = c.carry[:0], c.unsent[:0]
	c.free = c.free[:0]
	for n := len(c.slots) - 1; n >= 0; n-- {
		c.slots[n].busy = false
		c.free = append(c.free, uint16(n))
	}
}

// spent reports whether c has made all its calls and got all answers.
func (c *conn) spent() bool { return c.phase == phaseCalling && c.left == 0 && c.pending == 0 }

// ended tells in what state the server left c when it ended it.
func (c *conn) ended() error {
	switch {
	case len(c.carry) > 0:
		return fmt.Errorf("server ended it within an answer, after %d bytes: %s", len(c.carry),
			clip(c.carry))
	case c.phase == phaseHello || c.phase == phaseReady:
		return errors.New("server ended it during the handshake")
	}
	return fmt.Errorf("server ended it, %d calls were unanswered", c.pending)
}

// slotOf returns the slot of an id that is outstanding; nil when it is not.
func (c *conn) slotOf(id, depth uint32) (uint32, *slot) {
	n := (id - idFirst) % depth
	if s := &c.slots[n]; s.busy && s.id == id {
		return n, s
	}
	return 0, nil
}

// take returns a slot that is not busy; ok is false when all are. In order means that calls are
// answered in the order in which they were sent.
func (c *conn) take(inOrder bool) (n uint32, ok bool) {
	if c.pending == len(c.slots) {
		return 0, false
	}
	if inOrder {
		return (c.turn + uint32(c.pending)) % uint32(len(c.slots)), true
	}
	last := len(c.free) - 1
	n = uint32(c.free[last])
	c.free = c.free[:last]
	return n, true
}

// next makes slot n, which take returned, busy with its next id and appends the call to out.
func (c *conn) next(n uint32, w *wire, due int64, out []byte) []byte {
	s, depth := &c.slots[n], uint32(len(c.slots))
	if s.id == 0 {
		s.id = idFirst + c.base + n
	} else if s.id += depth; s.id >= idFirst+idCount {
		s.id = idFirst + n
	}
	putDigits(s.text[:], s.id)
	s.busy, s.due, s.kind = true, due, c.kind
	if c.kind++; int(c.kind) == len(w.calls) {
		c.kind = 0
	}
	c.pending++
	c.left--
	out = append(out, c.hs[s.kind]...)
	return append(out, w.calls[s.kind].fill(&c.number, &s.text)...)
}

// release makes slot n free again.
func (c *conn) release(n uint32, inOrder bool) {
	c.slots[n].busy = false
	c.pending--
	if inOrder {
		if c.turn++; int(c.turn) == len(c.slots) {
			c.turn = 0
		}
		return
	}
	c.free = append(c.free, uint16(n))
}
