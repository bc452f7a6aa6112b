package load

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/result"
)

func TestParseTarget(t *testing.T) {
	f := func(addr string, family int, local bool) {
		t.Helper()
		got, err := parseTarget(addr)
		if err != nil || got.family != family || got.local != local {
			t.Errorf("%q: got %+v, %v", addr, got, err)
		}
	}
	f("127.0.0.1:80", unix.AF_INET, true)
	f("127.9.0.1:80", unix.AF_INET, true)
	f("10.0.0.1:80", unix.AF_INET, false)
	f("[::1]:80", unix.AF_INET6, false)
	f("./socket", unix.AF_UNIX, false)
	if _, err := parseTarget("127.0.0.1"); err == nil {
		t.Error("got no error for an address without a port")
	}
}

// TestCrowdsComeFromSeveralAddresses: 10,000 connections from each.
func TestCrowdsComeFromSeveralAddresses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	target, err := parseTarget(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f := func(i int, crowded bool, want string) {
		t.Helper()
		fd, err := target.dial(i, crowded)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got := c.RemoteAddr().(*net.TCPAddr).IP.String(); got != want {
			t.Errorf("connection %d: got source %s, want %s", i, got, want)
		}
	}
	f(0, false, "127.0.0.1")
	f(0, true, "127.0.1.1")
	f(9_999, true, "127.0.1.1")
	f(10_000, true, "127.0.1.2")
	f(99_999, true, "127.0.1.10")
}

func TestNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	f := func(transport, addr, want string) {
		t.Helper()
		_, err := Run(t.Context(), quick(transport, addr), Hooks{})
		if err == nil {
			t.Fatalf("%s: got no error", addr)
		}
		contains(t, err.Error(), want)
	}
	f(TransportTCP, ln.Addr().String(), "cannot connect: connection refused")
	f(TransportUnix, filepath.Join(t.TempDir(), "none"), "no such file")
}

// TestInterruptedHandshake: the server never answers initialize, the run ends all the same.
func TestInterruptedHandshake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := quick(TransportTCP, fake.Echo(t, func(b []byte) {
		cancel()
		copy(b, strings.Repeat("x", len(b)))
	}))
	if _, err := Run(ctx, o, Hooks{}); err == nil || ctx.Err() == nil {
		t.Errorf("got %v, want an error", err)
	}
}

// TestUnansweredHandshakeIsLost: in churn a server that greets nobody any more looks only slow.
func TestUnansweredHandshakeIsLost(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var done sync.WaitGroup
	defer done.Wait()
	done.Go(func() {
		for n := 0; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			if n < 3 {
				go fake.ServeLines(c, c, nil)
			} else {
				cancel() // and nobody ever reads from it
			}
		}
	})
	o := quick(TransportTCP, ln.Addr().String())
	o.Conns, o.Lives, o.Span, o.Warmup = 1, 2, time.Minute, 0
	o.Patience = 20 * time.Millisecond
	r, err := Run(ctx, o, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Calls != 6 || r.Reconnects != 3 || r.Lost != 1 || r.Err() == nil {
		t.Errorf("got %d calls, %d reconnects, %d lost, %v", r.Calls, r.Reconnects, r.Lost,
			r.Err())
	}
	ln.Close()
}

// TestRampBringsAll: connections come one by one, and each calls as soon as it is there.
func TestRampBringsAll(t *testing.T) {
	for _, rate := range []float64{0, 20_000} {
		var calls atomic.Int64
		o := quick(TransportTCP, fake.Lines(t, "tcp", func(n int64, a string) string {
			calls.Store(n)
			return a
		}))
		o.Conns, o.Warmup, o.Rate = 20, 0, rate
		o.Ramp, o.Span = 50*time.Millisecond, 100*time.Millisecond
		r := runLoad(t, o)
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		if got := r.Connect.Count(); got != 20 {
			t.Errorf("rate %g: got %d connections, want 20", rate, got)
		}
		if got := uint64(calls.Load()); got < r.Calls || got > r.Calls+20 {
			t.Errorf("rate %g: got %d calls counted of %d answered", rate, r.Calls, got)
		}
	}
}

// TestRampThatIsCutShort opens no more connections once the run has ended.
func TestRampThatIsCutShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := quick(TransportTCP, fake.Lines(t, "tcp", func(_ int64, a string) string {
		cancel()
		return a
	}))
	o.Conns, o.Ramp, o.Span = 1000, time.Hour, time.Hour
	r, err := Run(ctx, o, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Connect.Count(); got != 1 {
		t.Errorf("got %d connections, want the first", got)
	}
}

// TestTimeline: each second of the warm-up and of the measured time has its sample.
func TestTimeline(t *testing.T) {
	e := planned(t, func(o *Options) { o.Rate = 0 })
	second := int64(time.Second)
	e.now, e.ready = 0, 2
	e.watch(second, nil)
	step := func(at int64, calls uint64) {
		e.now = at
		e.counts.Calls += calls
		e.advance()
	}
	step(second/2, 5)
	step(second, 5) // the warm-up's only second
	e.forget()
	e.watch(e.now, nil)
	step(second+second/2, 7)
	step(2*second+1, 0)
	step(3*second, 9)
	var got []result.Sample
	for _, s := range e.line.samples {
		got = append(got, result.Sample{At: s.At, Calls: s.Calls, Conns: s.Conns})
	}
	want := []result.Sample{
		{At: 0, Calls: 10, Conns: 2},
		{At: 1.000000001, Calls: 7, Conns: 2},
		{At: 2, Calls: 9, Conns: 2},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range want {
		if !equalSamples(got[i], want[i]) {
			t.Errorf("second %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

func equalSamples(a, b result.Sample) bool {
	return a.At == b.At && a.Calls == b.Calls && a.Conns == b.Conns
}

// TestSamplesAreTakenToTheLast: two seconds of measured time are two samples.
func TestSamplesAreTakenToTheLast(t *testing.T) {
	e := planned(t, func(o *Options) { o.Rate = 0 })
	e.open, e.ready = 3, 3
	e.watch(0, nil)
	e.start = time.Now().Add(-2500 * time.Millisecond) // the end has passed already
	if _, err := e.until(time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	if len(e.line.samples) != 1 {
		t.Errorf("got %d samples, want that of the end", len(e.line.samples))
	}
	e.open = 0
}

// TestWarmupIsNotCounted: what was answered before the measured time is in no figure.
func TestWarmupIsNotCounted(t *testing.T) {
	e := planned(t, func(o *Options) { o.Rate, o.Lives = 0, 1 })
	e.counts = counts{
		Calls: 1, Refused: 2, Mismatches: 3, Notices: 4, Closed: 5, Bytes: 6,
		Reconnects: 7,
	}
	e.lost, e.check.slow = 8, 9
	e.check.refusals["-1"] = 2
	for _, h := range []*result.Histogram{e.hists.call, e.hists.refusal, e.hists.life} {
		h.Record(1)
	}
	e.forget()
	if want := (counts{Mismatches: 3, Closed: 5}); e.counts != want {
		t.Errorf("got %+v, want the faults only", e.counts)
	}
	if e.lost != 8 || e.check.slow != 0 || len(e.check.refusals) != 0 {
		t.Errorf("got %d lost, %d slow, %v", e.lost, e.check.slow, e.check.refusals)
	}
	if e.hists.call.Count()+e.hists.refusal.Count()+e.hists.life.Count() != 0 {
		t.Error("got latencies of the warm-up")
	}
}
