package loop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// hooks is a Handler made of functions; without them it echoes.
type hooks struct {
	open    func(c *Conn)
	data    func(c *Conn, buf, out []byte) (int, []byte)
	eof     func(c *Conn)
	expired func(c *Conn, out []byte) []byte
	closed  func(c *Conn, err error)

	opens, eofs, closes atomic.Int64
	mu                  sync.Mutex // guards the next two
	last                error      // the last reason of Closed
	conn                *Conn      // the last one opened
}

func (h *hooks) Open(c *Conn) {
	h.mu.Lock()
	h.conn = c
	h.mu.Unlock()
	if h.open != nil {
		h.open(c)
	}
	h.opens.Add(1)
}

func (h *hooks) Data(c *Conn, buf, out []byte) (int, []byte) {
	if h.data != nil {
		return h.data(c, buf, out)
	}
	return len(buf), append(out, buf...)
}

func (h *hooks) EOF(c *Conn) {
	h.eofs.Add(1)
	if h.eof != nil {
		h.eof(c)
		return
	}
	c.Finish()
}

func (h *hooks) Expired(c *Conn, out []byte) []byte {
	if h.expired != nil {
		return h.expired(c, out)
	}
	return out
}

func (h *hooks) Closed(c *Conn, err error) {
	if h.closed != nil {
		h.closed(c, err)
	}
	h.mu.Lock()
	h.last = err
	h.mu.Unlock()
	h.closes.Add(1)
}

// reason waits for the n-th Closed and returns its error.
func (h *hooks) reason(t testing.TB, n int64) error {
	t.Helper()
	eventually(t, "Closed", func() bool { return h.closes.Load() >= n })
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// opened waits for the first Open and returns the last conn.
func (h *hooks) opened(t testing.TB) *Conn {
	t.Helper()
	eventually(t, "Open", func() bool { return h.opens.Load() > 0 })
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn
}

// eventually polls is until it is true, or fails after patience.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s", what, patience)
		}
		time.Sleep(time.Millisecond)
	}
}

// start runs a group and ends it with the test, checking that nothing is left.
func start(t testing.TB, opt Options) *Group {
	t.Helper()
	fds, routines := fdCount(t), goleak.IgnoreCurrent()
	if opt.Log == nil {
		opt.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	g, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	g.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := g.Drain(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("drain: %v", err)
		}
		if s := g.Stats(); s.Open != 0 || s.OutboxBytes != 0 {
			t.Errorf("after drain: got %d conns and %d outbox bytes, want none",
				s.Open, s.OutboxBytes)
		}
		if live, inbound := g.live.Load(), g.inbound.Load(); live != 0 || inbound != 0 {
			t.Errorf("after drain: got live %d, inbound %d, want 0", live, inbound)
		}
		if !t.Failed() {
			eventually(t, "return of all fds", func() bool { return fdCount(t) <= fds })
			if err := goleak.Find(routines); err != nil {
				t.Error(err)
			}
		}
	})
	return g
}

// serve listens on a loopback port.
func serve(t testing.TB, g *Group, h Handler) string {
	t.Helper()
	ln, err := g.Listen("tcp", "127.0.0.1:0", h)
	if err != nil {
		t.Fatal(err)
	}
	return ln.Addr().String()
}

// connect opens a client conn that is closed with the test.
func connect(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

func mustWrite(t testing.TB, w io.Writer, b []byte) {
	t.Helper()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t testing.TB, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// wantEOF reads to the end, which must be orderly, and returns what came.
func wantEOF(t testing.TB, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("got %v after %d bytes, want the end of the stream", err, len(b))
	}
	return b
}

func fdCount(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// lines is a Data hook that answers each line with itself, upper-cased.
func lines(c *Conn, buf, out []byte) (n int, reply []byte) {
	for {
		i := bytes.IndexByte(buf[n:], '\n')
		if i < 0 || c.Enough(out) {
			return n, out
		}
		out = append(out, bytes.ToUpper(buf[n:n+i+1])...)
		n += i + 1
	}
}
