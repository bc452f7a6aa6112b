package server

import "sync"

// interest is which resources clients listen to, on whatever loop and view: what the upstreams
// behind them are asked to tell of. It holds what audiences hold, each URI once.
type interest struct {
	s  *Server
	mu sync.Mutex     // guards of
	of map[string]int // audiences that have somebody, by URI
}

// change counts an audience of a topic in, or out with by -1. Two loops may come in any order:
// only the sum counts.
func (n *interest) change(on topic, by int) {
	if on.task {
		return
	}
	n.mu.Lock()
	if n.of == nil {
		n.of = map[string]int{}
	}
	n.of[on.name] += by
	now := n.of[on.name]
	if now == 0 {
		delete(n.of, on.name)
	}
	n.mu.Unlock()
	if now == 0 || now == 1 && by == 1 {
		n.s.heed(on.name)
	}
}

// uris are those that somebody listens to.
func (n *interest) uris() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]string, 0, len(n.of))
	for uri := range n.of {
		list = append(list, uri)
	}
	return list
}

// heed has the upstream that serves a URI ask for what clients listen to now.
func (s *Server) heed(uri string) {
	r := s.findResource([]byte(uri))
	if r == nil || r.foreign.at == nil {
		return
	}
	p := r.foreign.at
	p.mu.Lock()
	g := p.serving
	p.mu.Unlock()
	if g != nil {
		g.up.Heed()
	}
}

// wanted returns the URIs that clients listen to and that g serves.
func (g *guest) wanted() []string {
	p := g.at
	p.mu.Lock()
	serves := p.serving == g
	p.mu.Unlock()
	if !serves {
		return nil
	}
	all := p.s.interest.uris()
	list := all[:0]
	for _, uri := range all {
		if r := p.s.findResource([]byte(uri)); r != nil && r.foreign.at == p {
			list = append(list, uri)
		}
	}
	return list
}

// updated tells the listeners of a resource that it has changed, unless it is somebody else's.
func (g *guest) updated(uri string) {
	s := g.at.s
	if r := s.findResource([]byte(uri)); r == nil || r.foreign.at == g.at {
		s.ResourceUpdated(uri)
	}
}
