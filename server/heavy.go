package server

import "github.com/mcploop/mcploop/codec"

// Hot path: no allocation, no lock, no log, no time.Now.

// The requests of calls in flight are kept, and a request that was compressed costs its peer little
// to send: a thousandth. So they are bounded by their bytes, too.

// heavyBytes is what a request may have without being counted: limits.in_flight_per_conn and
// queue.max bound these.
const heavyBytes = 16 << 10

// heavyShares: the calls of one connection or session may keep this part of the bytes that all may
// keep together, but one message at any rate.
const heavyShares = 4

var errManyBytes = codec.ErrOverloaded.With("limits.in_flight_bytes is reached")

// load counts c's request of so many bytes, until unload; false when they are too many.
func (c *Call) load(bytes int) bool {
	if bytes <= heavyBytes { // Fast path.
		return true
	}
	l := &c.s.opt.Limits
	most := int64(max(l.InFlightBytes, l.MessageBytes))
	share := int64(max(l.InFlightBytes/heavyShares, l.MessageBytes))
	n := int64(bytes)
	all, own := c.s.heavy.Add(n), c.calls.heavy.Add(n)
	c.heavy.Store(n)
	if all > most || own > share {
		c.unload()
		return false
	}
	return true
}

// unload is the end of a request that nobody reads any more.
func (c *Call) unload() {
	if c.heavy.Load() == 0 { // Fast path.
		return
	}
	n := c.heavy.Swap(0)
	c.s.heavy.Add(-n)
	c.calls.heavy.Add(-n)
}
