package gateway

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// steadyAfter is how long an instance must have held for the next attempt to come soon again.
const steadyAfter = 10 * time.Second

// gate spaces the attempts of all instances of an upstream. Until one has succeeded, and while they
// end soon after they have begun, there is one attempt at a time for all together, each after twice
// as long a pause: many instances of a program that crashes are started no more often than one. In
// a minute of that there are ten starts, when the pauses go from 0.1 s to 30 s.
type gate struct {
	min, max time.Duration
	jitter   func(time.Duration) time.Duration
	turn     chan struct{} // has one element while somebody holds the turn

	mu   sync.Mutex // guards the rest
	mood mood
	wait time.Duration // the next pause
	due  time.Time     // when the next attempt may begin
}

// mood is what a gate expects of an attempt.
type mood uint8

const (
	moodUntried mood = iota // one at a time, until one is ready
	moodCalm                // all at once
	moodWary                // one at a time, until one has held for steadyAfter
)

func newGate(least, most time.Duration) *gate {
	return &gate{
		min: least, max: most, wait: least, jitter: jitter, turn: make(chan struct{}, 1),
	}
}

// jitter keeps upstreams that fell together from coming back at the same moment: 75 to 125 %.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}

// attempt is one from the moment it may begin.
type attempt struct {
	gate   *gate
	began  time.Time
	turn   bool        // it holds the turn; guarded by gate.mu
	steady *time.Timer // guarded by gate.mu; nil before it is ready
}

// enter waits until an attempt may begin; nil when ctx ended before.
func (g *gate) enter(ctx context.Context) *attempt {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	a := &attempt{gate: g, turn: true}
	g.mu.Lock()
	pause := time.Until(g.due)
	if g.mood == moodCalm {
		a.yield()
	}
	g.mu.Unlock()
	if ctx.Err() != nil || pause > 0 && !sleep(ctx, pause) {
		g.mu.Lock()
		defer g.mu.Unlock()
		a.yield()
		return nil
	}
	a.began = time.Now()
	return a
}

// left is the time until the next attempt may begin; it may when that is not above 0.
func (g *gate) left() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.due)
}

// hurry has the next attempt begin at once: what kept the last ones from success is mended.
func (g *gate) hurry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due, g.wait = time.Time{}, g.min
}

// yield passes the turn on. gate.mu is held.
func (a *attempt) yield() {
	if a.turn {
		a.turn = false
		<-a.gate.turn
	}
}

// ready says that the attempt has succeeded.
func (a *attempt) ready() {
	g := a.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mood == moodUntried {
		g.mood = moodCalm
		a.yield()
	}
	a.steady = time.AfterFunc(steadyAfter, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if a.steady == nil {
			return // it has ended at this moment
		}
		g.mood, g.wait = moodCalm, g.min
		a.yield()
	})
}

// over says that what the attempt has begun has ended, and returns the pause before the next one.
func (a *attempt) over() time.Duration {
	g := a.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if a.steady != nil {
		a.steady.Stop()
		a.steady = nil
	}
	now := time.Now()
	if now.Sub(a.began) >= steadyAfter && g.mood == moodCalm {
		g.wait = g.min
	} else {
		g.mood = moodWary
	}
	if !now.Before(g.due) { // else it fell together with others, which count as one
		g.due = now.Add(g.jitter(g.wait))
		g.wait = min(2*g.wait, g.max)
	}
	a.yield()
	return g.due.Sub(now)
}

// sleep reports whether d has passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
