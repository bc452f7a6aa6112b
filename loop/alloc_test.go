//go:build !race

package loop

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rawClient is a blocking client socket without anything on the heap.
type rawClient int

func dialRaw(t testing.TB, addr string) rawClient {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	ap := netip.MustParseAddrPort(addr)
	sa := unix.SockaddrInet4{Addr: ap.Addr().As4(), Port: int(ap.Port())}
	if err := unix.Connect(fd, &sa); err != nil {
		t.Fatal(err)
	}
	return rawClient(fd)
}

// call writes ask and reads n bytes.
func (c rawClient) call(t testing.TB, ask, buf []byte, n int) {
	if _, err := unix.Write(int(c), ask); err != nil {
		t.Fatal(err)
	}
	for n > 0 {
		k, err := unix.Read(int(c), buf[:min(n, len(buf))])
		if err != nil || k == 0 {
			t.Fatalf("read: %d, %v", k, err)
		}
		n -= k
	}
}

func TestEchoAllocatesNothing(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		c.SetDeadline(time.Minute)
		n := len(buf) &^ 1 // an odd byte stays in the carry
		return n, append(out, buf[:n]...)
	}}
	c := dialRaw(t, serve(t, g, h))
	buf := make([]byte, 4096)
	f := func(what string, ask []byte, n int) {
		t.Helper()
		c.call(t, ask, buf, n) // warm
		if allocs := testing.AllocsPerRun(1000, func() { c.call(t, ask, buf, n) }); allocs >= 1 {
			t.Errorf("%s: got %g allocations per message, want 0", what, allocs)
		}
	}
	f("whole frames", make([]byte, 100), 100)
	f("large frames", make([]byte, 4000), 4000)
	c.call(t, make([]byte, 1), buf, 0)
	f("with a carry", make([]byte, 100), 100)
}

func TestSendAndPostAllocateNothing(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := new(hooks)
	client := dialRaw(t, serve(t, g, h))
	c := h.opened(t)
	l := c.Loop()
	msg, buf := make([]byte, 100), make([]byte, 100)
	ran := make(chan struct{})
	post := func() { ran <- struct{}{} }
	f := func(what string, run func()) {
		t.Helper()
		run()
		if allocs := testing.AllocsPerRun(1000, run); allocs >= 1 {
			t.Errorf("%s: got %g allocations, want 0", what, allocs)
		}
	}
	f("Send", func() {
		if err := c.Send(msg); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Read(int(client), buf); err != nil {
			t.Fatal(err)
		}
	})
	f("Post", func() {
		if err := l.Post(post); err != nil {
			t.Fatal(err)
		}
		<-ran
	})
	f("Pause and Resume", func() { c.Pause(); c.Resume() })
}

// idleBytes opens n conns, each served once, and returns the heap bytes of one.
func idleBytes(t testing.TB, n int) float64 {
	t.Helper()
	g := start(t, Options{Loops: 1, ConnsMax: n + 1})
	h := &hooks{open: func(c *Conn) { c.SetDeadline(time.Hour) }}
	addr := serve(t, g, h)
	ask, buf := []byte("hello"), make([]byte, 5)
	clients := make([]rawClient, 0, n)
	begin := heapBytes()
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, rawClient(fd))
		ap := netip.MustParseAddrPort(addr)
		sa := unix.SockaddrInet4{Addr: ap.Addr().As4(), Port: int(ap.Port())}
		if err := unix.Connect(fd, &sa); err != nil {
			t.Fatal(err)
		}
		rawClient(fd).call(t, ask, buf, 5)
	}
	used := heapBytes() - begin
	for _, c := range clients {
		_ = unix.Close(int(c))
	}
	return used / float64(n)
}

func heapBytes() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func TestIdleConnIsSmall(t *testing.T) {
	if got := idleBytes(t, 3000); got > 450 {
		t.Errorf("an idle conn costs %.0f heap bytes, want at most 450", got)
	}
}
