package server

import (
	"runtime/debug"
	"time"
)

// trimmer gives memory back to the system after many connections or sessions have gone. The
// collector runs by itself only when memory is allocated or every two minutes, so a server that
// has become quiet would keep the memory of its busiest hour. It belongs to the ticker.
type trimmer struct {
	peak int // most connections and sessions since the last trim
	last time.Time
}

const (
	trimMin   = 1000             // fewer are not worth a collection
	trimEvery = 10 * time.Second // a collection costs CPU: never more often
)

// due tells whether at least half of the peak, and trimMin, have gone.
func (t *trimmer) due(held int, now time.Time) bool {
	t.peak = max(t.peak, held)
	gone := t.peak - held
	if gone < trimMin || gone*2 < t.peak || now.Sub(t.last) < trimEvery {
		return false
	}
	t.peak, t.last = held, now
	return true
}

// trim collects and returns free memory. It takes milliseconds, on the ticker's goroutine.
func (s *Server) trim(now time.Time) {
	if s.trimmer.due(int(s.group.Stats().Open)+s.sessions.Len(), now) {
		debug.FreeOSMemory()
	}
}
