package server

import "time"

// KeepAliveNow sends the comments that are due some time.
func (s *Server) KeepAliveNow() { s.keepAlive(time.Now().Add(time.Hour)) }

// BeginDraining does the first step of Drain alone, so that what a probe is told in the short
// time before its connection ends can be looked at.
func (s *Server) BeginDraining() { s.draining.Store(true) }
