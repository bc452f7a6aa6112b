package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReset(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{data: lines}
	addr := serve(t, g, h)
	for n := range int64(20) {
		c := connect(t, addr)
		mustWrite(t, c, []byte("line\nhalf a li"))
		mustRead(t, c, 5)
		_ = c.SetLinger(0)
		_ = c.Close()
		if err := h.reason(t, n+1); !errors.Is(err, unix.ECONNRESET) {
			t.Fatalf("Closed got %v, want %v", err, unix.ECONNRESET)
		}
	}
	if n := h.eofs.Load(); n != 0 {
		t.Errorf("got %d EOF calls for reset conns", n)
	}
}

// A reset in the middle of a reply ends a conn that waits to write.
func TestResetWhileWriting(t *testing.T) {
	g := start(t, Options{Loops: 1, WriteTimeout: time.Hour})
	h := &hooks{open: func(c *Conn) { smallBuffers(c); c.Pause() }}
	c := connect(t, serve(t, g, h))
	small(t, c)
	conn := h.opened(t)
	if err := conn.Send(make([]byte, 500*kib)); err != nil {
		t.Fatal(err)
	}
	_ = c.SetLinger(0)
	_ = c.Close()
	if err := h.reason(t, 1); err == nil || errors.Is(err, ErrSlowConsumer) {
		t.Errorf("Closed got %v, want a reset", err)
	}
}

// After Finish the peer reads the last reply even if it sent more than was read.
func TestFinishWithUnreadInput(t *testing.T) {
	g := start(t, Options{Loops: 1})
	reply := bytes.Repeat([]byte("no"), 50*kib)
	h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		c.Finish()
		return 1, append(out, reply...)
	}}
	addr := serve(t, g, h)
	for range 20 {
		c := connect(t, addr)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = c.Write(make([]byte, 500*kib))
			_ = c.CloseWrite()
		}()
		if got := wantEOF(t, c); !bytes.Equal(got, reply) {
			t.Fatalf("got %d bytes, want %d", len(got), len(reply))
		}
		<-sent
	}
	if err := h.reason(t, 20); err != nil {
		t.Errorf("Closed got %v, want nil", err)
	}
}

// A peer that does not end its side is let go after the linger time.
func TestFinishLingers(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		c.Finish()
		return len(buf), append(out, "bye"...)
	}}
	c := connect(t, serve(t, g, h))
	mustWrite(t, c, []byte("hello"))
	if got := wantEOF(t, c); string(got) != "bye" {
		t.Errorf("got %q", got)
	}
	if err := h.opened(t).Send([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Finish: got %v, want %v", err, ErrClosed)
	}
	if err := h.reason(t, 1); err != nil {
		t.Errorf("Closed got %v, want nil", err)
	}
}

func TestCloseGivesItsReason(t *testing.T) {
	g := start(t, Options{Loops: 1})
	reason := errors.New("because")
	h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		c.Close(reason)
		c.Close(nil)
		c.Finish()
		return len(buf), append(out, "never sent"...)
	}}
	c := connect(t, serve(t, g, h))
	mustWrite(t, c, []byte("hello"))
	if err := h.reason(t, 1); !errors.Is(err, reason) {
		t.Errorf("Closed got %v, want %v", err, reason)
	}
	if got, _ := io.ReadAll(c); len(got) != 0 {
		t.Errorf("got %q, want nothing", got)
	}
}

// Sends that race with closing never reach another conn that got the same fd:
// every byte a client reads carries its own mark.
func TestSendRacesClose(t *testing.T) {
	g := start(t, Options{Loops: 2})
	var marks atomic.Int64
	var senders sync.WaitGroup
	h := &hooks{
		data: func(_ *Conn, buf, out []byte) (int, []byte) { return len(buf), out },
		open: func(c *Conn) {
			msg := bytes.Repeat([]byte{byte(marks.Add(1))}, 100)
			_ = c.Send(msg[:1])
			for range 2 {
				senders.Go(func() {
					for c.Send(msg) == nil {
					}
				})
			}
			senders.Go(func() { c.Close(nil) })
		},
	}
	addr := serve(t, g, h)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 20 {
				c, err := net.Dial("tcp", addr)
				if errors.Is(err, unix.ECONNRESET) {
					continue // closed before the handshake was over
				}
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.SetDeadline(time.Now().Add(patience))
				got, _ := io.ReadAll(c)
				_ = c.Close()
				if len(got) > 0 && len(bytes.Trim(got, string(got[:1]))) != 0 {
					t.Error("got bytes of another conn")
				}
			}
		})
	}
	clients.Wait()
	_ = h.reason(t, 160)
	senders.Wait()
}

// panicky panics on demand and answers for it.
type panicky struct{ hooks }

func (p *panicky) Panicked(_ *Conn, out []byte) []byte { return append(out, "sorry\n"...) }

func TestPanic(t *testing.T) {
	var log strings.Builder
	opt := Options{Loops: 1, Log: slog.New(slog.NewTextHandler(&log, nil))}
	g := start(t, opt)
	h := new(panicky)
	h.data = func(c *Conn, buf, out []byte) (int, []byte) {
		switch string(buf) {
		case "panic":
			panic("at the disco")
		case "too much":
			return len(buf) + 1, out
		}
		return len(buf), append(out, buf...)
	}
	addr := serve(t, g, h)
	k := startCanary(t, addr)
	for i, say := range []string{"panic", "too much"} {
		c := connect(t, addr)
		mustWrite(t, c, []byte(say))
		if got := wantEOF(t, c); string(got) != "sorry\n" {
			t.Errorf("got %q", got)
		}
		_ = c.Close()
		if err := h.reason(t, int64(i+1)); !errors.Is(err, ErrPanic) {
			t.Errorf("Closed got %v, want %v", err, ErrPanic)
		}
	}
	k.sing()
	if n := g.Stats().Panics; n != 2 {
		t.Errorf("got %d panics counted, want 2", n)
	}
	for _, l := range g.Loops() {
		_ = l.do(func() {}) // the log is written on the loop
	}
	for _, want := range []string{"at the disco", "close_test.go", "BUG: Data took"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// A panic in any callback costs one conn, not the loop.
func TestPanicEverywhere(t *testing.T) {
	g := start(t, Options{Loops: 1, Tick: 10 * time.Millisecond})
	boom := func(*Conn) { panic("boom") }
	f := func(what string, h *hooks) {
		t.Helper()
		addr := serve(t, g, h)
		c := connect(t, addr)
		_, _ = c.Write([]byte("x"))
		_ = c.CloseWrite()
		_, _ = io.ReadAll(c)
		_ = c.Close()
		eventually(t, what+" to end", func() bool { return g.Stats().Open == 0 })
		k := startCanary(t, serve(t, g, new(hooks)))
		k.sing()
	}
	f("Open", &hooks{open: boom})
	f("EOF", &hooks{eof: boom})
	f("Closed", &hooks{closed: func(*Conn, error) { panic("boom") }})
	f("Expired", &hooks{
		open:    func(c *Conn) { c.SetDeadline(time.Millisecond) },
		eof:     func(*Conn) {},
		expired: func(*Conn, []byte) []byte { panic("boom") },
	})
	if err := g.Loops()[0].Post(func() { panic("boom") }); err != nil {
		t.Error(err)
	}
	f("Post", new(hooks))
	if n := g.Stats().Panics; n != 5 {
		t.Errorf("got %d panics counted, want 5", n)
	}
}

func TestChurn(t *testing.T) { churn(t, 20_000) }

// churn connects and ends conns in every way and looks for what is left.
func churn(t *testing.T, n int) {
	g := start(t, Options{Loops: 2})
	h := &hooks{data: lines}
	addr := serve(t, g, h)
	fds := fdCount(t)
	const clients = 16
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for k := range n / clients {
				if err := churnOne(addr, (i+k)%5); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "end of all conns", func() bool {
		s := g.Stats()
		return s.Open == 0 && s.Accepted == s.Closed
	})
	eventually(t, "return of all fds", func() bool { return fdCount(t) <= fds })
	if opens, closes := h.opens.Load(), h.closes.Load(); opens != closes {
		t.Errorf("got %d opens and %d closes", opens, closes)
	}
	held := 0
	for _, l := range g.Loops() {
		_ = l.do(func() { held += len(l.poller.spent) })
	}
	if held > 256 {
		t.Errorf("%d operators are held", held)
	}
}

func churnOne(addr string, way int) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	tcp := c.(*net.TCPConn)
	if way > 0 {
		_, _ = c.Write([]byte("hello\nhal"))
	}
	if way > 1 {
		if _, err := io.ReadFull(c, make([]byte, 6)); err != nil {
			return fmt.Errorf("way %d: %w", way, err)
		}
	}
	if way > 2 {
		_ = tcp.CloseWrite()
		if _, err := io.ReadAll(c); err != nil {
			return fmt.Errorf("way %d: %w", way, err)
		}
	}
	_ = tcp.SetLinger(0) // no TIME_WAIT, so that ports last
	return c.Close()
}
