package loop

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenPortInUse(t *testing.T) {
	g := start(t, Options{Loops: 3})
	f := func(addr string) {
		t.Helper()
		_, err := g.Listen("tcp", addr, new(hooks))
		if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: got %v, want %v with the address", addr, err, unix.EADDRINUSE)
		}
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	f(other.Addr().String())
	f(serve(t, g, new(hooks))) // SO_REUSEPORT of our own sockets does not open it
	port, _, _ := strings.Cut(serve(t, g, new(hooks)), "x")
	ln, err := start(t, Options{Loops: 2, SharePort: true}).Listen("tcp", port, new(hooks))
	if err != nil {
		t.Errorf("SharePort: %v", err)
	} else {
		ln.Close()
	}
}

func TestListenAgain(t *testing.T) {
	g := start(t, Options{Loops: 2})
	h := new(hooks)
	ln, err := g.Listen("tcp", "127.0.0.1:0", h)
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	c := connect(t, addr)
	mustWrite(t, c, []byte("x"))
	mustRead(t, c, 1)
	ln.Close()
	ln.Close()
	if _, err := net.Dial("tcp", addr); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("dial after Close: got %v, want %v", err, unix.ECONNREFUSED)
	}
	mustWrite(t, c, []byte("y")) // conns outlive their listener
	mustRead(t, c, 1)
	if ln, err = g.Listen("tcp", addr, h); err != nil {
		t.Fatalf("listen again: %v", err)
	}
	ln.Close()
}

func TestListenAddresses(t *testing.T) {
	g := start(t, Options{Loops: 2})
	f := func(network, addr string, dial ...string) {
		t.Helper()
		h := new(hooks)
		ln, err := g.Listen(network, addr, h)
		if err != nil {
			t.Errorf("%s %q: %v", network, addr, err)
			return
		}
		defer ln.Close()
		port := ln.Addr().(*net.TCPAddr).AddrPort().Port()
		for i, host := range dial {
			c := connect(t, net.JoinHostPort(host, fmt.Sprint(port)))
			mustWrite(t, c, []byte("x"))
			mustRead(t, c, 1)
			want := c.LocalAddr().String()
			if got := h.opened(t).Peer(); got != want {
				t.Errorf("%s %q: got peer %q, want %q", network, addr, got, want)
			}
			if got := h.opened(t).RemoteAddr().String(); got != want {
				t.Errorf("%s %q: got remote address %q, want %q", network, addr, got, want)
			}
			_ = c.Close()
			_ = h.reason(t, int64(i+1))
		}
	}
	f("tcp4", ":0", "127.0.0.1")
	f("tcp", "127.0.0.1:0", "127.0.0.1")
	f("tcp", "localhost:0")
	if !hasIPv6() {
		f("tcp", ":0", "127.0.0.1")
		return
	}
	f("tcp", ":0", "127.0.0.1", "::1")
	f("tcp6", ":0", "::1")
	f("tcp", "[::1]:0", "::1")
}

func hasIPv6() bool {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = ln.Close()
	return true
}

func TestListenFaults(t *testing.T) {
	g := start(t, Options{Loops: 1})
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(network, addr string) {
		t.Helper()
		if _, err := g.Listen(network, addr, new(hooks)); err == nil {
			t.Errorf("%s %q: want an error", network, addr)
		}
	}
	f("udp", "127.0.0.1:0")
	f("tcp", "127.0.0.1")
	f("tcp", "127.0.0.1:http-nonsense")
	f("tcp", "192.0.2.1:0")
	f("unix", file)
	f("unix", filepath.Join(dir, "no", "such", "dir"))
	f("unix", filepath.Join(dir, strings.Repeat("long", 50)))
	if got, err := os.ReadFile(file); string(got) != "precious" || err != nil {
		t.Errorf("the file is %q, %v", got, err)
	}
}

func TestOptions(t *testing.T) {
	f := func(opt Options, field string) {
		t.Helper()
		g, err := New(opt)
		if err == nil {
			t.Errorf("%s: want an error", field)
			_ = g.Drain(t.Context())
			return
		}
		if !strings.Contains(err.Error(), field) {
			t.Errorf("got %q, want %s in it", err, field)
		}
	}
	f(Options{Loops: -1}, "Loops")
	f(Options{ReadBytes: 1}, "ReadBytes")
	f(Options{RingSlots: 1 << 30}, "RingSlots")
	f(Options{ConnsMax: -5}, "ConnsMax")
	f(Options{CarryMax: 10}, "CarryMax")
	f(Options{OutboxHigh: 10}, "OutboxHigh")
	f(Options{OutboxMax: 10}, "OutboxMax")
	f(Options{Tick: 1}, "Tick")
	f(Options{WriteTimeout: -1}, "WriteTimeout")
}
