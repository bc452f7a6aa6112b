package server

import (
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// AddReusedTool is AddAsyncTool of a tool whose calls are used again, as those of upstreams are.
func (s *Server) AddReusedTool(t mcp.Tool, h func(*Call)) error {
	return s.addTool(&t, &tool{work: work{async: h, reuse: true}})
}

// KeepAliveNow sends the comments that are due some time.
func (s *Server) KeepAliveNow() { s.keepAlive(time.Now().Add(time.Hour)) }

// Topics counts what single listeners want to be told of.
func (s *Server) Topics() (n int) {
	for _, ls := range s.states {
		ls.audience.mu.Lock()
		for _, all := range ls.audience.of {
			n += len(all)
		}
		ls.audience.mu.Unlock()
	}
	return n
}

// BeginDraining does the first step of Drain alone, so that what a probe is told in the short
// time before its connection ends can be looked at.
func (s *Server) BeginDraining() { s.draining.Store(true) }

// HoldInflaters keeps large messages from being inflated until release is called.
func (s *Server) HoldInflaters() (release func()) {
	var held []*codec.WSInflater
	for range cap(s.inflaters) {
		held = append(held, <-s.inflaters)
	}
	return func() {
		for _, z := range held {
			s.inflaters <- z
		}
	}
}
