package loop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// canary is a client whose calls must all succeed while others misbehave.
type canary struct {
	t     testing.TB
	conn  net.Conn
	stop  chan struct{}
	ended sync.WaitGroup
	calls atomic.Int64
}

func startCanary(t testing.TB, addr string) *canary {
	t.Helper()
	k := &canary{t: t, conn: connect(t, addr), stop: make(chan struct{})}
	k.ended.Go(k.run)
	return k
}

func (k *canary) run() {
	got := make([]byte, 5)
	for {
		select {
		case <-k.stop:
			return
		default:
		}
		_ = k.conn.SetDeadline(time.Now().Add(patience))
		if _, err := k.conn.Write([]byte("PING\n")); err != nil {
			k.t.Errorf("canary: %v after %d calls", err, k.calls.Load())
			return
		}
		if _, err := io.ReadFull(k.conn, got); err != nil || string(got) != "PING\n" {
			k.t.Errorf("canary: got %q, %v after %d calls", got, err, k.calls.Load())
			return
		}
		k.calls.Add(1)
	}
}

// sing ends the canary after one more answer.
func (k *canary) sing() {
	k.t.Helper()
	before := k.calls.Load()
	eventually(k.t, "answer to the canary", func() bool { return k.calls.Load() > before })
	close(k.stop)
	k.ended.Wait()
	_ = k.conn.Close()
}

// small makes the client's receive buffer small, so that the server's side
// fills early.
func small(t testing.TB, c *net.TCPConn) {
	t.Helper()
	if err := c.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
}

// smallBuffers limits what the kernel buffers for the server's side.
func smallBuffers(c *Conn) {
	_ = unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 8192)
}

// buffers64 lets data flow, but not all at once.
func buffers64(c *Conn) {
	_ = unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 64*kib)
}

// A peer that asks and never reads: reading from it stops, what waits for it is
// bounded, it is closed as a slow consumer, and nobody else notices.
func TestSlowReader(t *testing.T) {
	opt := Options{Loops: 1, WriteTimeout: 300 * time.Millisecond, Tick: 10 * time.Millisecond}
	g := start(t, opt)
	h := &hooks{data: lines, open: smallBuffers}
	addr := serve(t, g, h)
	k := startCanary(t, addr)
	c := connect(t, addr)
	small(t, c)
	ask := bytes.Repeat([]byte("are you there\n"), 1000)
	var peak uint64
	for {
		_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := c.Write(ask)
		peak = max(peak, g.Stats().OutboxBytes)
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				break
			}
		}
		if h.closes.Load() > 0 {
			break
		}
	}
	if err := h.reason(t, 1); !errors.Is(err, ErrSlowConsumer) {
		t.Errorf("Closed got %v, want %v", err, ErrSlowConsumer)
	}
	if peak == 0 || peak > mib {
		t.Errorf("got up to %d bytes in outboxes, want 1..%d", peak, mib)
	}
	if n := g.Stats().SlowConsumers; n != 1 {
		t.Errorf("got %d slow consumers, want 1", n)
	}
	k.sing()
}

// A peer that reads slowly but steadily gets everything, in order, and the
// server reads from it only as fast as it takes the replies.
func TestSlowButSteady(t *testing.T) {
	g := start(t, Options{Loops: 1, OutboxHigh: 32 * kib, OutboxLow: 8 * kib, OutboxMax: 256 * kib})
	h := &hooks{data: lines, open: buffers64}
	c := connect(t, serve(t, g, h))
	if err := c.SetReadBuffer(64 * kib); err != nil {
		t.Fatal(err)
	}
	sent, want := script(40_000, 200)
	go func() {
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
	}()
	conn := h.opened(t)
	eventually(t, "full outbox", func() bool { return conn.state.Load()&stPressed != 0 })
	var got []byte
	for buf := make([]byte, 8*kib); ; {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			break
		}
		if q := g.Stats().OutboxBytes; q > 256*kib {
			t.Fatalf("got %d bytes in the outbox", q)
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// A peer that writes as fast as it can does not keep its loop from the others.
func TestFloodingWriter(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{data: func(_ *Conn, buf, out []byte) (int, []byte) {
		if len(buf) < 16 {
			out = append(out, buf...)
		}
		return len(buf), out
	}}
	addr := serve(t, g, h)
	k := startCanary(t, addr)
	c := connect(t, addr)
	flood := make([]byte, mib)
	for range 256 {
		mustWrite(t, c, flood)
	}
	k.sing()
}

// Send beyond the limit ends the conn, and says so.
func TestOutboxMax(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{open: smallBuffers}
	c := connect(t, serve(t, g, h))
	small(t, c)
	conn := h.opened(t)
	part := make([]byte, 64*kib)
	var err error
	for range 1000 {
		if err = conn.Send(part); err != nil {
			break
		}
		if q := conn.Queued(); q > mib {
			t.Fatalf("got %d bytes queued", q)
		}
	}
	if !errors.Is(err, ErrSlowConsumer) {
		t.Errorf("Send: got %v, want %v", err, ErrSlowConsumer)
	}
	if err := h.reason(t, 1); !errors.Is(err, ErrSlowConsumer) {
		t.Errorf("Closed got %v, want %v", err, ErrSlowConsumer)
	}
	if err := conn.Send(part); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after that: got %v, want %v", err, ErrClosed)
	}
}

// One message larger than the limit goes through when nothing waits.
func TestSendLarge(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := new(hooks)
	c := connect(t, serve(t, g, h))
	msg := bytes.Repeat([]byte("0123456789abcdef"), 8*mib/16)
	if err := h.opened(t).Send(msg); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, c, len(msg)); !bytes.Equal(got, msg) {
		t.Error("the message arrived changed")
	}
}

// The peer sends its last request and FIN; the reply does not fit its socket.
// It gets all of it and then FIN.
func TestHalfCloseGetsReplies(t *testing.T) {
	g := start(t, Options{Loops: 1})
	reply := bytes.Repeat([]byte("r"), 900*kib)
	f := func(h *hooks) {
		t.Helper()
		h.open = buffers64
		c := connect(t, serve(t, g, h))
		if err := c.SetReadBuffer(64 * kib); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, c, []byte("last words"))
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "an outbox", func() bool { return g.Stats().OutboxBytes > 0 })
		if got := wantEOF(t, c); !bytes.Equal(got, reply) {
			t.Errorf("got %d bytes, want %d", len(got), len(reply))
		}
		if err := h.reason(t, 1); err != nil {
			t.Errorf("Closed got %v", err)
		}
	}
	f(&hooks{data: func(_ *Conn, buf, out []byte) (int, []byte) { // at once
		return len(buf), append(out, reply...)
	}})
	f(&hooks{ // later, from another goroutine
		data: func(_ *Conn, buf, out []byte) (int, []byte) { return len(buf), out },
		eof: func(c *Conn) {
			go func() {
				for rest := reply; len(rest) > 0; rest = rest[100*kib:] {
					if err := c.Send(rest[:100*kib]); err != nil {
						t.Error(err)
					}
				}
				c.Finish()
			}()
		},
	})
}

// Progress keeps a slow conn alive, standstill does not, even below the low
// watermark.
func TestWriteTimeoutBelowLow(t *testing.T) {
	opt := Options{Loops: 1, WriteTimeout: 200 * time.Millisecond, Tick: 10 * time.Millisecond}
	g := start(t, opt)
	h := &hooks{open: smallBuffers}
	c := connect(t, serve(t, g, h))
	small(t, c)
	conn := h.opened(t)
	for conn.Queued() == 0 {
		if err := conn.Send(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.reason(t, 1); !errors.Is(err, ErrSlowConsumer) {
		t.Errorf("Closed got %v, want %v", err, ErrSlowConsumer)
	}
}
