package session

import (
	"math"
	"sync/atomic"
)

// Reason says why a session ended.
type Reason uint8

// The reasons. Counters of Stats go by the same names.
const (
	ReasonIdle     Reason = iota // not used for Options.IdleTTL
	ReasonEvicted                // idle longest when a limit was reached
	ReasonDeleted                // the client said so
	ReasonShutdown               // Store.Close
	reasonCount
)

// String returns the reason's name as metrics and logs print it.
func (r Reason) String() string {
	if r >= reasonCount {
		return "unknown"
	}
	return [reasonCount]string{"idle", "evicted", "deleted", "shutdown"}[r]
}

// Session is one legacy session. ID, Principal and Version never change.
type Session struct {
	// What Get looks at comes first, to lie on one cache line if it can.

	Principal string       // who opened it; "" is anybody without a name
	calls     atomic.Int32 // calls in flight; below zero once it has ended
	used      atomic.Int64 // when it was last used, by Options.Now

	// State is the server's own: set by SetState, read by whoever got the session
	// from Get or OnEnd.
	State   any
	ID      string // 24 visible ASCII characters, 144 random bits
	Version string // the negotiated protocol revision

	// All below is guarded by store.mu.

	at    [2]int32 // its index in the order of all and in that of its principal
	filed int64    // its place in the idle order; never later than the last use
	store *Store
	owner *principal
}

// endedMark makes calls negative and leaves the count of calls intact.
const endedMark = math.MinInt32

// SetState sets State and makes it visible to OnEnd, which may run on another
// goroutine. It is called once, right after Create and before the client learns
// the id. Only Close can end a session before that: OnEnd then sees nil.
func (s *Session) SetState(state any) {
	s.State = state
	s.used.Store(s.used.Load()) // the release that lastUse acquires
}

// Begin marks a call in flight: until the matching End the session is neither
// swept nor evicted. It returns false when the session has ended; End is due all
// the same. Safe for concurrent use.
func (s *Session) Begin() bool { return s.calls.Add(1) > 0 }

// End takes the mark of one Begin back; the idle time counts from now.
// Safe for concurrent use.
func (s *Session) End() {
	s.touch(s.store.opt.Now())
	if n := s.calls.Add(-1); n == -1 || n == math.MaxInt32 {
		panic("BUG: Session.End without Begin")
	}
}

// Ended says whether the session is gone. Safe for concurrent use.
func (s *Session) Ended() bool { return s.calls.Load() < 0 }

// touch restarts the idle time. With a coarse clock most calls write nothing.
func (s *Session) touch(now int64) {
	if s.used.Load() < now {
		s.used.Store(now)
	}
}

// lastUse is now while a call is in flight.
func (s *Session) lastUse(now int64) int64 {
	if s.calls.Load() > 0 {
		return now
	}
	return s.used.Load()
}

// endIfQuiet ends the session unless it has a call in flight. Called with
// store.mu held.
func (s *Session) endIfQuiet() bool { return s.calls.CompareAndSwap(0, endedMark) }
