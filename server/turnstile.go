package server

// Hot path: no allocation, no lock, no log, no time.Now.

import "sync/atomic"

// turnstile counts the calls that are in, until it is shut: then nobody gets in any more, and it
// tells when the last one has left. Its methods are safe for concurrent use.
type turnstile struct {
	count atomic.Int64  // of those that are in, and turnstileShut
	empty chan struct{} // has one element once it is shut and empty; made before it is used
}

// turnstileShut is far above any count.
const turnstileShut = 1 << 62

// enter is false when it is shut.
func (t *turnstile) enter() bool {
	if t.count.Add(1) < turnstileShut {
		return true
	}
	t.leave()
	return false
}

// leave is called once for each enter that was true.
func (t *turnstile) leave() {
	if t.count.Add(-1) == turnstileShut {
		t.tell()
	}
}

// shut is called once.
func (t *turnstile) shut() {
	if t.count.Add(turnstileShut) == turnstileShut {
		t.tell()
	}
}

// tell may be called several times: who comes too late leaves, too.
func (t *turnstile) tell() {
	select {
	case t.empty <- struct{}{}:
	default:
	}
}

// inside is how many are in.
func (t *turnstile) inside() int {
	n := t.count.Load()
	if n >= turnstileShut/2 {
		n -= turnstileShut
	}
	return int(max(0, n))
}
