package load

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
)

// gathered returns a crowd that is closed at the end of the test.
func gathered(t *testing.T, o Options) *Crowd {
	t.Helper()
	c, err := Gather(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCrowdCallsEveryConnection(t *testing.T) {
	var calls atomic.Int64
	o := quick(TransportTCP, fake.Lines(t, "tcp", func(n int64, a string) string {
		calls.Store(n)
		return a
	}))
	o.Conns, o.Depth = 1, 3
	c := gathered(t, o)
	for round := range int64(3) {
		if err := c.Call(10); err != nil {
			t.Fatal(err)
		}
		if got, want := calls.Load(), 10*(round+1); got != want {
			t.Errorf("got %d calls, want %d", got, want)
		}
	}
	if err := c.Hold(time.Millisecond); err != nil {
		t.Error(err)
	}
}

func TestCrowdOverEveryTransport(t *testing.T) {
	for name, serve := range faultyServers() {
		o := serve(t, nil)
		o.Depth = 2
		if err := gathered(t, o).Call(5); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestQuietCrowdSendsNothing: the server would answer whatever it gets.
func TestQuietCrowdSendsNothing(t *testing.T) {
	o := quick(TransportTCP, fake.Echo(t, func([]byte) { t.Error("the server got something") }))
	o.Quiet = true
	if err := gathered(t, o).Hold(10 * time.Millisecond); err != nil {
		t.Error(err)
	}
}

func TestCrowdNoticesFaults(t *testing.T) {
	f := func(name, want string, change func(*Options)) {
		t.Helper()
		o := quick(TransportTCP, fake.Lines(t, "tcp", fake.Fault(name)))
		if change != nil {
			change(&o)
		}
		err := gathered(t, o).Call(20)
		if err == nil {
			t.Fatalf("%s: got no error", name)
		}
		contains(t, err.Error(), want)
	}
	// It gives up as soon as one connection is gone, whatever the others do.
	f("close", "server ended it", nil)
	f("reword", "reply's text is not", nil)
	f("fail", "were refused", nil)
	f("", "80 were refused", func(o *Options) { o.Tool = "fail" })
}

func TestCrowdNoticesThatItWasLeft(t *testing.T) {
	addr := fake.Lines(t, "tcp", func(int64, string) string { return "" })
	c := gathered(t, quick(TransportTCP, addr))
	c.e.opt.Patience = 0
	if err := c.Call(1); err == nil {
		t.Fatal("got no error from a server that closes")
	}
	err := c.Hold(time.Minute) // ends at once: nobody is there
	if err == nil || !strings.Contains(err.Error(), "of 4 idle connections") {
		t.Errorf("got %v", err)
	}
}

func TestHoldEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Gather(ctx, quick(TransportTCP, fake.Lines(t, "tcp", nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if err := c.Hold(time.Hour); err == nil {
		t.Error("got no error from a context that has ended")
	}
}

func TestCrowdNeedsConnections(t *testing.T) {
	o := quick(TransportStdio, "")
	o.Conns, o.Command = 1, []string{"true"}
	if _, err := Gather(t.Context(), o); err == nil {
		t.Error("got a crowd over stdio")
	}
}
