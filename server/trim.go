package server

import (
	"runtime/debug"
	"time"
)

// trimmer gives memory back to the system after many connections or sessions have gone, and after
// many have come: their handshakes leave about as much garbage as they keep. The collector runs by
// itself only when memory is allocated or every two minutes, so a server that has become quiet
// would keep the memory of its busiest moment. It belongs to the ticker.
type trimmer struct {
	peak int // most connections and sessions since the last trim
	low  int // fewest since then
	seen int // at the last look
	last time.Time
}

const (
	trimMin   = 1000             // fewer are not worth a collection
	trimEvery = 10 * time.Second // a collection costs CPU: never more often
)

// due tells whether at least half of the peak, and trimMin, have gone, or half of those that are
// here, and trimMin, have come and no more are coming.
func (t *trimmer) due(held int, now time.Time) bool {
	t.peak, t.low = max(t.peak, held), min(t.low, held)
	gone, came := t.peak-held, held-t.low
	settled := held <= t.seen && held >= t.seen-t.seen/16
	t.seen = held
	fell := gone >= trimMin && gone*2 >= t.peak
	rose := came >= trimMin && came*2 >= held && settled
	if !fell && !rose || now.Sub(t.last) < trimEvery {
		return false
	}
	t.peak, t.low, t.last = held, held, now
	return true
}

// trim collects and returns free memory. It takes milliseconds, on the ticker's goroutine.
func (s *Server) trim(now time.Time) {
	if s.trimmer.due(int(s.group.Stats().Open)+s.sessions.Len(), now) {
		debug.FreeOSMemory()
	}
}
