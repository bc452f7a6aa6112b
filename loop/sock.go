package loop

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawBytesMax: shorter transfers skip the scheduler's bookkeeping around a
// system call (RawSyscall). Longer ones copy for so long that they would delay
// a stop-the-world, so they tell the scheduler.
const rawBytesMax = 128 * kib

// recv reads from the socket, at most rawBytesMax bytes; n is 0 at the end of the stream. Unlike
// read(2) it goes straight to the socket, past what the kernel does for files.
func recv(fd int32, p []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(min(len(p), rawBytesMax)),
			unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

// send writes what the socket takes. It never raises SIGPIPE.
func send(fd int32, p []byte) (int, unix.Errno) {
	const flags = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT
	call := unix.RawSyscall6
	if len(p) > rawBytesMax {
		call = unix.Syscall6
	}
	for {
		n, _, errno := call(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

// accept takes one conn from the listening fd, non-blocking and close-on-exec.
// What tune sets is inherited from the listening socket.
func accept(fd int) (int, peer, unix.Errno) {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd),
			uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if errno == 0 {
			return int(n), peerOf(&sa), 0
		}
		if errno != unix.EINTR {
			return -1, peer{}, errno
		}
	}
}

// peer is the remote address in 24 bytes; a net.Addr would cost 80 and more.
type peer struct {
	ip     [16]byte
	zone   uint32
	port   uint16
	family uint16 // AF_INET, AF_INET6, AF_UNIX
}

func peerOf(sa *unix.RawSockaddrAny) peer {
	p := peer{family: sa.Addr.Family}
	swap := func(port uint16) uint16 {
		b := (*[2]byte)(unsafe.Pointer(&port))
		return uint16(b[0])<<8 | uint16(b[1])
	}
	switch sa.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		copy(p.ip[:], in.Addr[:])
		p.port = swap(in.Port)
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		p.ip, p.zone, p.port = in.Addr, in.Scope_id, swap(in.Port)
	}
	return p
}

func peerOfAddr(ap netip.AddrPort, zone uint32) peer {
	p := peer{zone: zone, port: ap.Port(), family: unix.AF_INET6}
	if ap.Addr().Is4() {
		a := ap.Addr().As4()
		p.family = unix.AF_INET
		copy(p.ip[:], a[:])
		return p
	}
	p.ip = ap.Addr().As16()
	return p
}

// addrPort returns the address; an IPv4 peer of a dual-stack socket is IPv4.
func (p peer) addrPort() netip.AddrPort {
	switch p.family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(p.ip[:4])), p.port)
	case unix.AF_INET6:
		a := netip.AddrFrom16(p.ip).Unmap()
		if p.zone != 0 {
			a = a.WithZone(fmt.Sprint(p.zone))
		}
		return netip.AddrPortFrom(a, p.port)
	}
	return netip.AddrPort{}
}

// tune sets what every TCP conn gets: no delay, and keep-alive probes that find
// a silent dead peer in about two minutes.
func tune(fd int) error {
	for _, o := range []struct {
		name            string
		level, opt, val int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, o.val); err != nil {
			return fmt.Errorf("cannot set %s: %w", o.name, err)
		}
	}
	return nil
}

// reset makes the following close send RST and free the socket's buffers.
func reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER,
		&unix.Linger{Onoff: 1, Linger: 0})
}

// sockaddr turns ap into what bind and connect take.
func sockaddr(ap netip.AddrPort) (sa unix.Sockaddr, family int, zone uint32, err error) {
	a := ap.Addr()
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: a.As4()}, unix.AF_INET, 0, nil
	}
	if a.Zone() != "" {
		ifi, err := net.InterfaceByName(a.Zone())
		if err != nil {
			return nil, 0, 0, fmt.Errorf("cannot find the zone of %q: %w", ap, err)
		}
		zone = uint32(ifi.Index)
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: a.As16(), ZoneId: zone},
		unix.AF_INET6, zone, nil
}

// newSocket opens a non-blocking stream socket.
func newSocket(family int) (int, error) {
	const kind = unix.SOCK_STREAM | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	return fd, nil
}
