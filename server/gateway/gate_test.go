package gateway

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// exactly has no jitter.
func exactly(d time.Duration) time.Duration { return d }

// run lets count instances live as life says, ready or not, for so long, and returns the starts.
func run(t *testing.T, g *gate, count int, during time.Duration, ready bool, life time.Duration,
) (starts int64) {
	t.Helper()
	var n atomic.Int64
	ctx, stop := context.WithTimeout(t.Context(), during)
	defer stop()
	for range count {
		go func() {
			for {
				a := g.enter(ctx)
				if a == nil {
					return
				}
				n.Add(1)
				if ready {
					a.ready()
				}
				sleep(ctx, life)
				a.over()
			}
		}()
	}
	<-ctx.Done()
	synctest.Wait()
	return n.Load()
}

// TestGateCrashLoop: however many instances crash, and however soon, there are ten starts in the
// first minute and two in each of those that follow; when one has been ready, each of the others
// may have had one more. The clock is synctest's.
func TestGateCrashLoop(t *testing.T) {
	for _, count := range []int{1, 3, 256} {
		for _, life := range []time.Duration{0, 200 * time.Millisecond} {
			for _, ready := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					g := newGate(100*time.Millisecond, 30*time.Second)
					g.jitter = exactly
					first := run(t, g, count, time.Minute, ready, life)
					later := run(t, g, count, 10*time.Minute, ready, life)
					most := int64(10)
					if ready { // the first that was ready lets the others begin, once
						most += int64(count) - 1
					}
					if first < 9 || first > most {
						t.Errorf("%d instances that live %v, ready %v: %d starts in a minute, "+
							"want 9 to %d", count, life, ready, first, most)
					}
					if later < 19 || later > 21 {
						t.Errorf("%d instances that live %v, ready %v: %d starts in ten minutes, "+
							"want 20", count, life, ready, later)
					}
				})
			}
		}
	}
}

// TestGatePauses: they double from the least to the most, and begin anew when an instance has held.
func TestGatePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(100*time.Millisecond, time.Second)
		g.jitter = exactly
		end := func(held time.Duration) time.Duration {
			a := g.enter(t.Context())
			a.ready()
			sleep(t.Context(), held)
			return a.over()
		}
		for _, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
			if got := end(0); got != want*time.Millisecond {
				t.Errorf("got a pause of %v, want %v", got, want*time.Millisecond)
			}
		}
		if got := end(steadyAfter + time.Second); got != 100*time.Millisecond {
			t.Errorf("got a pause of %v after it had held, want 100ms", got)
		}
		if got := end(0); got != 200*time.Millisecond {
			t.Errorf("got a pause of %v, want 200ms", got)
		}
	})
}

// TestGateJitter: 75 to 125 %.
func TestGateJitter(t *testing.T) {
	for range 1000 {
		if d := jitter(time.Second); d < 750*time.Millisecond || d > 1250*time.Millisecond {
			t.Fatalf("got %v of 1s", d)
		}
	}
}

// TestGateOpens: once one instance is ready all others begin, and one that is lost among them
// comes back alone.
func TestGateOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		g := newGate(100*time.Millisecond, 30*time.Second)
		first := g.enter(ctx)
		var begun atomic.Int64
		for range 10 {
			go func() {
				if a := g.enter(ctx); a != nil {
					begun.Add(1)
					a.ready()
				}
			}()
		}
		synctest.Wait()
		if n := begun.Load(); n != 0 {
			t.Errorf("%d have begun before the first was ready", n)
		}
		first.ready()
		synctest.Wait()
		if n := begun.Load(); n != 10 {
			t.Errorf("%d have begun after it, want 10", n)
		}
		sleep(ctx, steadyAfter+time.Second)
		first.over()
		if a := g.enter(ctx); a == nil || g.mood != moodCalm {
			t.Errorf("one that was lost: %v, mood %v", a, g.mood)
		}
		stop()
		if a := g.enter(ctx); a != nil && ctx.Err() == nil {
			t.Error("an attempt began after the end")
		}
	})
}
