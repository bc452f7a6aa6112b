package load

import (
	"context"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/result"
)

// stall is a server that stands still at one answer until enough further calls have become due.
const (
	stallRate  = 1000.0
	stallCalls = 60
)

// stalled makes a load on a server that stands still for as long as stallCalls calls take to
// become due, on one connection, and ends it soon after.
func stalled(t *testing.T, rate float64) result.Load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr := fake.Lines(t, "tcp", func(n int64, answer string) string {
		switch n {
		case fake.FaultAt:
			due := time.NewTimer(time.Duration(stallCalls / stallRate * float64(time.Second)))
			<-due.C
		case fake.FaultAt + stallCalls + 10:
			cancel()
		}
		return answer
	})
	o := quick(TransportTCP, addr)
	o.Conns, o.Depth, o.Rate, o.Warmup, o.Span = 1, 1, rate, 0, time.Minute
	r, err := Run(ctx, o, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return r
}

// slowerThan counts the latencies of at least so much.
func slowerThan(h *result.Histogram, limit time.Duration) int {
	n := 0
	for i := range h.Count() {
		percent := 100 * (float64(i) + 0.5) / float64(h.Count())
		if h.Micros(percent) >= float64(limit.Microseconds()) {
			n++
		}
	}
	return n
}

// TestStallIsNotOmitted: while the server stood still, calls became due. An open loop counts their
// latencies from then on, so that half of them waited for half of the time at least; a closed loop
// sees one slow call. (Coordinated omission.)
func TestStallIsNotOmitted(t *testing.T) {
	half := time.Duration(stallCalls / stallRate / 2 * float64(time.Second))
	open := stalled(t, stallRate)
	if got := slowerThan(open.Latency, half); got < stallCalls/2-1 {
		t.Errorf("open loop: got %d latencies of %v or more, want %d", got, half, stallCalls/2)
	}
	closed := stalled(t, 0)
	if closed.Latency.Max() < 2*float64(half.Microseconds()) {
		t.Errorf("closed loop: got %g us at most, want the stall to be seen", closed.Latency.Max())
	}
}

// TestStallToTheEndIsNotOmitted: calls that were due and could not be sent are counted, and their
// latencies are at least what they had waited.
func TestStallToTheEndIsNotOmitted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr := fake.Lines(t, "tcp", func(n int64, answer string) string {
		if n == fake.FaultAt {
			due := time.NewTimer(time.Duration(stallCalls / stallRate * float64(time.Second)))
			<-due.C
			cancel()
		}
		return answer
	})
	o := quick(TransportTCP, addr)
	o.Conns, o.Depth, o.Rate, o.Warmup, o.Span = 1, 1, stallRate, 0, time.Minute
	r, err := Run(ctx, o, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	// One more may have been sent between the answer and the end.
	if r.Unsent+r.Calls < stallCalls || r.Latency.Count() < int64(r.Unsent+r.Calls) {
		t.Errorf("got %d calls, %d unsent, %d latencies; want all that were due", r.Calls,
			r.Unsent, r.Latency.Count())
	}
	if r.Lost != 0 {
		t.Errorf("got %d lost, want 0: what was sent was answered", r.Lost)
	}
}
