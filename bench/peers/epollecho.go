package main

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// serveEpollEcho is the floor of what Go can cost on this kernel: one thread, level-triggered
// epoll, one buffer for all connections, raw system calls. A peer that does not take its
// answers is cut off; a load generator with a closed loop never gets there.
func serveEpollEcho(s settings) error {
	lfd, err := listenRaw(s.addr)
	if err != nil {
		return err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("cannot create epoll: %w", err)
	}
	if err := watch(ep, lfd); err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 1024)
	buf := make([]byte, 256<<10)
	for {
		n, err := pollRaw(ep, events)
		if err != nil {
			return err
		}
		for i := range n {
			fd := int(events[i].Fd)
			if fd == lfd {
				acceptAll(ep, lfd)
			} else if !echoOnce(fd, buf) {
				unix.Close(fd)
			}
		}
	}
}

// pollRaw asks for what is ready without the scheduler's help, and only then goes to sleep.
func pollRaw(ep int, events []unix.EpollEvent) (int, error) {
	n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if k := int(n); k > 0 {
		return k, nil
	}
	k, err := unix.EpollWait(ep, events, -1)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, fmt.Errorf("cannot wait on epoll: %w", err)
	}
	return max(k, 0), nil
}

// echoOnce copies what one read took back to fd and reports whether fd lives on.
func echoOnce(fd int, buf []byte) bool {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	if errno != 0 {
		return errno == unix.EAGAIN
	}
	for out := buf[:n]; len(out) > 0; {
		w, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd),
			uintptr(unsafe.Pointer(&out[0])), uintptr(len(out)))
		if errno != 0 {
			return false
		}
		out = out[w:]
	}
	return n > 0
}

func acceptAll(ep, lfd int) {
	for {
		fd, _, err := unix.Accept4(lfd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if watch(ep, fd) != nil {
			unix.Close(fd)
		}
	}
}

func watch(ep, fd int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("cannot watch descriptor %d: %w", fd, err)
	}
	return nil
}

func listenRaw(addr string) (int, error) {
	a, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return -1, fmt.Errorf("cannot read address %q: %w", addr, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open a socket: %w", err)
	}
	sa := &unix.SockaddrInet4{Port: a.Port}
	copy(sa.Addr[:], a.IP.To4())
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err := unix.Bind(fd, sa); err != nil {
		return -1, fmt.Errorf("cannot bind %q: %w", addr, err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return -1, fmt.Errorf("cannot listen on %q: %w", addr, err)
	}
	return fd, nil
}
