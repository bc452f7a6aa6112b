package pool

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// tryout is a breaker that a test plays with.
type tryout struct {
	*Breaker
	t *testing.T
}

func newTryout(t *testing.T, failures int, changed func(BreakerState)) tryout {
	return tryout{NewBreaker(&BreakerOptions{
		Failures: failures, OpenFor: 30 * time.Second, Probes: 3, Changed: changed,
	}), t}
}

func (b tryout) pass() Pass {
	b.t.Helper()
	p, err := b.Allow()
	if err != nil {
		b.t.Fatalf("got %v, want a call to pass", err)
	}
	return p
}

func (b tryout) call(outcomes ...Outcome) {
	b.t.Helper()
	for _, o := range outcomes {
		b.pass().Done(o)
	}
}

func (b tryout) refuses(state BreakerState, after time.Duration) {
	b.t.Helper()
	_, err := b.Allow()
	var open *OpenError
	if !errors.As(err, &open) || open.State != state || open.RetryAfter != after {
		b.t.Errorf("got %v, want it %v for %v", err, state, after)
	}
}

func (b tryout) is(want BreakerState) {
	b.t.Helper()
	if got := b.State(); got != want {
		b.t.Errorf("got %v, want %v", got, want)
	}
}

// TestBreakerLife plays all states: five failures in a row open it for 30 seconds, three calls
// that succeed close it, one of them that fails opens it again.
func TestBreakerLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []BreakerState
		b := newTryout(t, 5, func(s BreakerState) { seen = append(seen, s) })
		b.call(Failed, Failed, Failed, Failed, Succeeded, Failed, Failed, Failed, Uncounted, Failed)
		b.is(BreakerClosed)
		b.call(Failed)
		b.is(BreakerOpen)
		time.Sleep(10 * time.Second)
		b.refuses(BreakerOpen, 20*time.Second)
		time.Sleep(21 * time.Second)

		probes := []Pass{b.pass(), b.pass(), b.pass()}
		b.refuses(BreakerHalfOpen, time.Second)
		probes[0].Done(Uncounted) // makes room for another one
		probes[0] = b.pass()
		b.refuses(BreakerHalfOpen, time.Second)
		probes[0].Done(Succeeded)
		probes[1].Done(Failed)
		b.refuses(BreakerOpen, 30*time.Second)
		probes[2].Done(Succeeded) // of a half-open state that is over
		b.is(BreakerOpen)

		time.Sleep(31 * time.Second)
		for range 3 {
			p := b.pass()
			if !p.Probe() {
				t.Error("a call of a half-open breaker is no probe")
			}
			p.Done(Succeeded)
		}
		b.is(BreakerClosed)
		b.call(Failed, Failed, Failed, Failed)
		b.is(BreakerClosed)
		want := []BreakerState{
			BreakerOpen, BreakerHalfOpen, BreakerOpen, BreakerHalfOpen, BreakerClosed,
		}
		if len(seen) != len(want) {
			t.Fatalf("told of %v, want %v", seen, want)
		}
		for i := range want {
			if seen[i] != want[i] {
				t.Errorf("told of %v, want %v", seen, want)
			}
		}
	})
}

// TestBreakerLateOutcomes: calls that began before it opened neither keep it open nor close it.
func TestBreakerLateOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTryout(t, 2, nil)
		early := []Pass{b.pass(), b.pass(), b.pass()}
		b.call(Failed, Failed)
		early[0].Done(Succeeded)
		b.is(BreakerOpen)
		time.Sleep(31 * time.Second)
		early[1].Done(Failed)
		b.is(BreakerHalfOpen)
		for range 3 {
			early[2].Done(Succeeded)
		}
		b.is(BreakerHalfOpen)
		b.call(Succeeded, Succeeded, Succeeded)
		b.is(BreakerClosed)
	})
}

// TestBreakerOff: without a number of failures it never opens.
func TestBreakerOff(t *testing.T) {
	b := newTryout(t, 0, nil)
	for range 100 {
		b.call(Failed)
	}
	b.is(BreakerClosed)
	Pass{}.Done(Failed) // of no breaker
}

// TestBreakerConcurrently: however many calls come at once, three probes pass and one change is
// told.
func TestBreakerConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, passed atomic.Int32
		b := newTryout(t, 5, func(s BreakerState) {
			if s == BreakerOpen {
				opened.Add(1)
			}
		})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if p, err := b.Allow(); err == nil {
					p.Done(Failed)
				}
			})
		}
		all.Wait()
		b.is(BreakerOpen)
		time.Sleep(31 * time.Second)
		for range 50 {
			all.Go(func() {
				if _, err := b.Allow(); err == nil {
					passed.Add(1)
				}
			})
		}
		all.Wait()
		if opened.Load() != 1 || passed.Load() != 3 {
			t.Errorf("opened %d times, %d probes; want 1 and 3", opened.Load(), passed.Load())
		}
	})
}
