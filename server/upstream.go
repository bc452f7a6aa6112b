package server

import (
	"fmt"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// upstreamCarryMax is more than any upstream's messages may have: what they may have is bounded
// where they are cut.
const upstreamCarryMax = 1<<30 + 1<<20

// offerForeign puts a tool of an upstream into the list. Its arguments are the upstream's to check.
func (s *Server) offerForeign(g *guest, t *gateway.Tool) error {
	raw := &mcp.RawTool{Name: t.Name, Raw: t.Raw}
	entry := &tool{work: work{async: func(c *Call) { g.carry(c, t) }}}
	var err error
	if entry.mirrored, err = raw.Mirrors(); err != nil {
		return err
	}
	entry.duration = s.toolHistogram(t.Name)
	entry.large = entry.work
	return s.tools.Add(raw, entry)
}

// withdrawForeign takes it out, and what was measured of it.
func (s *Server) withdrawForeign(name string) {
	s.tools.Remove(name)
	s.set.UnregisterMetric(toolHistogramName(name))
}

// registerUpstream: what is known of the upstream behind a place.
func (s *Server) registerUpstream(p *place) {
	label := fmt.Sprintf("{upstream=%q}", p.name)
	named := func(name string) string {
		name = "mcploop_upstream_" + name + label
		p.metrics = append(p.metrics, name)
		return name
	}
	for name, of := range map[string]func(gateway.Stats) uint64{
		"calls_total":                func(s gateway.Stats) uint64 { return s.Calls },
		"calls_failed_total":         func(s gateway.Stats) uint64 { return s.Failed },
		"calls_repeated_total":       func(s gateway.Stats) uint64 { return s.Repeated },
		"cancelled_total":            func(s gateway.Stats) uint64 { return s.Cancelled },
		"starts_total":               func(s gateway.Stats) uint64 { return s.Starts },
		"list_changes_total":         func(s gateway.Stats) uint64 { return s.Changes },
		"stderr_lines_dropped_total": func(s gateway.Stats) uint64 { return s.Unlogged },
	} {
		s.counterFunc(named(name), func() uint64 { return of(p.stats()) })
	}
	for name, of := range map[string]func(gateway.Stats) int{
		"in_flight":     func(s gateway.Stats) int { return s.InFlight },
		"in_flight_max": func(gateway.Stats) int { return p.inFlightMax() },
		"tools":         func(s gateway.Stats) int { return s.Tools },
		"up": func(s gateway.Stats) int {
			if s.State == gateway.StateReady {
				return 1
			}
			return 0
		},
	} {
		s.gauge(named(name), func() int { return of(p.stats()) })
	}
}

// unregisterUpstream: with the upstream goes what is known of it.
func (s *Server) unregisterUpstream(p *place) {
	for _, name := range p.metrics {
		s.set.UnregisterMetric(name)
	}
}
