package server

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/mcp"
)

// trimmer gives memory back to the system after many connections or sessions have gone, and after
// many have come: their handshakes leave about as much garbage as they keep; and after many calls
// that were answered later, as those of upstreams are, whose garbage is most of the heap. The
// collector runs by itself only when memory is allocated or every two minutes, so a server that has
// become quiet would keep the memory of its busiest moment. It belongs to the ticker.
type trimmer struct {
	peak int // most connections and sessions since the last trim
	low  int // fewest since then
	seen int // at the last look
	last time.Time

	shaken   int // handshakes there were at the last trim
	shakings int // and at the last look

	calls   int // there were at the last look
	busiest int // most of them between two looks since the last trim
}

const (
	trimMin   = 1000             // fewer are not worth a collection
	trimCalls = 5000             // so many between two looks are many
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

// fellQuiet tells whether there were many calls and now there are few. calls are all that were ever
// answered later.
func (t *trimmer) fellQuiet(calls int, now time.Time) bool {
	came := calls - t.calls
	t.calls, t.busiest = calls, max(t.busiest, came)
	if t.busiest < trimCalls || came*16 > t.busiest || now.Sub(t.last) < trimEvery {
		return false
	}
	t.busiest, t.last = came, now
	return true
}

// trim collects and returns free memory. It takes milliseconds, on the ticker's goroutine.
func (s *Server) trim(now time.Time) {
	held := s.group.Served() + s.sessions.Len()
	shakes := s.sum(func(c *counters) *atomic.Uint64 { return &c.methods[mcp.MethodInitialize] })
	calls := s.sum(func(c *counters) *atomic.Uint64 { return &c.completed })
	due := s.trimmer.due(held, int(shakes), now)
	if s.trimmer.fellQuiet(int(calls), now) || due {
		debug.FreeOSMemory()
	}
}
