// Hot path: no allocation, no lock, no log. One clock reading per wake-up of a connection.

package load

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/bench/result"
)

// counts are what an engine saw since they were reset.
type counts struct {
	Calls      uint64 // good replies
	Refused    uint64 // well-formed refusals: error objects, isError, other HTTP statuses
	Mismatches uint64 // wrong ids, wrong texts, broken framing
	Notices    uint64 // messages that answer nothing
	Closed     uint64 // connections the server ended
	Reconnects uint64 // connections that were opened anew
	Bytes      uint64 // of good replies' bodies
}

// engine drives connections from one thread. Nothing here is safe for concurrent use but
// stopped.
type engine struct {
	opt     *Options
	wire    *wire
	target  target
	stdio   *[2]int // the descriptors of a stdio server
	inOrder bool    // calls of a connection are answered in the order in which they were sent
	ep      int
	conns   []conn
	answers responses
	check   checker
	counts  counts
	fault   error // the first mismatch or close
	// When the first came, nanoseconds since start; 0: none has.
	firstFault, firstRefusal int64
	// heard is told each answer, hello those to initialize; may be nil.
	heard func(*conn, *slot, reply)
	hello func(body []byte)

	hists   histograms
	line    timeline
	plan    schedule
	calls   int // of each connection; negative: no limit
	start   time.Time
	now     int64 // nanoseconds since start, as of the last wake-up
	open    int   // connections not closed
	ready   int   // connections that may call, or call
	idle    int   // connections that used up their calls and got every answer
	pending int   // calls in flight
	lost    int   // calls and handshakes whose connection ended before their answer
	streams streams
	calling bool // connections call as soon as they are ready
	closing bool // no more calls are sent
	stopped atomic.Bool
	events  []unix.EpollEvent
	rbuf    []byte
	out     []byte
}

// histograms are the latencies of a run.
type histograms struct {
	call, refusal, connect, life *result.Histogram
	// byKind is where a call of that kind is recorded too; kinds of one method share theirs. It is
	// empty when there is one method only.
	byKind []*result.Histogram
}

func newHistograms(methods []string) histograms {
	h := histograms{
		call: result.NewHistogram(), refusal: result.NewHistogram(),
		connect: result.NewHistogram(), life: result.NewHistogram(),
	}
	for i, m := range methods {
		if first := slices.Index(methods, m); first < i {
			h.byKind = append(h.byKind, h.byKind[first])
		} else {
			h.byKind = append(h.byKind, result.NewHistogram())
		}
	}
	if !slices.ContainsFunc(methods, func(m string) bool { return m != methods[0] }) {
		h.byKind = nil
	}
	return h
}

const readBytes = 256 << 10

func newEngine(opt *Options, calls int) (*engine, error) {
	w, err := newWire(opt)
	if err != nil {
		return nil, err
	}
	e := &engine{
		opt: opt, wire: w, inOrder: opt.http(), calls: calls,
		conns: make([]conn, 0, opt.Conns), check: newChecker(opt, w), start: time.Now(),
		hists:  newHistograms(opt.Method),
		events: make([]unix.EpollEvent, 512), rbuf: make([]byte, readBytes),
	}
	e.line.hist, e.line.minute = result.NewHistogram(), result.NewHistogram()
	if opt.Transport != TransportStdio {
		if e.target, err = parseTarget(cmp.Or(opt.Via, opt.Addr)); err != nil {
			return nil, err
		}
	}
	if e.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("cannot create epoll: %w", err)
	}
	return e, nil
}

// add opens one more connection.
func (e *engine) add() error {
	at := int32(len(e.conns))
	e.conns = append(e.conns, conn{
		at: at, phase: phaseClosed, slots: make([]slot, e.opt.Depth),
	})
	c := &e.conns[at]
	number := uint32(e.opt.First) + uint32(at)
	c.number.put(number, e.opt.Parts)
	// Connections differ in their ids, too: an answer without a text must not pass on another one.
	depth := uint32(e.opt.Depth)
	c.base = depth * (number * idStride % (idSpread / depth))
	c.hs, c.answers = e.wire.heads, &e.answers
	c.ticket = e.plan.ticket(int(at), e.opt.Conns)
	return e.dial(c)
}

// dial opens the connection c for the first time or anew.
func (e *engine) dial(c *conn) error {
	e.now = int64(time.Since(e.start))
	fds, err := e.descriptors(c)
	if err != nil {
		return err
	}
	c.reset(fds, e.calls, e.now)
	if e.opt.Lives == 0 { // a life is a sequence; the others begin at different places
		c.kind = uint8((e.opt.First + int(c.at)) % len(e.opt.Method))
	}
	e.open++
	for i, fd := range fds {
		if i == 1 && fd == fds[0] {
			break
		}
		ev := unix.EpollEvent{Fd: c.at, Events: unix.EPOLLIN | unix.EPOLLOUT}
		if e.stdio != nil && i == 1 {
			ev.Events = unix.EPOLLOUT
		}
		if err := unix.EpollCtl(e.ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return fmt.Errorf("cannot watch connection %s: %w", c.number.conn[:], err)
		}
	}
	return nil
}

func (e *engine) descriptors(c *conn) ([2]int, error) {
	if e.stdio != nil {
		return *e.stdio, nil
	}
	crowded := e.opt.First+e.opt.Conns > connsPerSource
	fd, err := e.target.dial(e.opt.First+int(c.at), crowded)
	return [2]int{fd, fd}, err
}

// greet begins the handshake of a connection that is connected.
func (e *engine) greet(c *conn) {
	if e.stdio == nil {
		if err := connected(c.wfd); err != nil {
			e.drop(c, err)
			return
		}
	}
	e.watchWrites(c, false)
	if e.opt.Quiet {
		e.prepared(c)
		return
	}
	if !e.opt.initializes() {
		e.greeted(c)
		return
	}
	c.phase = phaseHello
	if e.opt.http() {
		c.answers = new(responses)
	}
	e.out = append(e.out, e.wire.hello()...)
}

// prepared takes note of a connection that may call.
func (e *engine) prepared(c *conn) {
	c.phase = phaseWaiting
	e.ready++
	e.hists.connect.Record(e.now - c.born)
	if e.calling {
		e.begin(c)
	}
}

// begin appends the first calls of a connection that is ready to e.out.
func (e *engine) begin(c *conn) {
	c.phase = phaseCalling
	if e.plan.open() {
		e.catchUp(c)
		return
	}
	for range e.opt.Depth {
		e.call(c, e.now)
	}
}

// call appends one more call to e.out unless all slots are busy or there is none left.
func (e *engine) call(c *conn, due int64) {
	if c.left == 0 || e.closing {
		return
	}
	if n, ok := c.take(e.inOrder); ok {
		e.pending++
		e.out = c.next(n, e.wire, due, e.out)
	}
}

// beginAll lets every connection call that is ready, and those to come.
func (e *engine) beginAll() {
	e.calling, e.idle = true, 0
	e.beginSome(e.conns)
}

// beginSome lets those of conns call that are ready.
func (e *engine) beginSome(conns []conn) {
	e.now = int64(time.Since(e.start))
	for i := range conns {
		if c := &conns[i]; c.phase == phaseWaiting {
			e.out = e.out[:0]
			e.begin(c)
			e.flush(c)
		}
	}
}

// until serves the connections until done says so, the deadline passes or none is left. It
// reports whether done did.
func (e *engine) until(deadline time.Time, done func() bool) (bool, error) {
	end := int64(deadline.Sub(e.start))
	for {
		if done != nil && done() {
			return true, nil
		}
		e.now = int64(time.Since(e.start))
		stopped := e.stopped.Load() && !e.closing
		if stopped || (e.open == 0 && !e.plan.growing()) {
			return false, nil
		}
		// What was due before the end is due, however late this thread is.
		e.advance()
		if e.now >= end {
			return false, nil
		}
		n, err := e.poll(min(end, e.nextEvent(), e.now+int64(50*time.Millisecond)))
		if err != nil {
			return false, err
		}
		for i := range n {
			e.wake(&e.conns[e.events[i].Fd], e.events[i].Events)
		}
	}
}

// poll asks without the scheduler's help first: under load there always is something. It waits
// until the moment until at most.
func (e *engine) poll(until int64) (int, error) {
	n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.ep),
		uintptr(unsafe.Pointer(&e.events[0])), uintptr(len(e.events)), 0, 0, 0)
	if k := int(n); k > 0 {
		return k, nil
	}
	left := until - int64(time.Since(e.start))
	if left <= 0 {
		return 0, nil
	}
	wait := unix.NsecToTimespec(left)
	k, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(e.ep),
		uintptr(unsafe.Pointer(&e.events[0])), uintptr(len(e.events)),
		uintptr(unsafe.Pointer(&wait)), 0, 0)
	switch errno {
	case 0:
		return int(k), nil
	case unix.EINTR:
		return 0, nil
	case unix.ENOSYS: // Linux below 5.11 waits for whole milliseconds
		k, err := unix.EpollWait(e.ep, e.events, max(1, int(left/int64(time.Millisecond))))
		if err == nil || errors.Is(err, unix.EINTR) {
			return max(k, 0), nil
		}
		return 0, fmt.Errorf("cannot wait for the server: %w", err)
	}
	return 0, fmt.Errorf("cannot wait for the server: %w", errno)
}

func (e *engine) wake(c *conn, events uint32) {
	if c.phase == phaseClosed {
		return
	}
	e.out = e.out[:0]
	if c.phase == phaseConnecting {
		e.now = int64(time.Since(e.start))
		e.greet(c)
	} else if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		e.read(c)
	}
	if c.phase != phaseClosed && c.phase != phaseConnecting &&
		(len(e.out) > 0 || events&unix.EPOLLOUT != 0) {
		e.flush(c)
	}
}

func (e *engine) read(c *conn) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(c.rfd),
		uintptr(unsafe.Pointer(&e.rbuf[0])), uintptr(len(e.rbuf)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno != 0:
		e.drop(c, fmt.Errorf("%w: cannot read: %w", c.ended(), errno))
		return
	case n == 0:
		e.drop(c, c.ended())
		return
	}
	e.now = int64(time.Since(e.start))
	data := e.rbuf[:n]
	if len(c.carry) > 0 {
		c.carry = append(c.carry, data...)
		data = c.carry
	}
	busy := c.pending > 0
	used := e.consume(c, data)
	if busy && c.spent() {
		// Not before everything was read: an answer may have come twice.
		c.carry = c.carry[:0]
		e.used(c)
		return
	}
	if c.phase != phaseClosed && c.phase != phaseConnecting {
		c.carry = append(c.carry[:0], data[used:]...)
		if len(c.carry) > replyMax {
			e.fail(c, errReplyTooLong)
		}
	}
}

// flush writes e.out behind what is unsent and keeps what the socket does not take.
func (e *engine) flush(c *conn) {
	out := e.out
	waited := len(c.unsent) > 0
	if waited {
		c.unsent = append(c.unsent, out...)
		out = c.unsent
	}
	for len(out) > 0 {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(c.wfd),
			uintptr(unsafe.Pointer(&out[0])), uintptr(len(out)))
		if errno == unix.EAGAIN {
			break
		}
		if errno != 0 && errno != unix.EINTR {
			e.drop(c, fmt.Errorf("%w: cannot write: %w", c.ended(), errno))
			return
		}
		if errno == 0 {
			out = out[n:]
		}
	}
	c.unsent = append(c.unsent[:0], out...)
	if waits := len(c.unsent) > 0; waits != waited {
		e.watchWrites(c, waits)
	}
}

func (e *engine) watchWrites(c *conn, on bool) {
	ev := unix.EpollEvent{Fd: c.at}
	if c.rfd == c.wfd {
		ev.Events = unix.EPOLLIN
	}
	if on {
		ev.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(e.ep, unix.EPOLL_CTL_MOD, c.wfd, &ev); err != nil {
		e.drop(c, fmt.Errorf("cannot watch for room: %w", err))
	}
}
