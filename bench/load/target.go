package load

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// target is a parsed address.
type target struct {
	family int
	sa     unix.Sockaddr
	local  bool // within 127.0.0.0/8: the source address can be chosen
}

func parseTarget(addr string) (target, error) {
	if strings.Contains(addr, "/") {
		return target{unix.AF_UNIX, &unix.SockaddrUnix{Name: addr}, false}, nil
	}
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return target{}, fmt.Errorf("cannot use address %q: %w", addr, err)
	}
	if ip := a.IP.To4(); ip != nil {
		sa := &unix.SockaddrInet4{Port: a.Port}
		copy(sa.Addr[:], ip)
		return target{unix.AF_INET, sa, ip[0] == 127}, nil
	}
	sa := &unix.SockaddrInet6{Port: a.Port}
	copy(sa.Addr[:], a.IP.To16())
	return target{unix.AF_INET6, sa, false}, nil
}

// connsPerSource keeps connections to one port well within the ports of one source address.
const connsPerSource = 10_000

// acceptTime is how long a unix socket's server may leave a connection waiting in its backlog. It
// is short: nothing else happens meanwhile.
const acceptTime = 5 * time.Second

// dial begins connection number i and returns its non-blocking descriptor. Over TCP it may still
// be connecting. crowded says that there are more than one source address has ports for.
func (t *target) dial(i int, crowded bool) (int, error) {
	fd, err := unix.Socket(t.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open socket %d: %w", i, err)
	}
	if err := t.connect(fd, i, crowded); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("cannot open connection %d: %w", i, err)
	}
	return fd, nil
}

func (t *target) connect(fd, i int, crowded bool) error {
	if t.local && crowded {
		source := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + i/connsPerSource)}}
		err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err := errors.Join(err, unix.Bind(fd, source)); err != nil {
			return err
		}
	}
	if t.family == unix.AF_UNIX {
		// A full backlog is an error at once when the descriptor does not block.
		wait := unix.NsecToTimeval(int64(acceptTime))
		err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait)
		if err == nil {
			err = connectSocket(fd, t.sa)
		}
		if errors.Is(err, unix.EAGAIN) {
			err = fmt.Errorf("the server accepts nobody for %v: %w", acceptTime, err)
		}
		return errors.Join(err, unix.SetNonblock(fd, true))
	}
	err := errors.Join(unix.SetNonblock(fd, true),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	if err != nil {
		return err
	}
	if err = connectSocket(fd, t.sa); errors.Is(err, unix.EINPROGRESS) {
		return nil
	}
	return err
}

// connectSocket connects whatever signals come in between.
func connectSocket(fd int, sa unix.Sockaddr) error {
	for {
		err := unix.Connect(fd, sa)
		if err == nil || errors.Is(err, unix.EISCONN) {
			return nil
		}
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EALREADY) {
			return err
		}
	}
}

// connected returns how the connecting of fd has ended.
func connected(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		return fmt.Errorf("cannot connect: %w", err)
	}
	return nil
}
