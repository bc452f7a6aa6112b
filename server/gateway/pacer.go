package gateway

import (
	"sync/atomic"
	"time"
)

// pacer passes something on at most once in its pause: an upstream that says a thousand times a
// second that its lists have changed costs one look.
type pacer struct {
	pause   time.Duration
	pending atomic.Bool // it will be passed on; who sets it may write last
	last    time.Time   // when it was passed on
}

// listPause is the least time between two looks at the lists that nobody but the upstream wants.
const listPause = time.Second

// ask has look called now, or when the pause is over. Safe for concurrent use.
func (p *pacer) ask(look func()) {
	if p.pending.Load() || p.pending.Swap(true) {
		return
	}
	pass := func() {
		p.last = time.Now()
		p.pending.Store(false)
		look()
	}
	if wait := p.pause - time.Since(p.last); wait > 0 && !p.last.IsZero() {
		time.AfterFunc(wait, pass)
		return
	}
	pass()
}
