package session

// Sweep ends the sessions that were idle for IdleTTL, and returns how many. The
// server calls it every few seconds. It looks at no session more than about once
// per IdleTTL, and lets go of the lock every 256 of them.
func (st *Store) Sweep() int {
	now := st.opt.Now()
	total := 0
	var gone []departure
	for more := true; more; {
		gone = gone[:0]
		st.mu.Lock()
		more = st.sweepSome(now, &gone)
		st.mu.Unlock()
		for i, d := range gone {
			st.ended(d.session, d.reason)
			gone[i] = departure{}
		}
		total += len(gone)
	}
	return total
}

// Close ends all sessions, also those with calls in flight, and refuses new ones.
func (st *Store) Close() {
	var gone []*Session
	for more := true; more; {
		gone = gone[:0]
		st.mu.Lock()
		st.closed = true
		for len(st.idle.heap) > 0 && len(gone) < sweepLooks {
			s := st.idle.heap[0]
			s.calls.Or(endedMark)
			st.remove(s, ReasonShutdown)
			gone = append(gone, s)
		}
		more = len(st.idle.heap) > 0
		st.mu.Unlock()
		for _, s := range gone {
			st.ended(s, ReasonShutdown)
		}
	}
}

type departure struct {
	session *Session
	reason  Reason
}

// sweepSome looks at up to sweepLooks sessions and returns whether there may be
// more to do. Called with mu held.
func (st *Store) sweepSome(now int64, gone *[]departure) bool {
	for range sweepLooks {
		if len(st.idle.heap) == 0 {
			return false
		}
		reason, patience := ReasonIdle, st.opt.IdleTTL
		if len(st.idle.heap) > st.opt.Max { // the limit was lowered
			reason, patience = ReasonEvicted, st.opt.EvictIdle
		}
		s := st.idle.heap[0]
		if now-s.filed < int64(patience) {
			return false // all others are filed later
		}
		if st.endIdle(s, now) {
			st.remove(s, reason)
			*gone = append(*gone, departure{s, reason})
		}
	}
	return true
}

// makeRoom ends one session when name or all are at their limit, and returns it.
// Called with mu held.
func (st *Store) makeRoom(name string, now int64) (victim *Session, err error) {
	if st.closed {
		return nil, ErrClosed
	}
	full := len(st.idle.heap) >= st.opt.Max
	owner, ok := st.principals.Get(name)
	switch {
	case ok && len(owner.idle.heap) >= st.opt.MaxPerPrincipal:
		victim, err = st.evict(&owner.idle, now), ErrPrincipalFull
	case full:
		victim = st.evict(&st.idle, now)
	default:
		return nil, nil
	}
	if full {
		err = ErrFull
	}
	if victim == nil {
		return nil, err
	}
	st.remove(victim, ReasonEvicted)
	return victim, nil
}

// evict ends the session of o that is idle longest, if it is idle for long enough
// and found in a bounded number of steps. Called with mu held.
func (st *Store) evict(o *order, now int64) *Session {
	for range evictLooks {
		s := o.heap[0]
		if now-s.filed < int64(st.opt.EvictIdle) {
			return nil // all others are filed later
		}
		if st.endIdle(s, now) {
			return s
		}
	}
	return nil
}

// endIdle ends s when it was not used since it was filed; otherwise it files it
// anew. Called with mu held.
func (st *Store) endIdle(s *Session, now int64) bool {
	used := s.lastUse(now)
	if used <= s.filed && s.endIfQuiet() {
		return true
	}
	if used <= s.filed {
		used = now // a call began just now
	}
	s.filed = used
	st.idle.later(s)
	s.owner.idle.later(s)
	return false
}
