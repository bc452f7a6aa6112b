package server

import (
	"fmt"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// registerUpstream: what is known of the upstream behind a place.
func (s *Server) registerUpstream(p *place) {
	label := fmt.Sprintf("{upstream=%q}", p.name)
	named := func(name string) string {
		name = "mcploop_upstream_" + name + label
		p.metrics = append(p.metrics, name)
		return name
	}
	for name, of := range upstreamCounters() {
		s.counterFunc(named(name), func() uint64 { return of(p.seen()) })
	}
	for name, of := range upstreamGauges() {
		s.gauge(named(name), func() int { return of(p.seen()) })
	}
	for name, of := range upstreamLimits() {
		s.gauge(named(name), func() int { return p.limit(of) })
	}
	s.gauge(named("names_taken"), p.namesTaken)
	s.gauge(named("following"), p.following)
	s.gauge(named("leaving"), p.leavingCount)
}

// lookAtUpstreams takes the counters of all of them, once for each scrape.
func (s *Server) lookAtUpstreams() {
	for _, p := range s.placesNow() {
		stats := p.stats()
		p.scraped.Store(&stats)
	}
}

// seen are the counters as lookAtUpstreams took them.
func (p *place) seen() gateway.Stats {
	if stats := p.scraped.Load(); stats != nil {
		return *stats
	}
	return p.stats()
}

// following is 1 while one with other options is on its way to the place.
func (p *place) following() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != nil {
		return 1
	}
	return 0
}

// leavingCount is how many have been replaced and still have calls to answer.
func (p *place) leavingCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.leaving)
}

// unregisterUpstream: with the upstream goes what is known of it.
func (s *Server) unregisterUpstream(p *place) {
	for _, name := range p.metrics {
		s.set.UnregisterMetric(name)
	}
}

func upstreamCounters() map[string]func(gateway.Stats) uint64 {
	return map[string]func(gateway.Stats) uint64{
		"calls_total":                func(s gateway.Stats) uint64 { return s.Calls },
		"calls_unsent_total":         func(s gateway.Stats) uint64 { return s.Unsent },
		"calls_failed_total":         func(s gateway.Stats) uint64 { return s.Failed },
		"asks_total":                 func(s gateway.Stats) uint64 { return s.Asks },
		"asks_refused_total":         func(s gateway.Stats) uint64 { return s.AsksRefused },
		"pages_completed_total":      func(s gateway.Stats) uint64 { return s.Completed },
		"tokens_renewed_total":       func(s gateway.Stats) uint64 { return s.TokensRenewed },
		"tokens_refused_total":       func(s gateway.Stats) uint64 { return s.TokensRefused },
		"strangers_total":            func(s gateway.Stats) uint64 { return s.Strangers },
		"strays_total":               func(s gateway.Stats) uint64 { return s.Strays },
		"noise_total":                func(s gateway.Stats) uint64 { return s.Noise },
		"too_large_total":            func(s gateway.Stats) uint64 { return s.TooLarge },
		"calls_repeated_total":       func(s gateway.Stats) uint64 { return s.Repeated },
		"cancelled_total":            func(s gateway.Stats) uint64 { return s.Cancelled },
		"starts_total":               func(s gateway.Stats) uint64 { return s.Starts },
		"restarts_total":             func(s gateway.Stats) uint64 { return s.Restarts },
		"instances_ended_total":      func(s gateway.Stats) uint64 { return s.Ousted },
		"list_changes_total":         func(s gateway.Stats) uint64 { return s.Changes },
		"log_messages_total":         func(s gateway.Stats) uint64 { return s.Logs },
		"resource_updates_total":     func(s gateway.Stats) uint64 { return s.Updates },
		"notices_held_total":         func(s gateway.Stats) uint64 { return s.Slowed },
		"stderr_lines_dropped_total": func(s gateway.Stats) uint64 { return s.Unlogged },

		"retried_total":               func(s gateway.Stats) uint64 { return s.Retried },
		"retries_refused_total":       func(s gateway.Stats) uint64 { return s.Unretried },
		"delayed_total":               func(s gateway.Stats) uint64 { return s.Delayed },
		"breaker_opened_total":        func(s gateway.Stats) uint64 { return s.Opened },
		"breaker_refused_total":       func(s gateway.Stats) uint64 { return s.Refused },
		"breaker_items_opened_total":  func(s gateway.Stats) uint64 { return s.ItemsOpened },
		"breaker_items_refused_total": func(s gateway.Stats) uint64 { return s.ItemsRefused },
	}
}

func upstreamGauges() map[string]func(gateway.Stats) int {
	return map[string]func(gateway.Stats) int{
		"in_flight":              func(s gateway.Stats) int { return s.InFlight },
		"instances":              func(s gateway.Stats) int { return s.Instances },
		"client_instances":       func(s gateway.Stats) int { return s.Tenants },
		"tools":                  func(s gateway.Stats) int { return s.Items[mcp.KindTool] },
		"resources":              func(s gateway.Stats) int { return s.Items[mcp.KindResource] },
		"prompts":                func(s gateway.Stats) int { return s.Items[mcp.KindPrompt] },
		"subscriptions":          func(s gateway.Stats) int { return s.Heard },
		"subscriptions_left_out": func(s gateway.Stats) int { return s.Unheard },
		"held":                   func(s gateway.Stats) int { return s.Held },
		"pages":                  func(s gateway.Stats) int { return s.Pages },
		"resource_templates": func(s gateway.Stats) int {
			return s.Items[mcp.KindTemplate]
		},
		"breaker_state":      func(s gateway.Stats) int { return int(s.Breaker) },
		"breaker_items_open": func(s gateway.Stats) int { return s.ItemsOpen },
		"list_over":          func(s gateway.Stats) int { return s.Over },
		"up":                 inState(gateway.StateReady),
		"login_required":     inState(gateway.StateLogin),
	}
}

// inState is 1 in that state.
func inState(state gateway.State) func(gateway.Stats) int {
	return func(s gateway.Stats) int {
		if s.State == state {
			return 1
		}
		return 0
	}
}

func upstreamLimits() map[string]func(*gateway.Upstream) int {
	return map[string]func(*gateway.Upstream) int{
		"in_flight_max":        (*gateway.Upstream).InFlightMax,
		"instances_max":        (*gateway.Upstream).InstancesMax,
		"client_instances_max": (*gateway.Upstream).TenantsMax,
		"held_max":             (*gateway.Upstream).AsksMax,
		"pages_max":            (*gateway.Upstream).AsksMax,
		"notices_max":          (*gateway.Upstream).NoticesMax,
		"list_max":             (*gateway.Upstream).ListMax,
		"subscriptions_max":    (*gateway.Upstream).SubscriptionsMax,
	}
}
