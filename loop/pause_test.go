package loop

import (
	"bytes"
	"sync/atomic"
	"testing"
)

// Each line pauses the conn until another goroutine has answered it: one at a
// time, in order, also when the next lines and the FIN are there already.
func TestPauseWhileAnswering(t *testing.T) {
	g := start(t, Options{Loops: 2})
	var inside atomic.Int64
	h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		i := bytes.IndexByte(buf, '\n')
		if i < 0 {
			return 0, out
		}
		if inside.Add(1) != 1 {
			t.Error("Data was called while paused")
		}
		line := bytes.ToUpper(buf[:i+1])
		c.Pause()
		go func() {
			if err := c.Send(line); err != nil {
				t.Error(err)
			}
			inside.Add(-1)
			c.Resume()
		}()
		return i + 1, out
	}}
	c := connect(t, serve(t, g, h))
	sent, want := script(500, 300)
	go func() {
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
	}()
	if got := wantEOF(t, c); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// Pause and Resume inside the same callback change nothing.
func TestPauseAndResumeInCallback(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		n, out := lines(c, buf, out)
		if n > 0 {
			c.Pause()
			c.Resume()
		}
		return n, out
	}}
	c := connect(t, serve(t, g, h))
	sent, want := script(1000, 500)
	go func() {
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
	}()
	if got := wantEOF(t, c); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// A paused conn reads ahead a bounded number of bytes and no more.
func TestPauseIsBounded(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{data: lines, open: func(c *Conn) { c.Pause() }}
	addr := serve(t, g, h)
	c := connect(t, addr)
	conn := h.opened(t)
	sent, want := script(100_000, 200)
	go func() {
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
	}()
	eventually(t, "full carry", func() bool { return g.Stats().BytesIn >= 64*kib })
	other := connect(t, addr) // a full round of the loop
	_ = h.opened(t)
	_ = other.Close()
	if s := g.Stats(); s.BytesIn != 64*kib {
		t.Errorf("read %d bytes ahead, want %d", s.BytesIn, 64*kib)
	}
	wakeups := g.Stats().Wakeups
	if wakeups > 1000 {
		t.Errorf("got %d wake-ups of a paused conn", wakeups)
	}
	conn.Resume()
	if got := wantEOF(t, c); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// EOF and what came before it wait for Resume, also when the hang-up came while
// paused with an empty or a full carry.
func TestHangupWhilePaused(t *testing.T) {
	g := start(t, Options{Loops: 1})
	f := func(size int) {
		t.Helper()
		h := &hooks{open: func(c *Conn) { c.Pause() }}
		c := connect(t, serve(t, g, h))
		conn := h.opened(t)
		msg := bytes.Repeat([]byte("m"), size)
		mustWrite(t, c, msg)
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		want := min(size, 64*kib)
		before := g.Stats().BytesIn
		eventually(t, "read-ahead", func() bool {
			return size == 0 || g.Stats().BytesIn >= before || int(before) >= want
		})
		if h.eofs.Load() != 0 {
			t.Error("EOF was called while paused")
		}
		conn.Resume()
		if got := wantEOF(t, c); !bytes.Equal(got, msg) {
			t.Errorf("got %d bytes, want %d", len(got), size)
		}
	}
	f(0)
	f(10)
	f(64 * kib)
	f(64*kib + 1)
	f(300 * kib)
}

// Pause and Resume from many goroutines at any time lose nothing.
func TestPauseStorm(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{data: lines}
	c := connect(t, serve(t, g, h))
	conn := h.opened(t)
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				conn.Pause()
				conn.Resume()
			}
		}
	}()
	sent, want := script(5_000, 1000)
	go func() {
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
	}()
	got := wantEOF(t, c)
	close(stop)
	<-ended
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}
