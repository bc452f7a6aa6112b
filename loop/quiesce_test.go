package loop

import (
	"context"
	"errors"
	"net"
	"testing"
)

// Quiesce ends what was accepted; what Dial made goes on, and there may be more of it.
func TestQuiesce(t *testing.T) {
	far := serve(t, start(t, Options{Loops: 1}), &hooks{})
	g := start(t, Options{Loops: 2})
	h := &hooks{data: lines}
	addr := serve(t, g, h)
	got := make(chan string, 4)
	out := &hooks{data: func(_ *Conn, buf, out []byte) (int, []byte) {
		got <- string(buf)
		return len(buf), out
	}}
	if _, err := g.Dial("tcp", far, 0, out, nil); err != nil {
		t.Fatal(err)
	}
	near := out.opened(t)
	busy := connect(t, addr)
	mustWrite(t, busy, []byte("half "))
	eventually(t, "the half", func() bool { return g.Stats().BytesIn == 5 })
	if n := g.Served(); n != 1 {
		t.Errorf("got %d served conns, want 1", n)
	}
	quiet := make(chan error, 1)
	go func() { quiet <- g.Quiesce(context.Background()) }()
	eventually(t, "refusal", func() bool {
		late, err := net.Dial("tcp", addr)
		if err == nil {
			_ = late.Close()
		}
		return err != nil
	})
	if err := near.Send([]byte("while it waits")); err != nil || <-got != "while it waits" {
		t.Errorf("cannot use a dialed conn: %v", err)
	}
	mustWrite(t, busy, []byte("a line\n"))
	if line := wantEOF(t, busy); string(line) != "HALF A LINE\n" {
		t.Errorf("got %q", line)
	}
	_ = busy.Close()
	if err := <-quiet; err != nil {
		t.Error(err)
	}
	more, err := g.Dial("tcp", far, 0, out, nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second Open", func() bool { return out.opens.Load() == 2 })
	for _, c := range []*Conn{near, more} {
		if err := c.Send([]byte("after")); err != nil || <-got != "after" {
			t.Errorf("cannot use a dialed conn after Quiesce: %v", err)
		}
	}
	if err := g.Drain(context.Background()); err != nil {
		t.Error(err)
	}
	if n := out.closes.Load(); n != 2 {
		t.Errorf("got %d dialed conns closed, want 2", n)
	}
}

// When the time is over, accepted conns are closed and dialed ones are not.
func TestQuiesceHardEnd(t *testing.T) {
	far := serve(t, start(t, Options{Loops: 1}), &hooks{})
	g := start(t, Options{Loops: 1})
	h, out := &hooks{open: func(c *Conn) { c.Pause() }}, &hooks{}
	addr := serve(t, g, h)
	if _, err := g.Dial("tcp", far, 0, out, nil); err != nil {
		t.Fatal(err)
	}
	held := connect(t, addr)
	mustWrite(t, held, []byte("x"))
	eventually(t, "what is held", func() bool { return g.Stats().BytesIn == 1 })
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Quiesce(over); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to say that time was over", err)
	}
	if err := h.reason(t, 1); !errors.Is(err, ErrDraining) {
		t.Errorf("got %v, want %v", err, ErrDraining)
	}
	if n := out.opened(t); n == nil || out.closes.Load() != 0 {
		t.Error("the dialed conn was closed, too")
	}
}

// What a dialed conn's handler leaves is bounded by a limit of its own.
func TestDialCarryMax(t *testing.T) {
	const small, large = 16 * kib, 64 * kib
	g := start(t, Options{
		Loops: 1, ReadBytes: small, CarryMax: small, DialCarryMax: large,
	})
	take := func(most int) *hooks {
		return &hooks{data: func(_ *Conn, buf, out []byte) (int, []byte) {
			if len(buf) < most {
				return 0, out
			}
			return len(buf), append(out, "enough"...)
		}}
	}
	f := func(most int, send func([]byte) error, want error, reason func() error) {
		t.Helper()
		if err := send(make([]byte, most)); err != nil {
			t.Fatal(err)
		}
		if got := reason(); !errors.Is(got, want) {
			t.Errorf("%d bytes: got %v, want %v", most, got, want)
		}
	}
	inbound := take(large)
	c := connect(t, serve(t, g, inbound))
	f(large-1, func(b []byte) error { _, err := c.Write(b); return err }, ErrCarryFull,
		func() error { return inbound.reason(t, 1) })

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed := take(large - 1)
	if _, err := g.Dial("tcp", ln.Addr().String(), 0, dialed, nil); err != nil {
		t.Fatal(err)
	}
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	mustWrite(t, peer, make([]byte, large-1))
	if got := string(mustRead(t, peer, 6)); got != "enough" {
		t.Errorf("got %q, want what comes after %d bytes", got, large-1)
	}
}
