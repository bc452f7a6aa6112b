package server

import (
	"fmt"
	"time"
)

// Adjustable are the options, beside upstreams, that a server takes over while it serves. Zero
// values stand for the defaults, as in Options.
type Adjustable struct {
	Security Security
	// SessionsMax, SessionsMaxPerPrincipal and SessionsIdleTTL are those of Options.Sessions.
	SessionsMax             int
	SessionsMaxPerPrincipal int
	SessionsIdleTTL         time.Duration
	DrainTimeout            time.Duration
}

// Adjust takes over all of a, from the next request on; with an error nothing. Safe for concurrent
// use.
func (s *Server) Adjust(a Adjustable) error {
	o := Options{DrainTimeout: a.DrainTimeout, Sessions: Sessions{
		Max: a.SessionsMax, MaxPerPrincipal: a.SessionsMaxPerPrincipal, IdleTTL: a.SessionsIdleTTL,
	}}
	o.setDefaults()
	if o.DrainTimeout < 0 {
		return fmt.Errorf("cannot use DrainTimeout = %v; it must not be negative", o.DrainTimeout)
	}
	err := s.sessions.SetLimits(o.Sessions.Max, o.Sessions.MaxPerPrincipal, o.Sessions.IdleTTL)
	if err != nil {
		return fmt.Errorf("cannot change the limits of sessions: %w", err)
	}
	s.takeAdjustable(a.Security, o.DrainTimeout)
	return nil
}

// takeAdjustable sets what requests and drains look at.
func (s *Server) takeAdjustable(security Security, drain time.Duration) {
	guard := newOriginGuard(security)
	s.guardian.Store(&guard)
	s.drainTime.Store(int64(drain))
}

// drainTimeout is how long a drain waits for calls in flight.
func (s *Server) drainTimeout() time.Duration { return time.Duration(s.drainTime.Load()) }
