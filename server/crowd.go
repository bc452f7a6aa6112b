package server

import "sync"

// crowd keeps what a loop told all of its GET streams, once for all of them: news of lists. A
// stream remembers only how far it was told, so that a change costs 15,000 listeners no memory.
// It is bounded like the events of one session. Safe for concurrent use: streams are carried on
// from other loops.
type crowd struct {
	mu   sync.Mutex // guards what follows
	kept keptEvents // numbered without a gap
	last uint64     // number of the newest event
}

// add keeps news and returns its number.
func (c *crowd) add(ls *loopState, message []byte) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	c.kept.add(ls, loggedEvent{number: c.last, message: message})
	ls.count.dropped.Add(uint64(c.kept.shrink(ls.s, nil)))
	return c.last
}

// at returns the event with that number; false when it is no longer kept. c.mu must be held.
func (c *crowd) at(number uint64) (e loggedEvent, ok bool) {
	if list := c.kept.list; len(list) > 0 && number-list[0].number < uint64(len(list)) {
		return list[number-list[0].number], true
	}
	return e, false
}

// expire drops what is older than before.
func (c *crowd) expire(ls *loopState, before int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.expire(ls, before, nil, false)
}

// clear is for a loop that has no GET stream any more.
func (c *crowd) clear(s *Server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.drop(s, nil, func(*loggedEvent) bool { return true })
}
