package pool

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// BreakerOptions are shared by any number of breakers, which read them only.
type BreakerOptions struct {
	Failures int           // in a row that open it; 0: it never opens
	OpenFor  time.Duration // nothing passes so long
	Probes   int           // pass then; all of them must succeed for it to close, >= 1
	// Changed is told of each state that is entered, on the goroutine whose Allow or Done brought
	// it, which holds no lock of the breaker. Nil: nobody is told.
	Changed func(BreakerState)
}

// BreakerState is what a breaker lets through.
type BreakerState uint8

// The states of a breaker.
const (
	BreakerClosed   BreakerState = iota // everything
	BreakerHalfOpen                     // a few calls, to see whether they succeed
	BreakerOpen                         // nothing
)

// String returns the state's name in errors and metrics.
func (s BreakerState) String() string {
	return [...]string{"closed", "half-open", "open"}[s]
}

// Outcome is what became of a call.
type Outcome uint8

// The outcomes that a breaker tells apart.
const (
	Succeeded Outcome = iota
	Failed
	Uncounted // it says nothing about whether the next one would succeed
)

// Breaker keeps calls from what has failed several times in a row. It costs one atomic load for
// each Allow and each Done while all is well, and 24 bytes until the first failure. Its methods are
// safe for concurrent use. It must not be copied.
type Breaker struct {
	opt   *BreakerOptions
	state atomic.Uint32 // calm, failing or tripped
	trip  atomic.Pointer[trip]
}

// What Breaker.state says: Done may skip the rest in the first, Allow in the first two.
const (
	calm    = iota // closed, and the last outcome was no failure
	failing        // closed
	tripped        // open or half-open
)

// trip is what a breaker that has seen a failure needs.
type trip struct {
	mu      sync.Mutex // guards the rest, and is taken before gobreaker's own
	two     *gobreaker.TwoStepCircuitBreaker[struct{}]
	until   time.Time    // the end of the open state
	state   BreakerState // that Changed was told of, or will be
	changed bool         // Changed was not told of it yet
}

// NewBreaker makes a closed one. opt is kept.
func NewBreaker(opt *BreakerOptions) *Breaker { return &Breaker{opt: opt} }

// OpenError says why a call may not pass.
type OpenError struct {
	State      BreakerState  // BreakerOpen, or BreakerHalfOpen when enough calls try it
	RetryAfter time.Duration // when to ask again, > 0
}

// Error returns both.
func (e *OpenError) Error() string {
	return fmt.Sprintf("circuit breaker is %s; try again in %v", e.State,
		e.RetryAfter.Round(time.Millisecond))
}

// probesWait is when to ask again while probes are under way: nobody knows when they end.
const probesWait = time.Second

// Pass is a call that was let through. It belongs to its caller, who ends it by Done.
type Pass struct {
	b     *Breaker
	probe func(error) // gobreaker's; nil for a call that came while the breaker was closed
}

// Allow lets a call through, or returns an *OpenError. After a nil error Pass.Done must be called
// once, however the call ends.
func (b *Breaker) Allow() (Pass, error) {
	if b.state.Load() != tripped { // Fast path.
		return Pass{b: b}, nil
	}
	t := b.trip.Load()
	t.mu.Lock()
	defer b.unlock(t)
	if t.two.State() == gobreaker.StateClosed {
		return Pass{b: b}, nil
	}
	probe, err := t.two.Allow()
	switch {
	case err == nil:
		return Pass{b, probe}, nil
	case errors.Is(err, gobreaker.ErrTooManyRequests):
		return Pass{}, &OpenError{BreakerHalfOpen, min(probesWait, b.opt.OpenFor)}
	}
	return Pass{}, &OpenError{BreakerOpen, max(time.Until(t.until), time.Millisecond)}
}

// Probe tells whether the call shows if the breaker may close.
func (p Pass) Probe() bool { return p.probe != nil }

// Done says what became of the call.
func (p Pass) Done(o Outcome) {
	b := p.b
	if b == nil || p.probe == nil && (o == Uncounted || o == Succeeded && b.state.Load() == calm) {
		return // Fast path.
	}
	if b.opt.Failures == 0 {
		return
	}
	t := b.tripped()
	t.mu.Lock()
	defer b.unlock(t)
	if p.probe != nil {
		p.probe(errOf[o])
		return
	}
	// What was let through by a breaker that has opened since says nothing new.
	if t.two.State() == gobreaker.StateClosed {
		if done, err := t.two.Allow(); err == nil {
			done(errOf[o])
		}
	}
}

var (
	errFailed    = errors.New("pool: the call failed")
	errUncounted = errors.New("pool: the call does not count")
	errOf        = [...]error{Failed: errFailed, Uncounted: errUncounted}
)

// State returns what b lets through now.
func (b *Breaker) State() BreakerState {
	if b.state.Load() != tripped {
		return BreakerClosed
	}
	t := b.trip.Load()
	t.mu.Lock()
	defer b.unlock(t)
	return stateOf(t.two.State())
}

func stateOf(s gobreaker.State) BreakerState {
	switch s {
	case gobreaker.StateOpen:
		return BreakerOpen
	case gobreaker.StateHalfOpen:
		return BreakerHalfOpen
	}
	return BreakerClosed
}

// tripped returns b's trip, and makes it at the first failure.
func (b *Breaker) tripped() *trip {
	if t := b.trip.Load(); t != nil {
		return t
	}
	t := &trip{}
	t.two = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: uint32(b.opt.Probes), Timeout: b.opt.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return int(c.ConsecutiveFailures) >= b.opt.Failures
		},
		OnStateChange: func(_ string, _, to gobreaker.State) { t.entered(stateOf(to), b.opt) },
		IsExcluded:    func(err error) bool { return errors.Is(err, errUncounted) },
	})
	if !b.trip.CompareAndSwap(nil, t) {
		return b.trip.Load()
	}
	return t
}

// entered takes note of a state. mu is held.
func (t *trip) entered(s BreakerState, opt *BreakerOptions) {
	t.state, t.changed = s, true
	if s == BreakerOpen {
		t.until = time.Now().Add(opt.OpenFor)
	}
}

// unlock publishes what the holder of t.mu has changed, and tells of it.
func (b *Breaker) unlock(t *trip) {
	now := uint32(tripped)
	if t.state == BreakerClosed {
		now = calm
		if t.two.Counts().ConsecutiveFailures > 0 {
			now = failing
		}
	}
	b.state.Store(now)
	state, changed := t.state, t.changed
	t.changed = false
	t.mu.Unlock()
	if changed && b.opt.Changed != nil {
		b.opt.Changed(state)
	}
}
