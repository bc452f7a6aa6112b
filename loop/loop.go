package loop

// Hot path: no allocation, no lock, no log, one clock read per wake-up.

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/shard"
)

// Loop is one goroutine, one poller and what they own: the conns, the read
// buffer, the out buffer, the ring and the timer wheel. Fields without a note
// are touched only on the loop.
type Loop struct {
	_ [64]byte
	// state is the loop's sleep state; attn heads the list of conns that want
	// a turn. Both are written by every goroutine: see signal.
	state atomic.Int32
	attn  atomic.Pointer[Conn]
	_     [64]byte

	poller poller
	group  *Group
	opt    *Options
	ring   *shard.Ring[func()]
	index  int
	turns  uint32 // callbacks of this wake-up
	now    int64  // ns since the group was made; set once per wake-up
	buf    []byte // what a read lands in; nothing in it outlives the wake-up
	out    []byte // empty; what Data appends to
	raw    []byte // what a read of TLS lands in; nil before the first
	conns  []*Conn
	carry  carries
	wheel  wheel
	side   writeSide
	parked []*acceptor // listeners that wait because fds ran out
	posts  [64]func()

	quiet    bool // conns that are not ours to the peer are asked to end
	draining bool // all conns are
	hushed   bool // conns that are not ours to the peer are ended at once
	stopping bool // all conns are
	reaping  bool // onWake was asked to reap

	wakeMu sync.Mutex // guards wakeFd against a signal after stop
	wakeFd int

	ended chan struct{} // closed when the goroutine is gone
	stats counters
}

// Sleep states. The poller gives no hook between its last look at the events
// and its sleep, so "asleep" means outside of a callback: the next thing to be
// seen is the eventfd. A producer publishes its item, then loads state; the
// loop stores asleep, then looks for items. Go's atomics are sequentially
// consistent, so at least one of the two sees the other.
const (
	asleep int32 = iota
	awake
	signalled
)

const (
	outBytesMax   = mib  // a larger out buffer is dropped after its use
	postsPerDrain = 1024 // so that a flood of posts does not starve the sockets
)

func newLoop(g *Group, index int) (*Loop, error) {
	ring, err := shard.NewRing[func()](g.opt.RingSlots)
	if err != nil {
		return nil, fmt.Errorf("cannot make the ring of loop %d: %w", index, err)
	}
	l := &Loop{
		group: g, opt: &g.opt, ring: ring, index: index,
		buf:    make([]byte, g.opt.ReadBytes),
		wakeFd: -1,
		ended:  make(chan struct{}),
	}
	l.wheel.fd, l.side.fd = -1, -1
	if err := l.open(); err != nil {
		l.closeFds()
		return nil, err
	}
	return l, nil
}

// open makes l's own fds and watches them.
func (l *Loop) open() error {
	if err := l.poller.open(l.begin, l.rest); err != nil {
		return err
	}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	l.wakeFd = fd
	if err := l.wheel.open(l.opt.Tick); err != nil {
		return err
	}
	if err := l.side.open(); err != nil {
		return err
	}
	own := []struct {
		fd     int
		onRead func(poll) error
	}{{l.wakeFd, l.onWake}, {l.wheel.fd, l.onTick}, {l.side.fd, l.onWritable}}
	for _, o := range own {
		w, err := l.poller.add(o.fd, o.onRead, nil)
		if err != nil {
			return err
		}
		l.poller.fixed = append(l.poller.fixed, w)
	}
	return nil
}

// Index is l's place in Group.Loops.
func (l *Loop) Index() int { return l.index }

// Now is the loop's coarse clock: monotonic nanoseconds since the group was
// made, read at each wake-up and within long ones. Called only on l.
func (l *Loop) Now() int64 { return l.now }

// Clock is what Now will be at the next wake-up. Safe for concurrent use.
func (l *Loop) Clock() int64 { return int64(time.Since(l.group.base)) }

// Post runs f on l, soon and in order. A nil error means queued; it runs
// unless the loop is stopped first. ErrFull, ErrStopped. Safe for concurrent use.
func (l *Loop) Post(f func()) error {
	select {
	case <-l.ended:
		return ErrStopped
	default:
	}
	if !l.ring.TryPush(f) {
		return ErrFull
	}
	if l.state.Load() == asleep {
		l.signal()
	}
	return nil
}

// signal wakes a sleeping loop. Only the caller that moves state writes.
func (l *Loop) signal() {
	if !l.state.CompareAndSwap(asleep, signalled) {
		return
	}
	l.stats.signals.Add(1)
	one := [8]byte{1}
	l.wakeMu.Lock()
	if l.wakeFd >= 0 {
		_, _ = unix.Write(l.wakeFd, one[:])
	}
	l.wakeMu.Unlock()
}

// begin starts a wake-up: what one wait of the poller brought. rest ends it.
func (l *Loop) begin() {
	l.state.Store(awake)
	l.turns = 0
	l.now = int64(time.Since(l.group.base))
}

// enter begins every callback of the poller, leave ends it.
func (l *Loop) enter() {
	if !l.poller.hooked {
		l.begin()
		return
	}
	if l.turns++; l.turns%clockEvery == 0 {
		l.now = int64(time.Since(l.group.base))
	}
}

func (l *Loop) leave() {
	switch {
	case !l.poller.hooked:
		l.rest()
	case l.turns%drainEvery == 0:
		l.drain()
	}
}

// After so many callbacks of one wake-up the clock is read again, and what came up meanwhile is
// done: answers that wait for their loop are sent.
const (
	clockEvery = 8
	drainEvery = 16
)

func (l *Loop) rest() {
	l.state.Store(asleep)
	if l.attn.Load() != nil || l.ring.Len() != 0 {
		// Slow path: what came meanwhile was not signalled. Run it here once;
		// what that brings up in turn waits until the other fds had their go.
		l.state.Store(awake)
		l.drain()
		l.state.Store(asleep)
		if l.attn.Load() != nil || l.ring.Len() != 0 {
			l.signal()
		}
	}
	if len(l.poller.spent) >= spentMost && !l.reaping {
		l.reaping = true
		l.signal() // onWake reaps them
	}
}

// spentMost is how many operators of closed conns a loop holds on to before it lets go of them.
const spentMost = 64

// onWake runs when another goroutine signalled.
func (l *Loop) onWake(poll) error {
	var count [8]byte
	_, _ = unix.Read(l.wakeFd, count[:])
	l.enter()
	l.poller.reap()
	l.reaping = false
	l.drain()
	l.leave()
	return nil
}

// drain gives a turn to the conns that asked for one, then runs posted functions.
func (l *Loop) drain() {
	for c := inOrder(l.attn.Swap(nil)); c != nil; {
		// Once attn is cleared c may be pushed again: take its link first.
		next := c.attnNext
		c.attnNext = nil
		c.turn(c.attn.Swap(0))
		c = next
	}
	for total := 0; total < postsPerDrain; {
		n := l.ring.PopBatch(l.posts[:])
		for i, f := range l.posts[:n] {
			l.posts[i] = nil
			l.stats.posts.Add(1)
			l.runPost(f)
		}
		if total += n; n < len(l.posts) {
			return
		}
	}
}

// inOrder turns the list round: who asked first comes first.
func inOrder(c *Conn) (first *Conn) {
	for c != nil {
		next := c.attnNext
		c.attnNext, first = first, c
		c = next
	}
	return first
}

func (l *Loop) runPost(f func()) {
	defer func() {
		if r := recover(); r != nil {
			l.stats.panics.Add(1)
			l.opt.Log.Error("loop: posted function panicked", "loop", l.index,
				"panic", r, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// keep makes reply's array the out buffer of the next callback.
func (l *Loop) keep(reply []byte) {
	switch {
	case cap(reply) > outBytesMax:
		l.out = nil
	case cap(reply) > 0:
		l.out = reply[:0]
	}
}

// run is the loop's goroutine.
func (l *Loop) run() {
	defer close(l.ended)
	if l.opt.Pin {
		l.pin()
	}
	if err := l.poller.wait(); err != nil {
		l.group.fail(fmt.Errorf("cannot serve loop %d: %w", l.index, err))
	}
	l.begin()
	l.drain()
	l.closeFds()
}

// pin locks the goroutine to a thread and the thread to one CPU of those the
// process may use.
func (l *Loop) pin() {
	runtime.LockOSThread()
	var allowed, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil || allowed.Count() == 0 {
		l.opt.Log.Warn("loop: cannot pin", "loop", l.index, "error", err)
		return
	}
	skip := l.index % allowed.Count()
	for cpu := 0; ; cpu++ {
		if !allowed.IsSet(cpu) {
			continue
		}
		if skip--; skip < 0 {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		l.opt.Log.Warn("loop: cannot pin", "loop", l.index, "error", err)
	}
}

// stop ends the loop. Called on it, when no conn is left.
func (l *Loop) stop() {
	if err := l.poller.close(); err != nil {
		l.group.fail(fmt.Errorf("cannot stop loop %d: %w", l.index, err))
	}
}

// closeFds closes l's own fds; those of the poller are closed by the poller.
func (l *Loop) closeFds() {
	l.wakeMu.Lock()
	if l.wakeFd >= 0 {
		_ = unix.Close(l.wakeFd)
		l.wakeFd = -1
	}
	l.wakeMu.Unlock()
	l.wheel.close()
	l.side.close()
}
