// Hot path: no allocation, no lock, no log. One clock reading per wake-up of a connection.

package bench

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unsafe"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// counts are what an engine saw since they were reset.
type counts struct {
	Messages   uint64 // good replies
	Errors     uint64 // well-formed refusals: error objects, isError, other HTTP statuses
	Mismatches uint64 // wrong ids, wrong texts, broken framing
	Notices    uint64 // messages that answer nothing
	Closed     uint64 // connections the server ended
	Bytes      uint64 // of replies' bodies
}

// engine drives a share of the connections from one thread. Nothing here is safe for
// concurrent use; other goroutines look at it only after its thread has ended.
type engine struct {
	opt    *Options
	wire   *wire
	ep     int
	depth  uint32
	conns  []conn
	heads  responses
	check  checker
	counts counts
	fault  error // the first mismatch or close
	late   *hdrhistogram.Histogram
	start  time.Time
	now    int64 // nanoseconds since start, as of the last wake-up
	open   int   // connections not closed
	ready  int   // connections that may call
	idle   int   // connections that used up their calls and got every answer
	events []unix.EpollEvent
	rbuf   []byte
	out    []byte
}

const readBytes = 256 << 10

// latencyMax is the longest latency told apart, in nanoseconds.
const latencyMax = int64(100 * time.Second)

func newEngine(opt *Options, w *wire, conns int) (*engine, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create epoll: %w", err)
	}
	return &engine{
		opt: opt, wire: w, ep: ep, depth: uint32(opt.Depth),
		conns: make([]conn, 0, conns), check: newChecker(opt, w),
		late: hdrhistogram.New(1000, latencyMax, 3), start: time.Now(),
		events: make([]unix.EpollEvent, 512), rbuf: make([]byte, readBytes),
	}, nil
}

// add takes the descriptors over as connection number i and starts its handshake.
func (e *engine) add(rfd, wfd, i, calls int) error {
	at := int32(len(e.conns))
	e.conns = append(e.conns, conn{
		rfd: rfd, wfd: wfd, at: at, left: calls, phase: phaseWaiting,
	})
	c := &e.conns[at]
	putDigits(c.number[:], uint32(i))
	c.call, c.heads = &e.wire.call, &e.heads
	c.slots = make([]slot, e.depth)
	e.open++
	events := []int{rfd}
	if wfd != rfd {
		events = append(events, wfd)
	}
	for _, fd := range events {
		ev := unix.EpollEvent{Fd: at}
		if fd == rfd {
			ev.Events = unix.EPOLLIN
		}
		if err := unix.EpollCtl(e.ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return fmt.Errorf("cannot watch connection %d: %w", i, err)
		}
	}
	if !e.opt.initializes() {
		e.ready++
		return nil
	}
	c.phase = phaseHello
	if e.opt.http() {
		c.heads = new(responses)
	}
	e.out = append(e.out[:0], e.wire.hello()...)
	e.flush(c)
	return nil
}

// begin sends the first calls of every connection that is ready.
func (e *engine) begin() {
	for i := range e.conns {
		c := &e.conns[i]
		if c.phase != phaseWaiting {
			continue
		}
		c.phase = phaseCalling
		e.now = int64(time.Since(e.start))
		e.out = e.out[:0]
		for n := uint32(0); n < e.depth && c.left != 0; n++ {
			e.out = c.next(n, e.depth, e.now, e.out)
		}
		e.flush(c)
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
		if e.now >= end || e.open == 0 {
			return false, nil
		}
		wait := min(50, max(1, int((end-e.now)/int64(time.Millisecond))))
		n, err := e.poll(wait)
		if err != nil {
			return false, err
		}
		for i := range n {
			e.wake(&e.conns[e.events[i].Fd], e.events[i].Events)
		}
	}
}

// poll asks without the scheduler's help first: under load there always is something.
func (e *engine) poll(waitMs int) (int, error) {
	n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.ep),
		uintptr(unsafe.Pointer(&e.events[0])), uintptr(len(e.events)), 0, 0, 0)
	if k := int(n); k > 0 {
		return k, nil
	}
	k, err := unix.EpollWait(e.ep, e.events, waitMs)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, fmt.Errorf("cannot wait for the server: %w", err)
	}
	return max(k, 0), nil
}

func (e *engine) wake(c *conn, events uint32) {
	if c.phase == phaseClosed {
		return
	}
	e.out = e.out[:0]
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		e.read(c)
	}
	if c.phase != phaseClosed && (len(e.out) > 0 || events&unix.EPOLLOUT != 0) {
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
		e.drop(c, fmt.Errorf("cannot read: %w", errno))
		return
	case n == 0:
		e.drop(c, io.EOF)
		return
	}
	e.now = int64(time.Since(e.start))
	data := e.rbuf[:n]
	if len(c.carry) > 0 {
		c.carry = append(c.carry, data...)
		data = c.carry
	}
	used := e.consume(c, data)
	if c.phase != phaseClosed {
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
			e.drop(c, fmt.Errorf("cannot write: %w", errno))
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
