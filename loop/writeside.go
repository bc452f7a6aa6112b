package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeSide is a second, private epoll instance per loop. It watches the conns
// that wait for room in their socket, and the dialing ones; the loop's poller
// watches it as one fd, so it costs nothing while nobody waits.
//
// Why not the poller itself: it delivers write readiness only together with
// read interest (R2RW), so not for a conn whose reading is paused just because
// its outbox is high; and it lets go of an fd at the peer's FIN, so not for a
// half-closed peer that still wants its replies.
//
// Events carry the conn's id and not its fd: an event for a conn that was
// closed in the same batch finds nothing.
type writeSide struct {
	fd      int
	waiting map[uint64]*Conn
	events  [64]unix.EpollEvent
}

func (s *writeSide) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	s.fd, s.waiting = fd, make(map[uint64]*Conn)
	return nil
}

// arm makes writable be called while c's socket has room.
func (s *writeSide) arm(c *Conn) error {
	ev := unix.EpollEvent{
		Events: unix.EPOLLOUT,
		Fd:     int32(uint32(c.id)), Pad: int32(uint32(c.id >> 32)),
	}
	if err := unix.EpollCtl(s.fd, unix.EPOLL_CTL_ADD, int(c.fd), &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	s.waiting[c.id] = c
	return nil
}

func (s *writeSide) disarm(c *Conn) { s.forget(c, int(c.fd)) }

// forget is disarm for a conn whose fd is about to be closed.
func (s *writeSide) forget(c *Conn, fd int) {
	// Explicit, since a forked child may keep the file alive until it execs.
	_ = unix.EpollCtl(s.fd, unix.EPOLL_CTL_DEL, fd, nil)
	delete(s.waiting, c.id)
}

func (s *writeSide) close() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
		s.fd = -1
	}
}

// onWritable is the poller's callback: the write side has events. What does
// not fit in one batch is reported again, after the other fds.
func (l *Loop) onWritable(poll) error {
	l.enter()
	s := &l.side
	n, _ := unix.EpollWait(s.fd, s.events[:], 0)
	for _, ev := range s.events[:max(n, 0)] {
		id := uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
		if c := s.waiting[id]; c != nil {
			c.writable()
		}
	}
	l.leave()
	return nil
}
