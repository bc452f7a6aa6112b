package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Listener is one address that a group accepts on.
type Listener struct {
	group     *Group
	addr      net.Addr
	path      string // of the unix socket's file
	acceptors []*acceptor
	once      sync.Once
}

// Listen accepts conns for h. network is "tcp", "tcp4", "tcp6" (addr as in
// net.Listen, port 0 picks one) or "unix" (addr is a path). A TCP address gets
// one socket per loop and the kernel spreads the conns; a unix socket is
// accepted on loop 0 and its conns go round. Never call it on a loop.
func (g *Group) Listen(network, addr string, h Handler) (*Listener, error) {
	if g.draining.Load() {
		return nil, fmt.Errorf("cannot listen on %s %q: %w", network, addr, ErrDraining)
	}
	ln := &Listener{group: g}
	var fds []int
	var err error
	switch network {
	case "tcp", "tcp4", "tcp6":
		fds, err = ln.bindTCP(network, addr)
	case "unix":
		fds, err = ln.bindUnix(addr)
	default:
		err = errors.New(`the network is none of "tcp", "tcp4", "tcp6", "unix"`)
	}
	if err == nil {
		err = ln.serve(fds, h)
	}
	if err != nil {
		closeAll(fds)
		return nil, fmt.Errorf("cannot listen on %s %q: %w", network, addr, err)
	}
	return ln, nil
}

// Addr is the address that was bound, with the port that was picked.
func (ln *Listener) Addr() net.Addr { return ln.addr }

// Close stops accepting; conns that were accepted stay. When it returns the
// address is free. Safe for concurrent use, but never call it on a loop.
func (ln *Listener) Close() {
	ln.once.Do(func() {
		for _, a := range ln.acceptors {
			if a.loop.do(a.close) != nil {
				a.closeFd() // the loop is gone, so nobody else uses the fd
			}
		}
		if ln.path != "" {
			_ = os.Remove(ln.path)
		}
		g := ln.group
		g.mu.Lock()
		delete(g.listeners, ln)
		g.mu.Unlock()
	})
}

// serve hands one fd to each of the first loops.
func (ln *Listener) serve(fds []int, h Handler) error {
	g := ln.group
	for i, fd := range fds {
		a := &acceptor{loop: g.loops[i], fd: fd, h: h, spread: ln.path != ""}
		var err error
		stopped := a.loop.do(func() { err = a.watchFd() })
		if err = errors.Join(stopped, err); err != nil {
			for _, done := range ln.acceptors {
				_ = done.loop.do(done.unwatch)
			}
			return err
		}
		ln.acceptors = append(ln.acceptors, a)
	}
	g.mu.Lock()
	g.listeners[ln] = struct{}{}
	g.mu.Unlock()
	if g.draining.Load() { // a Drain that began meanwhile may have missed ln
		ln.Close()
	}
	return nil
}

func (g *Group) closeListeners() {
	g.mu.Lock()
	var all []*Listener
	for ln := range g.listeners {
		all = append(all, ln)
	}
	g.mu.Unlock()
	for _, ln := range all {
		ln.Close()
	}
}

// bindTCP opens one listening socket per loop on the same port.
func (ln *Listener) bindTCP(network, addr string) (fds []int, err error) {
	tcp, err := net.ResolveTCPAddr(network, addr)
	if err != nil {
		return nil, err
	}
	ap := tcp.AddrPort()
	dual := tcp.IP == nil && network == "tcp"
	switch {
	case tcp.IP == nil && network != "tcp4":
		ap = netip.AddrPortFrom(netip.IPv6Unspecified(), ap.Port())
	case tcp.IP == nil:
		ap = netip.AddrPortFrom(netip.IPv4Unspecified(), ap.Port())
	case ap.Addr().Is4In6():
		ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	defer func() {
		if err != nil {
			closeAll(fds)
			fds = nil
		}
	}()
	for i := range ln.group.loops {
		fd, err := ln.bindOne(ap, dual, i == 0)
		if dual && i == 0 && (errors.Is(err, unix.EAFNOSUPPORT) ||
			errors.Is(err, unix.EADDRNOTAVAIL)) { // no IPv6 here
			dual, ap = false, netip.AddrPortFrom(netip.IPv4Unspecified(), ap.Port())
			fd, err = ln.bindOne(ap, dual, true)
		}
		if err != nil {
			return fds, err
		}
		fds = append(fds, fd)
		if i == 0 {
			sa, err := unix.Getsockname(fd)
			if err != nil {
				return fds, os.NewSyscallError("getsockname", err)
			}
			ap = netip.AddrPortFrom(ap.Addr(), portOf(sa))
			ln.addr = net.TCPAddrFromAddrPort(ap)
		}
	}
	// All are bound before the first one listens, so no conn comes to a port
	// that is given up again.
	for _, fd := range fds {
		if err := unix.Listen(fd, ln.group.opt.Backlog); err != nil {
			return fds, os.NewSyscallError("listen", err)
		}
	}
	return fds, nil
}

// bindOne binds a socket. The first one binds without SO_REUSEPORT, so that
// another process that listens there is an error and not a silent partner, and
// gets the option afterwards, for the sockets of the other loops.
func (ln *Listener) bindOne(ap netip.AddrPort, dual, first bool) (fd int, err error) {
	sa, family, _, err := sockaddr(ap)
	if err != nil {
		return -1, err
	}
	if fd, err = newSocket(family); err != nil {
		return -1, err
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	set := func(level, opt, val int) {
		if e := unix.SetsockoptInt(fd, level, opt, val); e != nil && err == nil {
			err = os.NewSyscallError("setsockopt", e)
		}
	}
	set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if family == unix.AF_INET6 {
		only := 1
		if dual {
			only = 0
		}
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
	}
	alone := first && !ln.group.opt.SharePort
	if !alone {
		set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err != nil {
		return fd, err
	}
	if err = unix.Bind(fd, sa); err != nil {
		return fd, fmt.Errorf("%w; is another server running there?",
			os.NewSyscallError("bind", err))
	}
	if alone {
		set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err == nil {
		err = tune(fd)
	}
	return fd, err
}

func portOf(sa unix.Sockaddr) uint16 {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port)
	case *unix.SockaddrInet6:
		return uint16(sa.Port)
	}
	return 0
}

// bindUnix opens a unix socket. A socket file that nobody answers on is a
// leftover and is removed; any other file is an error.
func (ln *Listener) bindUnix(path string) ([]int, error) {
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case fi.Mode().Type() != fs.ModeSocket:
		return nil, errors.New("a file that is no socket is there; remove it or use another path")
	default:
		dialer := net.Dialer{Timeout: time.Second}
		c, err := dialer.DialContext(context.Background(), "unix", path)
		if err == nil {
			_ = c.Close()
		}
		if !errors.Is(err, unix.ECONNREFUSED) {
			return nil, errors.Join(errors.New("another server seems to use it"), err)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	fd, err := newSocket(unix.AF_UNIX)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, ln.group.opt.Backlog); err != nil {
		_ = unix.Close(fd)
		_ = os.Remove(path)
		return nil, os.NewSyscallError("listen", err)
	}
	ln.path, ln.addr = path, &net.UnixAddr{Net: "unix", Name: path}
	return []int{fd}, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
