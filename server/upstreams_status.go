package server

import (
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// UpstreamStatus is what an upstream is doing.
type UpstreamStatus struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Tools    int    `json:"tools"`
	Others   int    `json:"others"` // resources, resource templates and prompts
	InFlight int    `json:"inFlight"`
	Next     string `json:"next,omitempty"`    // the state of the one that will take its place
	Leaving  int    `json:"leaving,omitempty"` // those before it that still have calls
}

// Upstreams tells what the upstreams are doing, by name. Safe for concurrent use.
func (s *Server) Upstreams() []UpstreamStatus {
	var list []UpstreamStatus
	for _, p := range s.placesNow() {
		list = append(list, p.status())
	}
	return list
}

func (p *place) status() UpstreamStatus {
	p.mu.Lock()
	serving, next := p.serving, p.next
	status := UpstreamStatus{Name: p.name, Leaving: len(p.leaving)}
	p.mu.Unlock()
	if serving == nil { // it is being removed
		status.State = gateway.StateClosed.String()
		return status
	}
	stats := serving.up.Stats()
	status.State, status.Tools = stats.State.String(), stats.Items[mcp.KindTool]
	for _, n := range stats.Items {
		status.Others += n
	}
	status.Others -= status.Tools
	status.InFlight = serving.open.inside()
	if next != nil {
		status.Next = next.up.Stats().State.String()
	}
	return status
}
