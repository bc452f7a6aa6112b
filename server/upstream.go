package server

import "github.com/mcploop/mcploop/codec"

// upstreamCarryMax is more than any upstream's messages may have: what they may have is bounded
// where they are cut.
const upstreamCarryMax = 1<<30 + 1<<20

// Tell implements gateway.Client.
func (p *peer) Tell(method string, params []byte) {
	p.tell(codec.AppendNotification(nil, method, params))
}

// leaveUpstreams ends the instances of upstreams that were a legacy session's own.
func (s *Server) leaveUpstreams(p *peer) {
	owner := p.owner.Load()
	if owner == nil {
		return
	}
	for _, at := range s.placesNow() {
		for _, g := range at.guests() {
			g.up.Leave(*owner)
		}
	}
}
