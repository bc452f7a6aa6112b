package gateway

import (
	"sync/atomic"
	"time"
)

// pacer passes on, at most once in listPause, that the lists may have changed: an upstream that
// says so a thousand times a second costs one look.
type pacer struct {
	pending atomic.Bool // it will be passed on; who sets it may write last
	last    time.Time   // when it was passed on
}

// listPause is the least time between two looks at the lists that nobody but the upstream wants.
const listPause = time.Second

// ask has look called now, or when listPause is over. Safe for concurrent use.
func (p *pacer) ask(look func()) {
	if p.pending.Load() || p.pending.Swap(true) {
		return
	}
	pass := func() {
		p.last = time.Now()
		p.pending.Store(false)
		look()
	}
	if wait := listPause - time.Since(p.last); wait > 0 && !p.last.IsZero() {
		time.AfterFunc(wait, pass)
		return
	}
	pass()
}
