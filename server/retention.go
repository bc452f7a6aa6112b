package server

import "sync"

// logList is the event logs of a loop's sessions that hold something which time takes away: events,
// or a GET stream that nobody carries. The ticker looks through it, so that no log needs a timer.
// Safe for concurrent use.
type logList struct {
	mu   sync.Mutex // guards head and every next
	head *eventLog
}

// enlist puts the log where the ticker finds it. l.mu must be held.
func (l *eventLog) enlist(ls *loopState) {
	if l.listed {
		return
	}
	l.listed = true
	ls.kept.mu.Lock()
	defer ls.kept.mu.Unlock()
	l.next, ls.kept.head = ls.kept.head, l
}

// sweep calls keep for every log and takes those out for which it is false; keep has cleared
// their listed by then.
func (list *logList) sweep(keep func(*eventLog) bool) {
	list.mu.Lock()
	todo := list.head
	list.head = nil
	list.mu.Unlock()
	for todo != nil {
		l := todo
		todo, l.next = l.next, nil
		if keep(l) {
			list.mu.Lock()
			l.next, list.head = list.head, l
			list.mu.Unlock()
		}
	}
}

// sweepReplay takes away what was kept for Sessions.ReplayTime. It is the ticker's.
func (s *Server) sweepReplay() {
	before := s.clock.Load() - int64(s.opt.Sessions.ReplayTime)
	for _, ls := range s.states {
		ls.kept.sweep(func(l *eventLog) bool { return l.expire(ls, before) })
	}
}

// expire drops what is older than before and tells whether something is left to look after.
func (l *eventLog) expire(ls *loopState, before int64) bool {
	p := l.peer
	p.mu.Lock() // until the end: a GET stream that is left now must see listed
	defer p.mu.Unlock()
	away := p.get != nil && p.get.left > 0
	if away && p.get.left <= before {
		away = false
		p.endGet(l.s)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, kept := range []*keptEvents{&l.replied, &l.told} {
		for len(kept.list) > 0 && kept.list[0].at <= before {
			l.dropOldest(kept)
			ls.count.expired.Add(1)
		}
	}
	l.listed = away || len(l.replied.list)+len(l.told.list) > 0
	return l.listed
}

// await is for a session with a GET stream that nobody carries.
func (l *eventLog) await(ls *loopState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enlist(ls)
}
