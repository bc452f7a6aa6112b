package loop

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// polite is a Handler that answers its work in flight before it ends.
type polite struct {
	hooks
	drains atomic.Int64
	free   chan struct{}
}

func (p *polite) Drain(c *Conn) {
	p.drains.Add(1)
	go func() {
		<-p.free
		_ = c.Send([]byte("last answer"))
		c.Finish()
	}()
}

func TestDrain(t *testing.T) {
	g := start(t, Options{Loops: 2})
	h := &polite{free: make(chan struct{})}
	addr := serve(t, g, h)
	c := connect(t, addr)
	mustWrite(t, c, []byte("x"))
	mustRead(t, c, 1)
	served := make(chan error, 1)
	go func() { served <- g.Serve(context.Background()) }()
	drained := make(chan error, 1)
	go func() { drained <- g.Drain(context.Background()) }()
	eventually(t, "call of Drain", func() bool { return h.drains.Load() == 1 })
	eventually(t, "refusal", func() bool {
		late, err := net.Dial("tcp", addr)
		if err == nil {
			_ = late.Close()
		}
		return err != nil
	})
	mustWrite(t, c, []byte("still served"))
	mustRead(t, c, 12)
	if _, err := g.Dial("tcp", addr, 0, h, nil); !errors.Is(err, ErrDraining) {
		t.Errorf("Dial: got %v, want %v", err, ErrDraining)
	}
	if _, err := g.Listen("tcp", addr, h); !errors.Is(err, ErrDraining) {
		t.Errorf("Listen: got %v, want %v", err, ErrDraining)
	}
	close(h.free)
	if got := wantEOF(t, c); string(got) != "last answer" {
		t.Errorf("got %q", got)
	}
	_ = c.Close()
	if err := errors.Join(<-drained, <-served); err != nil {
		t.Error(err)
	}
	for _, l := range g.Loops() {
		if err := l.Post(func() {}); !errors.Is(err, ErrStopped) {
			t.Errorf("Post: got %v, want %v", err, ErrStopped)
		}
	}
	if err := g.Drain(context.Background()); err != nil {
		t.Errorf("second Drain: %v", err)
	}
}

// Without a Drainer an idle conn ends at once and a busy one when it is idle.
func TestDrainIdle(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{data: lines}
	addr := serve(t, g, h)
	idle, busy := connect(t, addr), connect(t, addr)
	mustWrite(t, busy, []byte("half "))
	eventually(t, "both", func() bool { return g.Stats().BytesIn == 5 && g.Stats().Open == 2 })
	drained := make(chan error, 1)
	go func() { drained <- g.Drain(context.Background()) }()
	if got := wantEOF(t, idle); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	_ = idle.Close()
	mustWrite(t, busy, []byte("a line\n"))
	if got := wantEOF(t, busy); string(got) != "HALF A LINE\n" {
		t.Errorf("got %q", got)
	}
	_ = busy.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// When the time is over, what is left is closed: held conns, slow readers,
// conns that dial.
func TestDrainHardEnd(t *testing.T) {
	g := start(t, Options{Loops: 2})
	h := &polite{free: make(chan struct{})}
	h.open = func(c *Conn) { c.Pause() }
	addr := serve(t, g, h)
	for range 20 {
		small(t, connect(t, addr))
	}
	if _, err := g.Dial("tcp", "192.0.2.1:1", 0, h, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "conns", func() bool { return h.opens.Load() == 20 })
	for _, l := range g.Loops() {
		if err := l.do(func() {
			for _, c := range l.conns {
				_ = c.Send(bytes.Repeat([]byte("x"), mib))
			}
		}); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := g.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: got %v, want %v", err, context.DeadlineExceeded)
	}
	close(h.free)
	if n := h.closes.Load(); n < 20 {
		t.Errorf("got %d Closed calls when Drain returned, want 20 or 21", n)
	}
	if err := h.reason(t, 20); !errors.Is(err, ErrDraining) {
		t.Errorf("Closed got %v, want %v", err, ErrDraining)
	}
}

// Serve ends with its context, and everything with it.
func TestServeEndsWithContext(t *testing.T) {
	g := start(t, Options{Loops: 2})
	h := new(hooks)
	c := connect(t, serve(t, g, h))
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx) }()
	_ = h.opened(t)
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the conn is still open")
	}
}

// A group that never ran leaves nothing either.
func TestDrainWithoutStart(t *testing.T) {
	fds := fdCount(t)
	g, err := New(Options{Loops: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Listen("tcp", "127.0.0.1:0", new(hooks)); err != nil {
		t.Error(err)
	}
	if err := g.Drain(context.Background()); err != nil {
		t.Error(err)
	}
	if n := fdCount(t); n != fds {
		t.Errorf("got %d fds, want %d", n, fds)
	}
}

func TestPost(t *testing.T) {
	g := start(t, Options{Loops: 1, RingSlots: 16})
	l := g.Loops()[0]
	entered, free := make(chan struct{}), make(chan struct{})
	if err := l.Post(func() { close(entered); <-free }); err != nil {
		t.Fatal(err)
	}
	<-entered
	var order []int
	var ran atomic.Int64
	n := 0
	for ; ; n++ {
		i := n
		err := l.Post(func() { order = append(order, i); ran.Add(1) })
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	close(free)
	eventually(t, "all posts", func() bool { return ran.Load() == int64(n) })
	for i, got := range order {
		if got != i {
			t.Fatalf("got order %v", order)
		}
	}
	if n < 16 {
		t.Errorf("the ring took %d posts, want 16", n)
	}
}

func TestPin(t *testing.T) {
	g := start(t, Options{Loops: 2, Pin: true})
	c := connect(t, serve(t, g, new(hooks)))
	mustWrite(t, c, []byte("x"))
	mustRead(t, c, 1)
}
