package loop

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// wheel is a hashed timer wheel over the conns of one loop. A conn hangs in the
// slot of its earliest deadline. A deadline that moves later leaves it where it
// is; when the slot comes by, the conn is hung up again. So SetDeadline is a
// few stores, however often it is called.
//
// Ticks are counted since the group was made, modulo 2^32, and compared by the
// sign of their difference; 0 means none.
type wheel struct {
	tick  int64 // ns
	now   uint32
	armed uint32 // tick for which the timerfd is set, 0 for none
	count int    // conns in slots
	slots [wheelSlots]*Conn
	due   []*Conn // scratch of onTick
	fd    int     // timerfd: the poller's wait has no timeout
}

const wheelSlots = 512

func (w *wheel) open(tick time.Duration) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	w.fd, w.tick = fd, int64(tick)
	return nil
}

func (w *wheel) close() {
	if w.fd >= 0 {
		_ = unix.Close(w.fd)
		w.fd = -1
	}
}

// tickAt returns the first tick that is not before ns.
func (w *wheel) tickAt(ns int64) uint32 {
	return max(uint32((ns+w.tick-1)/w.tick), 1)
}

func before(a, b uint32) bool { return int32(a-b) < 0 }

// passed reports whether tick t has come, as far as the wheel was turned.
func (w *wheel) passed(t uint32) bool { return !before(w.now, t) }

// schedule hangs c under its earliest deadline, unless it is there already.
func (c *Conn) schedule() {
	t := c.due
	if t == 0 || c.wdue != 0 && before(c.wdue, t) {
		t = c.wdue
	}
	if t == 0 || c.at != 0 && !before(t, c.at) {
		return
	}
	l := c.loop
	w := &l.wheel
	w.unlink(c)
	if w.count == 0 {
		w.now = uint32(l.now / w.tick)
	}
	if !before(w.now, t) {
		t = max(w.now+1, 1)
	}
	w.link(c, t)
	if w.armed == 0 || before(t, w.armed) {
		l.armWheel(t)
	}
}

func (w *wheel) link(c *Conn, t uint32) {
	head := &w.slots[t%wheelSlots]
	c.at, c.prev, c.next = t, nil, *head
	if *head != nil {
		(*head).prev = c
	}
	*head = c
	w.count++
}

func (w *wheel) unlink(c *Conn) {
	if c.at == 0 {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.slots[c.at%wheelSlots] = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.at, c.next, c.prev = 0, nil, nil
	w.count--
}

// onTick is the poller's callback for the timerfd.
func (l *Loop) onTick(poll) error {
	var count [8]byte
	_, _ = unix.Read(l.wheel.fd, count[:])
	l.enter()
	l.turnWheel()
	l.unpark()
	l.leave()
	return nil
}

// turnWheel ends the ticks up to now and calls the conns that are due.
func (l *Loop) turnWheel() {
	w := &l.wheel
	w.armed = 0
	to := uint32(l.now / w.tick)
	from := w.now + 1
	if to-from >= wheelSlots && before(from, to) {
		from = to - wheelSlots + 1 // every slot once
	}
	w.now = to
	for t := from; !before(to, t); t++ {
		for c := w.slots[t%wheelSlots]; c != nil; {
			next := c.next
			if w.passed(c.at) {
				w.unlink(c)
				w.due = append(w.due, c)
			}
			c = next
		}
	}
	for i, c := range w.due {
		w.due[i] = nil
		if c.due != 0 && w.passed(c.due) || c.wdue != 0 && w.passed(c.wdue) {
			c.expire()
		}
		if c.state.Load()&stClosed == 0 {
			c.schedule()
		}
	}
	w.due = w.due[:0]
	l.rearm()
}

// rearm sets the timerfd for the next slot in use, or leaves it unset.
func (l *Loop) rearm() {
	w := &l.wheel
	if w.count > 0 {
		for t := w.now + 1; ; t++ {
			if w.slots[t%wheelSlots] != nil {
				l.armWheel(max(t, 1))
				break
			}
		}
	}
	for _, a := range l.parked {
		if w.armed == 0 || before(a.due, w.armed) {
			l.armWheel(a.due)
		}
	}
}

// armWheel sets the timerfd for tick t.
func (l *Loop) armWheel(t uint32) {
	w := &l.wheel
	at := uint32(l.now / w.tick)
	ns := max(int64(int32(t-at))*w.tick-l.now%w.tick, 1)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(ns)}
	if err := unix.TimerfdSettime(w.fd, 0, &spec, nil); err != nil {
		l.opt.Log.Error("loop: cannot arm the timer", "loop", l.index, "error", err)
		return
	}
	w.armed = t
}
