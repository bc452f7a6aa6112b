package server

import "time"

// see sees an upstream off: it gets no more calls, and ends when those that it has were answered.
func (s *Server) see(g *guest) {
	u := &s.upstreams
	g.open.shut()
	u.mu.Lock()
	begun, hurry := u.begun && g.begun.Load(), u.hurry
	if begun {
		u.leaving.Add(1)
	}
	u.mu.Unlock()
	if !begun {
		g.at.left(g)
		return
	}
	go func() {
		defer u.leaving.Done()
		s.drainGuest(g, hurry)
		g.up.Close()
		g.at.left(g)
	}()
}

// drainGuest waits for the calls that an upstream has still to answer, and for those of which its
// clients have been asked something.
func (s *Server) drainGuest(g *guest, hurry <-chan struct{}) {
	limit := time.NewTimer(s.drainTimeout())
	defer limit.Stop()
	for _, done := range []func() <-chan struct{}{
		func() <-chan struct{} { return g.open.empty }, g.up.Released,
	} {
		select {
		case <-done():
		case <-hurry:
			return
		case <-limit.C:
			s.opt.Log.Warn("upstream ends with calls in flight", "upstream", g.at.name,
				"calls", g.open.inside(), "held", g.up.Stats().Held, "drain", s.drainTimeout())
			return
		}
	}
}

// startUpstreams connects to those that were added before the server started.
func (s *Server) startUpstreams() {
	u := &s.upstreams
	u.changing.Lock()
	defer u.changing.Unlock()
	u.mu.Lock()
	u.begun, u.hurry = true, make(chan struct{})
	u.mu.Unlock()
	for _, p := range s.placesNow() {
		for _, g := range p.guests() {
			g.start()
		}
	}
}

// closeUpstreams ends them, all at the same time. Nothing comes after it: draining is set.
func (s *Server) closeUpstreams() {
	u := &s.upstreams
	u.changing.Lock()
	defer u.changing.Unlock()
	if u.areBegun() {
		u.hurrying.Do(func() { close(u.hurry) })
	}
	for _, p := range s.placesNow() {
		s.unsettle(p)
	}
	u.leaving.Wait()
}
