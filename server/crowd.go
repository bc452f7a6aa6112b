package server

import "sync"

// crowd keeps what a loop told all GET streams of a view, once for all of them: news of lists. A
// stream remembers only how far it was told, so that a change costs 15,000 listeners no memory.
// It is bounded like the events of one session. Safe for concurrent use: streams are carried on
// from other loops.
type crowd struct {
	mu   sync.Mutex // guards what follows
	kept keptEvents // numbered without a gap
	last uint64     // number of the newest event

	streams int // whose crowd it is; crowds.mu guards it
}

// crowds are a loop's crowds, one for each view that somebody listens to. Safe for concurrent use.
type crowds struct {
	mu sync.Mutex // guards of
	of map[*view]*crowd
}

// find returns the crowd of a view, nil when it has none.
func (cs *crowds) find(v *view) *crowd {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.of[v]
}

// join makes a stream one of the view's crowd.
func (cs *crowds) join(v *view) *crowd {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.of[v]
	if c == nil {
		if cs.of == nil {
			cs.of = map[*view]*crowd{}
		}
		c = &crowd{}
		cs.of[v] = c
	}
	c.streams++
	return c
}

// leave is the end of a stream. The last one takes what was kept with it.
func (cs *crowds) leave(s *Server, v *view) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.of[v]
	if c.streams--; c.streams == 0 {
		delete(cs.of, v)
		c.clear(s)
	}
}

// expire drops what is older than before.
func (cs *crowds) expire(ls *loopState, before int64) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.of {
		c.expire(ls, before)
	}
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

// clear is for a crowd without a stream.
func (c *crowd) clear(s *Server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.drop(s, nil, func(*loggedEvent) bool { return true })
}
