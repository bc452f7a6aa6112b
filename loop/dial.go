package loop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Dial connects to addr on one of the loops: "tcp" with a numeric "ip:port"
// (names are not resolved), or "unix" with a path. It returns before the peer
// answered: h.Open comes when it did, h.Closed when it refused or timeout
// (0: none) passed. state becomes Conn.State before any callback. What is sent
// before Open waits. An error from Dial itself means no callback at all. Safe
// for concurrent use, also on a loop.
func (g *Group) Dial(network, addr string, timeout time.Duration, h Handler,
	state any,
) (*Conn, error) {
	return g.next().Dial(network, addr, timeout, h, state)
}

// Dial is Group.Dial for a conn that shall belong to l.
func (l *Loop) Dial(network, addr string, timeout time.Duration, h Handler,
	state any,
) (*Conn, error) {
	return l.start(network, addr, nil, timeout, h, state)
}

// start is Dial and DialTLS: cfg is nil without TLS.
func (l *Loop) start(network, addr string, cfg *tls.Config, timeout time.Duration, h Handler,
	state any,
) (*Conn, error) {
	c, err := l.dial(network, addr, h)
	if err != nil {
		return nil, fmt.Errorf("cannot dial %s %q: %w", network, addr, err)
	}
	if cfg != nil {
		c.tls = newSecure(c, cfg)
		c.state.CompareAndSwap(0, stDialing) // where connect was answered at once
	}
	c.State = state
	if timeout > 0 && c.state.Load()&stDialing != 0 {
		now := time.Since(l.group.base) // l.now belongs to the loop
		c.due = l.wheel.tickAt(int64(now + timeout))
	}
	c.nudge(0)
	return c, nil
}

// dial begins the connect. Nobody else knows c yet.
func (l *Loop) dial(network, addr string, h Handler) (*Conn, error) {
	sa, family, to, err := dialAddr(network, addr)
	if err != nil {
		return nil, err
	}
	if err := l.group.begin(ownDialed); err != nil {
		return nil, err
	}
	fd, err := newSocket(family)
	if err == nil && family != unix.AF_UNIX {
		if err = tune(fd); err != nil {
			_ = unix.Close(fd)
		}
	}
	if err != nil {
		l.group.release(ownDialed)
		return nil, err
	}
	c := l.newConn(fd, to, h)
	c.own |= ownDialed
	switch err := unix.Connect(fd, sa); err {
	case nil:
	case unix.EINPROGRESS, unix.EINTR:
		c.state.Store(stDialing)
	default: // Closed gets it, like a refusal that comes later
		c.state.Store(stFail)
		c.err = os.NewSyscallError("connect", err)
	}
	return c, nil
}

func dialAddr(network, addr string) (sa unix.Sockaddr, family int, to peer, err error) {
	switch network {
	case "unix":
		return &unix.SockaddrUnix{Name: addr}, unix.AF_UNIX, peer{family: unix.AF_UNIX}, nil
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, 0, peer{}, fmt.Errorf(`the network is neither "tcp" nor "unix"`)
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, 0, peer{}, fmt.Errorf("want a numeric ip:port: %w", err)
	}
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	sa, family, zone, err := sockaddr(ap)
	return sa, family, peerOfAddr(ap, zone), err
}

// connected asks how the connect went and reports whether c is connected. It
// marks c as failed when it is refused.
func (c *Conn) connected() bool {
	code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err == nil {
		if _, err = unix.Getpeername(int(c.fd)); errors.Is(err, unix.ENOTCONN) {
			return false // not answered yet
		}
	}
	err = os.NewSyscallError("connect", err)
	if c.tls != nil && err == nil {
		err = c.beginHandshake()
	}
	if err != nil {
		c.due = 0
		c.fail(err)
		c.advance()
		return false
	}
	if c.tls != nil {
		c.aim()
		return false
	}
	c.due = 0
	c.mu.Lock()
	c.state.And(^stDialing)
	if c.box != nil {
		c.state.Or(stBoxed)
		c.postponeWrite()
	}
	c.mu.Unlock()
	return true
}
