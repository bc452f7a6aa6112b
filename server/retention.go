package server

import "sync"

// keptEvents is a bounded list of events, the oldest first, which can be had again for
// Sessions.ReplayTime. It is guarded by its owner.
type keptEvents struct {
	list   []loggedEvent
	bytes  int
	listed bool // the owner is in an agedList
}

// loggedEvent is one event. message is never written to again; lists of many sessions may share it.
type loggedEvent struct {
	stream, number uint64
	at             int64 // Server.clock
	message        []byte
}

// eventOverhead is what an event takes besides its message, in bytes.
const eventOverhead = 48

func (e *loggedEvent) size() int { return len(e.message) + eventOverhead }

// add appends an event; shrink is due.
func (k *keptEvents) add(ls *loopState, e loggedEvent) {
	e.at = ls.s.clock.Load()
	k.list = append(k.list, e)
	k.bytes += e.size()
	ls.s.replayBytes.Add(int64(e.size()))
}

// shrink lets the oldest events go while the list, or all lists together, are beyond their limits.
func (k *keptEvents) shrink(s *Server, dropped func(*loggedEvent)) (n int) {
	o := &s.opt.Sessions
	return k.drop(s, dropped, func(*loggedEvent) bool {
		return len(k.list) > o.ReplayEvents || k.bytes > o.ReplayBytes ||
			s.replayBytes.Load() > int64(o.ReplayTotal)
	})
}

// drop lets the oldest event go as long as it is to; dropped may be nil. It returns how many went.
func (k *keptEvents) drop(
	s *Server, dropped func(*loggedEvent), goes func(*loggedEvent) bool,
) (n int) {
	for ; len(k.list) > 0 && goes(&k.list[0]); n++ {
		e := k.list[0]
		k.list[0] = loggedEvent{}
		k.list = k.list[1:] // append moves what is left to a new array now and then
		k.bytes -= e.size()
		s.replayBytes.Add(-int64(e.size()))
		if dropped != nil {
			dropped(&e)
		}
	}
	if len(k.list) == 0 {
		k.list = nil
	}
	return n
}

// aged is what time takes something away from.
type aged interface {
	// expire drops what is older than before and tells whether there is more to look after. It is
	// called on the ticker's goroutine.
	expire(ls *loopState, before int64) bool
}

// agedList is what the ticker looks after for a loop, so that no stream needs a timer. Safe for
// concurrent use.
type agedList struct {
	mu   sync.Mutex // guards list
	list []aged
}

// enlist puts k's owner where the ticker finds it.
func (k *keptEvents) enlist(ls *loopState, owner aged) {
	if k.listed {
		return
	}
	k.listed = true
	ls.aged.mu.Lock()
	defer ls.aged.mu.Unlock()
	ls.aged.list = append(ls.aged.list, owner)
}

// expire is what an owner's expire does; without events it stays in the list if waits.
func (k *keptEvents) expire(
	ls *loopState, before int64, dropped func(*loggedEvent), waits bool,
) bool {
	n := k.drop(ls.s, dropped, func(e *loggedEvent) bool { return e.at <= before })
	ls.count.expired.Add(uint64(n))
	k.listed = waits || len(k.list) > 0
	return k.listed
}

// sweepReplay takes away what was kept for Sessions.ReplayTime. It is the ticker's.
func (s *Server) sweepReplay() {
	before := s.clock.Load() - int64(s.opt.Sessions.ReplayTime)
	for _, ls := range s.states {
		ls.aged.mu.Lock()
		all := ls.aged.list
		ls.aged.list = nil
		ls.aged.mu.Unlock()
		var left []aged
		for _, one := range all {
			if one.expire(ls, before) {
				left = append(left, one)
			}
		}
		ls.aged.mu.Lock()
		ls.aged.list = append(left, ls.aged.list...)
		ls.aged.mu.Unlock()
		ls.crowds.expire(ls, before)
	}
}
