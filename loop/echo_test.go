package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEcho(t *testing.T) {
	g := start(t, Options{Loops: 2})
	h := new(hooks)
	addr := serve(t, g, h)
	var wg sync.WaitGroup
	for i := range 20 {
		c := connect(t, addr)
		wg.Go(func() {
			for n := range 50 {
				msg := []byte(fmt.Sprintf("conn %d message %d", i, n))
				if _, err := c.Write(msg); err != nil {
					t.Error(err)
					return
				}
				got := make([]byte, len(msg))
				if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, msg) {
					t.Errorf("got %q, %v; want %q", got, err, msg)
					return
				}
			}
			_ = c.CloseWrite()
			if rest, err := io.ReadAll(c); len(rest) != 0 || err != nil {
				t.Errorf("got %d more bytes, %v; want the end", len(rest), err)
			}
		})
	}
	wg.Wait()
	if err := h.reason(t, 20); err != nil {
		t.Errorf("Closed got %v, want nil", err)
	}
	s := g.Stats()
	if s.Accepted != 20 || s.Closed != 20 || s.BytesIn != s.BytesOut || s.BytesIn == 0 {
		t.Errorf("got %+v", s)
	}
}

// script is a stream of lines of many sizes and what lines answers to it.
func script(n, sizeMax int) (sent, want []byte) {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range n {
		line := fmt.Sprintf("%d:%s\n", i, strings.Repeat("xy", r.IntN(sizeMax/2+1)))
		sent = append(sent, line...)
	}
	return sent, bytes.ToUpper(sent)
}

func TestByteAtATime(t *testing.T) {
	g := start(t, Options{Loops: 1})
	c := connect(t, serve(t, g, &hooks{data: lines}))
	sent, want := script(100, 20)
	go func() {
		for i := range sent {
			if _, err := c.Write(sent[i : i+1]); err != nil {
				return
			}
		}
		_ = c.CloseWrite()
	}()
	if got := wantEOF(t, c); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// However the stream is cut, the replies are the same. The sizes reach each way
// of filling the carry: none, in front of the read buffer, behind a large one.
func TestSplitAnywhere(t *testing.T) {
	g := start(t, Options{Loops: 2})
	addr := serve(t, g, &hooks{data: lines})
	f := func(n, sizeMax, cutMax int, seed uint64) {
		t.Helper()
		c := connect(t, addr)
		sent, want := script(n, sizeMax)
		go func() {
			r := rand.New(rand.NewPCG(seed, 2))
			for rest := sent; len(rest) > 0; {
				k := min(1+r.IntN(cutMax), len(rest))
				if _, err := c.Write(rest[:k]); err != nil {
					return
				}
				rest = rest[k:]
			}
			_ = c.CloseWrite()
		}()
		if got := wantEOF(t, c); !bytes.Equal(got, want) {
			t.Errorf("n %d, sizes to %d, cuts to %d: got %d bytes, want %d",
				n, sizeMax, cutMax, len(got), len(want))
		}
	}
	for seed := range uint64(3) {
		f(300, 100, 50, seed)
		f(100, 9000, 3000, seed)
		f(50, 30_000, 60_000, seed)
		f(20, 300_000, 20_000, seed)
		f(3, 3_000_000, 1_000_000, seed)
	}
}

func TestPipelined(t *testing.T) {
	g := start(t, Options{Loops: 1})
	c := connect(t, serve(t, g, &hooks{data: lines}))
	sent, want := script(10_000, 100)
	go func() {
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
	}()
	if got := wantEOF(t, c); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// Data that stops when Enough tells it to is called again with the rest, also
// when the peer sends nothing more.
func TestEnough(t *testing.T) {
	g := start(t, Options{Loops: 1})
	answer := bytes.Repeat([]byte("a"), 40*kib)
	h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		for i := range buf {
			if c.Enough(out) {
				if len(out) > 128*kib {
					t.Errorf("out grew to %d", len(out))
				}
				return i, out
			}
			out = append(out, answer...)
		}
		return len(buf), out
	}}
	c := connect(t, serve(t, g, h))
	mustWrite(t, c, bytes.Repeat([]byte("q"), 500))
	mustRead(t, c, 500*len(answer))
	_ = c.CloseWrite()
	wantEOF(t, c)
}

func TestCarryMax(t *testing.T) {
	g := start(t, Options{Loops: 1, CarryMax: 100 * kib})
	h := &hooks{data: lines}
	c := connect(t, serve(t, g, h))
	_, _ = c.Write(bytes.Repeat([]byte("x"), 300*kib))
	if err := h.reason(t, 1); !errors.Is(err, ErrCarryFull) {
		t.Errorf("Closed got %v, want %v", err, ErrCarryFull)
	}
}

func TestUnixSocket(t *testing.T) {
	g := start(t, Options{Loops: 3})
	path := filepath.Join(t.TempDir(), "sock")
	loops := map[*Loop]bool{}
	var mu sync.Mutex
	h := &hooks{open: func(c *Conn) {
		mu.Lock()
		loops[c.Loop()] = true
		mu.Unlock()
	}}
	ln, err := g.Listen("unix", path, h)
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, c, []byte("hello"))
		if got := mustRead(t, c, 5); string(got) != "hello" {
			t.Errorf("got %q", got)
		}
		_ = c.Close()
	}
	_ = h.reason(t, 6)
	mu.Lock()
	if len(loops) != 3 {
		t.Errorf("got conns on %d loops, want 3", len(loops))
	}
	mu.Unlock()
	if _, err := g.Listen("unix", path, h); err == nil {
		t.Error("a second listener on a served path: want an error")
	}
	ln.Close()
	fd, err := newSocket(unix.AF_UNIX)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatalf("the path is not free after Close: %v", err)
	}
	_ = unix.Close(fd) // leaves a stale file
	if ln, err = g.Listen("unix", path, h); err != nil {
		t.Fatalf("a stale file: %v", err)
	}
	ln.Close()
}
