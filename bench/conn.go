package bench

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/sys/unix"
)

type phase uint8

const (
	phaseHello   phase = iota // initialize was sent
	phaseReady                // http: notifications/initialized was sent, its 202 is due
	phaseWaiting              // may call, has not been told to
	phaseCalling
	phaseClosed
)

// conn is one connection. It belongs to its engine's thread.
type conn struct {
	rfd, wfd int   // the same descriptor but for pipes
	at       int32 // index in the engine's conns
	number   [connDigits]byte
	phase    phase
	turn     uint32 // http: the slot that is answered next, since answers keep their order
	left     int    // calls still to be sent; negative: no limit
	pending  int    // calls in flight
	call     *frame
	heads    *responses
	slots    []slot
	carry    []byte // the start of a reply whose end has not come
	unsent   []byte // what the socket did not take
}

// slotOf returns the slot of an id that is outstanding; nil when it is not.
func (c *conn) slotOf(id, depth uint32) (uint32, *slot) {
	n := (id - idFirst) % depth
	if s := &c.slots[n]; s.busy && s.id == id {
		return n, s
	}
	return 0, nil
}

// next makes slot n busy with its next id and appends the call to out.
func (c *conn) next(n uint32, depth uint32, now int64, out []byte) []byte {
	s := &c.slots[n]
	if s.id == 0 {
		s.id = idFirst + n
	} else if s.id += depth; s.id >= idFirst+idCount {
		s.id = idFirst + n
	}
	putDigits(s.text[:], s.id)
	s.busy, s.sent = true, now
	c.pending++
	c.left--
	return append(out, c.call.fill(&c.number, &s.text)...)
}

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

// dial opens connection number i of many and returns its non-blocking descriptor.
func (t *target) dial(i, many int) (int, error) {
	fd, err := unix.Socket(t.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open socket %d: %w", i, err)
	}
	if err := t.connect(fd, i, many); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("cannot open connection %d of %d: %w", i+1, many, err)
	}
	return fd, nil
}

func (t *target) connect(fd, i, many int) error {
	if t.local && many > connsPerSource {
		source := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + i/connsPerSource)}}
		err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err := errors.Join(err, unix.Bind(fd, source)); err != nil {
			return err
		}
	}
	for {
		err := unix.Connect(fd, t.sa)
		if err == nil || errors.Is(err, unix.EISCONN) {
			break
		}
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EALREADY) {
			return err
		}
	}
	if t.family != unix.AF_UNIX {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
	}
	return unix.SetNonblock(fd, true)
}
