package server

import (
	"errors"
	"fmt"
	"time"
)

// Adjustable are the options, beside upstreams and views, that a server takes over while it serves.
// Zero values stand for the defaults, as in Options.
type Adjustable struct {
	Security Security
	// SessionsMax, SessionsMaxPerPrincipal and SessionsIdleTTL are those of Options.Sessions.
	SessionsMax             int
	SessionsMaxPerPrincipal int
	SessionsIdleTTL         time.Duration
	DrainTimeout            time.Duration
	// CallTimeout bounds calls from when they came in, also those that run.
	CallTimeout time.Duration
	// ListTTL and CacheScope are those of Options.Lists, InputTimeout and StateTTL those of
	// Options.Input: of what is asked from now on.
	ListTTL      time.Duration
	CacheScope   string
	InputTimeout time.Duration
	StateTTL     time.Duration
}

// adjusted are those of them that are looked at here and there.
type adjusted struct {
	lists caching       // at most
	call  time.Duration // negative: none
	input time.Duration
	state time.Duration
}

// adjustedAs is what o says.
func adjustedAs(o *Options) *adjusted {
	return &adjusted{
		lists: caching{o.Lists.TTL.Milliseconds(), o.Lists.CacheScope == "private"},
		call:  o.CallTimeout, input: o.Input.Timeout, state: o.Input.StateTTL,
	}
}

// Adjust takes over all of a, from the next request on; with an error nothing. Safe for concurrent
// use.
func (s *Server) Adjust(a Adjustable) error {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	o, err := s.checkAdjustable(&a)
	if err != nil {
		return err
	}
	s.adjust(o)
	return nil
}

// checkAdjustable returns the options that a stands for, or every fault.
func (s *Server) checkAdjustable(a *Adjustable) (*Options, error) {
	o := &Options{
		Name: s.opt.Name, Security: a.Security, DrainTimeout: a.DrainTimeout,
		CallTimeout: a.CallTimeout, Lists: Lists{TTL: a.ListTTL, CacheScope: a.CacheScope},
		Input: Input{Timeout: a.InputTimeout, StateTTL: a.StateTTL},
		Sessions: Sessions{
			Max: a.SessionsMax, MaxPerPrincipal: a.SessionsMaxPerPrincipal,
			IdleTTL: a.SessionsIdleTTL,
		},
	}
	o.setDefaults()
	l := &o.Sessions
	err := errors.Join(append(o.faults(),
		s.sessions.CheckLimits(l.Max, l.MaxPerPrincipal, l.IdleTTL))...)
	if err != nil {
		return nil, fmt.Errorf("cannot adjust a server that serves: %w", err)
	}
	return o, nil
}

// adjust takes over what checkAdjustable has passed. changing is held.
func (s *Server) adjust(o *Options) {
	l := &o.Sessions
	if err := s.sessions.SetLimits(l.Max, l.MaxPerPrincipal, l.IdleTTL); err != nil {
		panic("BUG: limits of sessions were checked: " + err.Error())
	}
	before := s.adjusted.Load().lists
	s.takeAdjustable(o)
	if before == s.adjusted.Load().lists {
		return
	}
	s.recache()
	for _, v := range s.everyView() {
		v.describing.Lock()
		v.about.Store(v.describe(*v.about.Load()))
		v.describing.Unlock()
	}
}

// takeAdjustable sets what requests and drains look at.
func (s *Server) takeAdjustable(o *Options) {
	guard := newOriginGuard(o.Security)
	s.guardian.Store(&guard)
	s.drainTime.Store(int64(o.DrainTimeout))
	s.adjusted.Store(adjustedAs(o))
	for _, ls := range s.states {
		ls.expiry.bound(max(o.CallTimeout, 0))
	}
}

// everyView are all views: of everything, parts and subsets.
func (s *Server) everyView() []*view {
	all := []*view{&s.view}
	for _, p := range s.placesNow() {
		all = append(all, p.part)
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	return append(all, s.views.subsets...)
}

// drainTimeout is how long a drain waits for calls in flight.
func (s *Server) drainTimeout() time.Duration { return time.Duration(s.drainTime.Load()) }
