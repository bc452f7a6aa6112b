package server

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/mcp"
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

	shaken   int // handshakes there were at the last trim
	shakings int // and at the last look
}

const (
	trimMin   = 1000             // fewer are not worth a collection
	trimEvery = 10 * time.Second // a collection costs CPU: never more often
)

// due tells whether at least half of the peak, and trimMin, have gone, or half of those that are
// here, and trimMin, have come or begun to speak and no more are coming. shakes are all handshakes
// that there ever were.
func (t *trimmer) due(held, shakes int, now time.Time) bool {
	t.peak, t.low = max(t.peak, held), min(t.low, held)
	gone, came := t.peak-held, max(held-t.low, shakes-t.shaken)
	settled := held <= t.seen && held >= t.seen-t.seen/16 && shakes-t.shakings <= held/16
	t.seen, t.shakings = held, shakes
	fell := gone >= trimMin && gone*2 >= t.peak
	rose := came >= trimMin && came*2 >= held && settled
	if !fell && !rose || now.Sub(t.last) < trimEvery {
		return false
	}
	t.peak, t.low, t.last, t.shaken = held, held, now, shakes
	return true
}

// trim collects and returns free memory. It takes milliseconds, on the ticker's goroutine.
func (s *Server) trim(now time.Time) {
	held := s.group.Served() + s.sessions.Len()
	shakes := s.sum(func(c *counters) *atomic.Uint64 { return &c.methods[mcp.MethodInitialize] })
	if s.trimmer.due(held, int(shakes), now) {
		debug.FreeOSMemory()
	}
}
