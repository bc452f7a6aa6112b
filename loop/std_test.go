package loop

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pipes are what a parent holds of its child's stdin and stdout.
func pipes(t *testing.T) (in, toIn, out, fromOut *os.File) {
	t.Helper()
	in, toIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromOut, out, err = os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range []*os.File{in, toIn, out, fromOut} {
			_ = f.Close()
		}
	})
	return in, toIn, out, fromOut
}

func waitFor(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("no %s within %s", what, patience)
	}
}

func TestStd(t *testing.T) {
	in, toIn, out, fromOut := pipes(t)
	g := start(t, Options{Loops: 1})
	h := &hooks{data: lines}
	c, err := g.Std(in, out, h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Std(in, out, h); err == nil {
		t.Error("a second Std: want an error")
	}
	sent, want := script(20_000, 300)
	go func() {
		for i := range 100 {
			_, _ = toIn.Write(sent[i : i+1])
		}
		_, _ = toIn.Write(sent[100:])
		_ = toIn.Close()
	}()
	got := mustRead(t, fromOut, len(want))
	if !bytes.Equal(got, want) {
		t.Error("the output differs")
	}
	waitFor(t, "end of the pumps", g.StdDone())
	if err := h.reason(t, 1); err != nil {
		t.Errorf("Closed got %v", err)
	}
	if c.Peer() != "local" {
		t.Errorf("got peer %q", c.Peer())
	}
}

// A parent that does not read stops the conn's input and nothing else, for
// longer than the write timeout; then it gets everything.
func TestStdParentDoesNotRead(t *testing.T) {
	in, toIn, out, fromOut := pipes(t)
	opt := Options{Loops: 1, WriteTimeout: 50 * time.Millisecond, Tick: 10 * time.Millisecond}
	g := start(t, opt)
	h := &hooks{data: lines}
	if _, err := g.Std(in, out, h); err != nil {
		t.Fatal(err)
	}
	sent, want := script(30_000, 300)
	go func() {
		_, _ = toIn.Write(sent)
		_ = toIn.Close()
	}()
	conn := h.opened(t)
	eventually(t, "full outbox", func() bool { return conn.state.Load()&stPressed != 0 })
	past := time.Now().Add(200 * time.Millisecond)
	eventually(t, "passing of the write timeout", func() bool { return time.Now().After(past) })
	if q := conn.Queued(); q > mib {
		t.Errorf("got %d bytes in the outbox", q)
	}
	if got := mustRead(t, fromOut, len(want)); !bytes.Equal(got, want) {
		t.Error("the output differs")
	}
	waitFor(t, "end of the pumps", g.StdDone())
}

// The reader of stdout is gone: the conn ends.
func TestStdBrokenPipe(t *testing.T) {
	in, toIn, out, fromOut := pipes(t)
	g := start(t, Options{Loops: 1})
	h := new(hooks)
	if _, err := g.Std(in, out, h); err != nil {
		t.Fatal(err)
	}
	_ = fromOut.Close()
	mustWrite(t, toIn, []byte("hello"))
	waitFor(t, "end of the pumps", g.StdDone())
	if err := h.reason(t, 1); err != nil && !errors.Is(err, unix.EPIPE) &&
		!errors.Is(err, unix.ECONNRESET) {
		t.Errorf("Closed got %v", err)
	}
}

// The parent has gone while an answer is still to come: the conn ends without a write.
func TestStdParentIsGone(t *testing.T) {
	in, toIn, out, fromOut := pipes(t)
	g := start(t, Options{Loops: 1})
	h := &hooks{eof: func(*Conn) {}} // an answer is on its way
	if _, err := g.Std(in, out, h); err != nil {
		t.Fatal(err)
	}
	_ = toIn.Close()
	eventually(t, "EOF", func() bool { return h.eofs.Load() == 1 })
	_ = fromOut.Close()
	if err := h.reason(t, 1); !errors.Is(err, errReaderGone) {
		t.Errorf("Closed got %v", err)
	}
	waitFor(t, "end of the pumps", g.StdDone())
}

// The server ends first: what it wrote is in the pipe before StdDone.
func TestStdFinish(t *testing.T) {
	in, toIn, out, fromOut := pipes(t)
	g := start(t, Options{Loops: 1})
	answer := bytes.Repeat([]byte("a"), 300*kib)
	h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		c.Finish()
		return len(buf), append(out, answer...)
	}}
	if _, err := g.Std(in, out, h); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, toIn, []byte("hello"))
	if got := mustRead(t, fromOut, len(answer)); !bytes.Equal(got, answer) {
		t.Error("the output differs")
	}
	waitFor(t, "end of the pumps", g.StdDone())
	_ = out.Close()
	if rest, err := io.ReadAll(fromOut); len(rest) != 0 || err != nil {
		t.Errorf("got %d more bytes, %v", len(rest), err)
	}
}
