package loop

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// vanish makes a client's kernel drop all that comes for it, as a network would: nothing is
// acknowledged any more, and no FIN or RST tells of it.
func vanish(t testing.TB, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	dropAll := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	err = errors.Join(err, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(dropAll)), Filter: &dropAll[0]})
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// A peer that has vanished without a word is found a while after a write, not by the kernel's own
// quarter of an hour.
func TestVanishedPeerIsFoundByTheNextWrite(t *testing.T) {
	g := start(t, Options{})
	h := &hooks{}
	c := connect(t, serve(t, g, h))
	mustWrite(t, c, []byte("x"))
	mustRead(t, c, 1)
	vanish(t, c)
	h.opened(t).SetAckTimeout(300 * time.Millisecond)
	if err := h.opened(t).Send([]byte("anybody there?")); err != nil {
		t.Fatal(err)
	}
	if err := h.reason(t, 1); !errors.Is(err, unix.ETIMEDOUT) {
		t.Errorf("closed with %v; want ETIMEDOUT", err)
	}
}

// A peer that reads nothing, however much it is sent, is told from one that has vanished.
func TestVanishedIsNotWhoPauses(t *testing.T) {
	g := start(t, Options{})
	h := &hooks{}
	c := connect(t, serve(t, g, h))
	mustWrite(t, c, []byte("x"))
	mustRead(t, c, 1)
	paused := dialed(t, g)
	for paused.Queued() == 0 { // until its kernel takes no more
		if err := paused.Send(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
	}
	conn := h.opened(t)
	if conn.Vanished() {
		t.Error("a peer that is there has vanished")
	}
	vanish(t, c)
	if err := conn.Send([]byte("anybody there?")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has vanished", conn.Vanished)
	if paused.Vanished() {
		t.Error("a peer that pauses has vanished")
	}
}

// A peer that is there and does not read for a while is no vanished one: what was sent waits in the
// kernel for as long as it takes.
func TestPeerThatPausesIsNotVanished(t *testing.T) {
	g := start(t, Options{})
	h := &hooks{}
	c := connect(t, serve(t, g, h))
	mustWrite(t, c, []byte("x"))
	mustRead(t, c, 1)
	for _, conn := range []*Conn{h.opened(t), dialed(t, g)} {
		conn.mu.Lock()
		ms, err := unix.GetsockoptInt(int(conn.fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		conn.mu.Unlock()
		if err != nil || ms != 0 {
			t.Errorf("TCP_USER_TIMEOUT is %d, %v: it would end a peer that pauses", ms, err)
		}
	}
}

// dialed is a conn to a peer that never reads.
func dialed(t *testing.T, g *Group) *Conn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	h := &hooks{}
	if _, err := g.Dial("tcp", ln.Addr().String(), 0, h, nil); err != nil {
		t.Fatal(err)
	}
	return h.opened(t)
}
