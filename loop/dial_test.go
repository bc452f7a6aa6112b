package loop

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDial(t *testing.T) {
	g := start(t, Options{Loops: 2})
	path := filepath.Join(t.TempDir(), "sock")
	server := &hooks{data: lines}
	if _, err := g.Listen("unix", path, server); err != nil {
		t.Fatal(err)
	}
	tcp := serve(t, g, server)
	f := func(network, addr string) {
		t.Helper()
		got := make(chan []byte, 1)
		h := &hooks{
			open: func(c *Conn) {
				if c.State != "mine" {
					t.Errorf("got state %v", c.State)
				}
				if err := c.Send([]byte("from open\n")); err != nil {
					t.Error(err)
				}
				c.Pause()
				c.Resume()
			},
			data: func(c *Conn, buf, out []byte) (int, []byte) {
				if bytes.Count(buf, []byte("\n")) < 3 {
					return 0, out
				}
				got <- bytes.Clone(buf)
				c.Finish()
				return len(buf), out
			},
		}
		c, err := g.Dial(network, addr, time.Minute, h, "mine")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"early\n", "bird\n"} { // before or after Open
			if err := c.Send([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		reply := <-got
		for _, want := range []string{"EARLY\n", "BIRD\n", "FROM OPEN\n"} {
			if !bytes.Contains(reply, []byte(want)) {
				t.Errorf("%s: got %q, want %q in it", network, reply, want)
			}
		}
		if err := h.reason(t, 1); err != nil {
			t.Errorf("%s: Closed got %v", network, err)
		}
	}
	f("tcp", tcp)
	f("unix", path)
}

func TestDialRefused(t *testing.T) {
	g := start(t, Options{Loops: 1})
	f := func(network, addr string, want error) {
		t.Helper()
		h := new(hooks)
		c, err := g.Dial(network, addr, time.Minute, h, nil)
		if err != nil {
			t.Fatalf("%s: %v", addr, err)
		}
		if err := h.reason(t, 1); !errors.Is(err, want) {
			t.Errorf("%s: Closed got %v, want %v", addr, err, want)
		}
		if h.opens.Load() != 0 {
			t.Errorf("%s: Open was called", addr)
		}
		if err := c.Send([]byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("Send: got %v, want %v", err, ErrClosed)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	f("tcp", addr, unix.ECONNREFUSED)
	f("unix", filepath.Join(t.TempDir(), "nobody"), os.ErrNotExist)
}

// A listener whose backlog is full does not answer.
func TestDialTimeout(t *testing.T) {
	g := start(t, Options{Loops: 1, Tick: 10 * time.Millisecond})
	fd, err := newSocket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(portOf(sa))}).String()
	h := &hooks{eof: func(*Conn) {}}
	const n = 4
	for range n { // the first one or two fill the backlog
		if _, err := g.Dial("tcp", addr, 100*time.Millisecond, h, nil); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "outcome of all", func() bool {
		return h.opens.Load()+h.closes.Load() == n
	})
	if err := h.reason(t, 1); !errors.Is(err, ErrDialTimeout) {
		t.Errorf("Closed got %v, want %v", err, ErrDialTimeout)
	}
}

func TestDialFaults(t *testing.T) {
	g := start(t, Options{Loops: 1})
	f := func(network, addr string) {
		t.Helper()
		if _, err := g.Dial(network, addr, 0, new(hooks), nil); err == nil {
			t.Errorf("%s %q: want an error", network, addr)
		}
	}
	f("tcp", "localhost:80")
	f("tcp", "127.0.0.1")
	f("tcp", "127.0.0.1:99999")
	f("udp", "127.0.0.1:1")
	f("tcp", "[fe80::1%nosuchzone]:1")
	f("", "")
}

// Close and Finish before the connect is answered.
func TestDialThenEnd(t *testing.T) {
	g := start(t, Options{Loops: 1})
	addr := serve(t, g, &hooks{data: lines})
	for range 50 {
		h := new(hooks)
		c, err := g.Dial("tcp", addr, time.Minute, h, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Close(nil)
		h2 := new(hooks)
		if c, err = g.Dial("tcp", addr, time.Minute, h2, nil); err != nil {
			t.Fatal(err)
		}
		c.Finish()
		if err := errors.Join(h.reason(t, 1), h2.reason(t, 1)); err != nil {
			t.Errorf("Closed got %v", err)
		}
	}
}
