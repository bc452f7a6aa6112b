package hostile

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/load"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "hostile" {
		if err := Worker(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// listen accepts on loopback until the test ends.
func listen(t *testing.T) (addr string, conns <-chan net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	accepted := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	return ln.Addr().String(), accepted
}

func crowd(t *testing.T, transport, addr string, peers int) *Crowd {
	t.Helper()
	o := load.DefaultOptions()
	o.Transport, o.Addr = transport, addr
	c, err := Gather(Options{Load: o, Peers: peers, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// one lets a single peer of that kind bother the address.
func one(t *testing.T, transport, addr, name string) *peer {
	t.Helper()
	o := load.DefaultOptions()
	o.Transport, o.Addr = transport, addr
	hello, call, err := load.Spell(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &Crowd{
		opt:     Options{Load: o, Every: time.Millisecond},
		dialing: make(chan struct{}, 1),
	}
	c.leaving, c.leave = context.WithCancel(t.Context())
	p := &peer{crowd: c, hello: hello, call: call}
	if err := p.dial(); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds() {
		if k.name == name {
			c.peers.Go(func() { _ = k.act(p) })
		}
	}
	t.Cleanup(func() { c.leave(); p.conn.Close(); c.peers.Wait() })
	return p
}

// hearSome reads n bytes, or what comes before the end.
func hearSome(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.LimitReader(c, int64(n)))
	if err != nil {
		t.Fatalf("got %q, then %v", b, err)
	}
	return string(b)
}

func TestWhatEachKindSends(t *testing.T) {
	addr, conns := listen(t)
	tcp, http := load.TransportTCP, load.TransportHTTPModern
	drip := one(t, tcp, addr, "drip")
	whole := string(drip.hello) + string(drip.call)
	if got := hearSome(t, <-conns, len(whole)); got != whole {
		t.Errorf("drip: got %q, want %q", got, whole)
	}
	one(t, http, addr, "slowloris")
	got := hearSome(t, <-conns, 1000)
	if !strings.HasPrefix(got, "POST /mcp HTTP/1.1\r\n") || strings.Contains(got, "\r\n\r\n") ||
		strings.Count(got, "\r\nX-Slow: 1") < 10 {
		t.Errorf("slowloris: got %q, want a head without an end", got)
	}
	half := one(t, tcp, addr, "half-closed")
	whole = string(half.hello) + string(half.call)
	if got := hearSome(t, <-conns, len(whole)+1); got != whole {
		t.Errorf("half-closed: got %q, want %q and the end", got, whole)
	}
	deaf := one(t, tcp, addr, "deaf")
	want := len(deaf.hello) + 10*len(deaf.call)
	if got := hearSome(t, <-conns, want); strings.Count(got, string(deaf.call)) != 10 {
		t.Errorf("deaf: got %d calls, want 10", strings.Count(got, string(deaf.call)))
	}
	one(t, tcp, addr, "garbage")
	if got := hearSome(t, <-conns, 100); !bytes.Contains([]byte(got), []byte{0xff}) {
		t.Errorf("garbage: got %q", got)
	}
}

func TestPeersComeBackAndAreCounted(t *testing.T) {
	addr, conns := listen(t)
	c := crowd(t, load.TransportTCP, addr, len(kinds()))
	for range 5 * len(kinds()) { // each is ended and comes back
		(<-conns).Close()
	}
	deeds := c.Leave()
	opened, ended := 0, 0
	for _, d := range deeds {
		if d.Opened < 2 || d.Ended < 1 || d.Held > 1 || d.Opened != d.Ended+d.Held {
			t.Errorf("got %+v, want it ended and opened again", d)
		}
		opened, ended = opened+d.Opened, ended+d.Ended
	}
	if opened < 5*len(kinds()) {
		t.Errorf("got %d opened, %d ended, want 30 at least", opened, ended)
	}
}

func TestCrowdInAProcessOfItsOwn(t *testing.T) {
	addr, conns := listen(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := load.DefaultOptions()
	o.Addr = addr
	p, err := Start([]string{exe, "hostile"}, -1, Options{Load: o, Peers: 12})
	if err != nil {
		t.Fatal(err)
	}
	for range 12 {
		defer (<-conns).Close()
	}
	deeds, err := p.Leave()
	if err != nil || len(deeds) != len(kinds()) {
		t.Fatalf("got %+v, %v", deeds, err)
	}
	for _, d := range deeds {
		if d.Opened != 2 || d.Held != 2 {
			t.Errorf("got %+v, want 2 opened and held", d)
		}
	}
	if _, err := Start([]string{exe, "hostile"}, -1, Options{Load: o}); err == nil {
		t.Error("a crowd of nobody was gathered")
	}
}
