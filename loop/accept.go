package loop

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// acceptor takes the conns of one listening socket on one loop.
type acceptor struct {
	loop   *Loop
	h      Handler
	fd     int
	watch  *watch // nil while parked or closed
	spread bool   // hand the conns to all loops in turn
	delay  int64  // ns of the last wait for fds, 0 after a success
	due    uint32 // tick at which a parked acceptor tries again
}

const (
	acceptBatch    = 64 // conns per wake-up, so that a flood of them does not starve the others
	acceptDelayMin = 100e6
	acceptDelayMax = 1e9
)

func (a *acceptor) watchFd() error {
	w, err := a.loop.poller.add(a.fd, a.onReadable, nil)
	a.watch = w
	return err
}

func (a *acceptor) unwatch() {
	if a.watch != nil {
		a.loop.poller.drop(a.watch)
		a.watch = nil
	}
}

// close takes what the kernel has completed already and closes the socket.
func (a *acceptor) close() {
	if a.fd < 0 {
		return
	}
	for range a.loop.opt.Backlog {
		if a.watch == nil || !a.acceptOne() {
			break
		}
	}
	a.unwatch()
	a.closeFd()
}

func (a *acceptor) closeFd() {
	if a.fd >= 0 {
		_ = unix.Close(a.fd)
		a.fd = -1
	}
}

// onReadable is the poller's callback.
func (a *acceptor) onReadable(poll) error {
	l := a.loop
	l.enter()
	for range acceptBatch {
		if !a.acceptOne() {
			break
		}
	}
	l.leave()
	return nil
}

// acceptOne reports whether there may be another one.
func (a *acceptor) acceptOne() bool {
	fd, from, errno := accept(a.fd)
	switch errno {
	case 0:
		a.delay = 0
		a.place(fd, from)
		return true
	case unix.EAGAIN:
		return false
	case unix.ECONNABORTED, unix.EPROTO, unix.EPERM:
		return true // that one gave up, or a firewall refused it; the next may do
	}
	a.park(errno) // no fds (EMFILE, ENFILE), no memory, or the network is down
	return false
}

// place gives the new fd to a loop.
func (a *acceptor) place(fd int, from peer) {
	l := a.loop
	if !l.group.admit() {
		l.stats.refused.Add(1)
		reset(fd)
		_ = unix.Close(fd)
		return
	}
	to := l
	if a.spread {
		to = l.group.next()
	}
	c := to.newConn(fd, from, a.h)
	c.own |= ownInbound
	if to == l {
		l.adopt(c)
	} else {
		c.nudge(0) // its first turn registers and opens it
	}
}

// adopt begins a conn on its own loop.
func (l *Loop) adopt(c *Conn) {
	defer c.guard()
	l.register(c)
	c.advance()
}

// park stops accepting until fds may be free again. The listening socket is
// not watched meanwhile: a level-triggered event that nobody can take would
// keep the loop busy.
func (a *acceptor) park(errno unix.Errno) {
	l := a.loop
	l.stats.emfile.Add(1)
	if a.delay == 0 {
		l.opt.Log.Warn("loop: cannot accept; raise the limit of open files or lower ConnsMax",
			"loop", l.index, "error", errno)
	}
	a.delay = min(max(2*a.delay, acceptDelayMin), acceptDelayMax)
	a.unwatch()
	a.due = l.wheel.tickAt(l.now + a.delay)
	l.parked = append(l.parked, a)
	l.rearm()
}

// unpark watches the listeners again whose wait is over. An accept that fails
// parks them again.
func (l *Loop) unpark() {
	if len(l.parked) == 0 {
		return
	}
	waiting := l.parked[:0]
	for _, a := range l.parked {
		switch {
		case a.fd < 0: // closed meanwhile
		case before(uint32(l.now/l.wheel.tick), a.due):
			waiting = append(waiting, a)
		default:
			if err := a.watchFd(); err != nil {
				l.opt.Log.Error("loop: cannot accept any more", "error",
					fmt.Errorf("cannot watch the listener: %w", err))
			}
		}
	}
	clear(l.parked[len(waiting):])
	l.parked = waiting
	l.rearm()
}
