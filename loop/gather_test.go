package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// gathering is a conn whose loop is asleep, and its peer.
func gathering(t *testing.T, opt Options, h *hooks) (*Group, *Conn, *net.TCPConn) {
	t.Helper()
	opt.Loops = 1
	g := start(t, opt)
	peer := connect(t, serve(t, g, h))
	c := h.opened(t)
	eventually(t, "sleep", func() bool { return c.loop.state.Load() == asleep })
	return g, c, peer
}

// onLoop runs f on c's loop, which is awake then.
func onLoop(t *testing.T, c *Conn, f func()) {
	t.Helper()
	done := make(chan struct{})
	if err := c.loop.Post(func() { f(); close(done) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the loop never ran")
	}
}

func expect(t *testing.T, peer net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	_ = peer.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != want {
		t.Errorf("got %.60q (%v), want %.60q, of %d bytes", got, err, want, len(want))
	}
}

// wantWrites waits until so many writes are counted, which is behind what a peer sees of them.
func wantWrites(t *testing.T, g *Group, want uint64) {
	t.Helper()
	eventually(t, "count of writes", func() bool { return g.Stats().Writes >= want })
	if n := g.Stats().Writes; n != want {
		t.Errorf("got %d writes, want %d", n, want)
	}
}

// What is sent soon while the loop is awake leaves in one write, in order, together with what is
// sent at once behind it.
func TestSendSoonGathers(t *testing.T) {
	g, c, peer := gathering(t, Options{}, &hooks{})
	onLoop(t, c, func() {
		for i := range 10 {
			if err := c.SendSoon(fmt.Appendf(nil, "%d", i), mib, false); err != nil {
				t.Error(err)
			}
		}
		if n := c.Queued(); n != 10 {
			t.Errorf("%d bytes wait, want 10", n)
		}
	})
	expect(t, peer, "0123456789")
	wantWrites(t, g, 1)
	onLoop(t, c, func() {
		_ = c.SendSoon([]byte("a"), mib, false)
		_ = c.Send([]byte("b"))
		if n := c.Queued(); n != 0 {
			t.Errorf("%d bytes wait behind a Send, want 0", n)
		}
	})
	expect(t, peer, "ab")
	wantWrites(t, g, 2)
}

// A loop that sleeps is woken only for more than one message.
func TestSendSoonWakesForMore(t *testing.T) {
	g, c, peer := gathering(t, Options{}, &hooks{})
	signals := g.Stats().Signals
	if err := c.SendSoon([]byte("alone"), mib, false); err != nil {
		t.Fatal(err)
	}
	expect(t, peer, "alone")
	if n := g.Stats().Signals; n != signals {
		t.Errorf("one message woke the loop")
	}
	if err := c.SendSoon([]byte("first of many"), mib, true); err != nil {
		t.Fatal(err)
	}
	expect(t, peer, "first of many")
	if n := g.Stats().Signals; n == signals {
		t.Errorf("the loop was not woken: who wrote?")
	}
}

// What waits for the loop is written before a conn that was finished ends, and is not a reason to
// keep it. After that nothing is taken.
func TestSendSoonBeforeFinish(t *testing.T) {
	h := &hooks{}
	_, c, peer := gathering(t, Options{}, h)
	onLoop(t, c, func() {
		_ = c.SendSoon([]byte("last words"), mib, false)
		c.Finish()
		if err := c.SendSoon([]byte("too late"), mib, false); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	})
	got, err := io.ReadAll(peer)
	if string(got) != "last words" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	peer.Close()
	if err := h.reason(t, 1); err != nil {
		t.Errorf("Closed got %v", err)
	}
}

// More than a socket takes at once arrives whole, whether it is the loop that writes or a Send.
func TestSendSoonToSlowPeer(t *testing.T) {
	g, c, peer := gathering(t, Options{}, &hooks{open: buffers64})
	if err := peer.SetReadBuffer(64 * kib); err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	for i := range 100 {
		piece := bytes.Repeat([]byte{'a' + byte(i%26)}, 16*kib)
		want.Write(piece)
		send := func() error { return c.SendSoon(piece, 2*mib, true) }
		if i%7 == 3 {
			send = func() error { return c.SendWithin(piece, 2*mib) }
		}
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "full outbox", func() bool { return g.Stats().OutboxBytes > 0 })
	expect(t, peer, want.String())
	eventually(t, "empty outbox", func() bool { return g.Stats().OutboxBytes == 0 })
}

// The limit of what may wait holds for what is sent soon, too.
func TestSendSoonWithin(t *testing.T) {
	h := &hooks{open: smallBuffers}
	_, c, peer := gathering(t, Options{}, h)
	small(t, peer)
	piece := make([]byte, 48*kib)
	var err error
	for range 1000 {
		if err = c.SendSoon(piece, 256*kib, true); err != nil {
			break
		}
		if n := c.Queued(); n > 256*kib+gatherMax {
			t.Fatalf("%d bytes wait", n)
		}
	}
	if err == nil {
		t.Error("1000 pieces were taken by a peer that does not read")
	}
	if got := h.reason(t, 1); !errors.Is(got, ErrSlowConsumer) {
		t.Errorf("Closed got %v, want %v", got, ErrSlowConsumer)
	}
}

// What is gathered after the loop looked, in the turn that ends the conn, is written all the same.
func TestSendSoonInTheTurnThatEnds(t *testing.T) {
	h := &hooks{open: func(c *Conn) {
		_ = c.SendSoon([]byte("last words"), mib, false)
		c.Finish()
	}}
	g := start(t, Options{Loops: 1})
	peer := connect(t, serve(t, g, h))
	_ = peer.SetReadDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(peer); string(got) != "last words" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	peer.Close()
	if err := h.reason(t, 1); err != nil {
		t.Errorf("Closed got %v", err)
	}
}

// What waits for the loop when a conn ends was not sent, and the handler can know; what the loop
// has written may have come.
func TestUnsent(t *testing.T) {
	for name, v := range map[string]struct {
		end  func(t *testing.T, c *Conn, peer *net.TCPConn)
		want bool
	}{
		"reset":  {func(t *testing.T, c *Conn, peer *net.TCPConn) { resetNow(t, c, peer) }, true},
		"closed": {func(_ *testing.T, c *Conn, _ *net.TCPConn) { c.Close(nil) }, true},
		"joined": {func(t *testing.T, c *Conn, peer *net.TCPConn) {
			resetNow(t, c, peer)
			_ = c.Send([]byte("at once"))
		}, true},
		"written": {func(_ *testing.T, c *Conn, _ *net.TCPConn) {
			_ = c.Send([]byte("at once"))
			c.Close(nil)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			unsent := make(chan bool, 1)
			h := &hooks{closed: func(c *Conn, _ error) { unsent <- c.Unsent() }}
			_, c, peer := gathering(t, Options{}, h)
			onLoop(t, c, func() {
				if err := c.SendSoon([]byte("soon"), mib, false); err != nil {
					t.Error(err)
				}
				v.end(t, c, peer)
			})
			_ = h.reason(t, 1)
			if got := <-unsent; got != v.want {
				t.Errorf("got %v, want %v", got, v.want)
			}
		})
	}
}

// resetNow makes peer reset c, and returns when c's socket knows.
func resetNow(t *testing.T, c *Conn, peer *net.TCPConn) {
	t.Helper()
	_ = peer.SetLinger(0)
	_ = peer.Close()
	fds := []unix.PollFd{{Fd: c.fd}}
	_, err := unix.Poll(fds, int(patience.Milliseconds()))
	if err != nil || fds[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0 {
		t.Errorf("the socket got %x (%v), want a reset", fds[0].Revents, err)
	}
}
