package server

import (
	"errors"
	"slices"

	"github.com/mcploop/mcploop/server/gateway"
)

// Configuration is all that a server takes over while it serves.
type Configuration struct {
	Upstreams  []gateway.Options
	Views      []ViewOptions
	Adjustable Adjustable
}

// Changes say what Configure has changed of upstreams and views.
type Changes struct {
	UpstreamChanges
	Views []string // that came, went or changed; sorted
}

// Configure is SetUpstreams, SetViews and Adjust at once: all is checked before anything is
// changed, and with an error, which names every fault, nothing was. A name may go from a view to an
// upstream, or the other way round. Safe for concurrent use.
func (s *Server) Configure(c Configuration) (Changes, error) {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	adjusted, fault := s.checkAdjustable(&c.Adjustable)
	err := errors.Join(fault, checkViews(c.Views, func(name string) bool {
		return slices.ContainsFunc(c.Upstreams, func(o gateway.Options) bool {
			return o.Name == name
		})
	}))
	plan, fault := s.planUpstreams(c.Upstreams, func(string) bool { return false })
	if err = errors.Join(err, fault); err != nil {
		return Changes{}, err
	}
	views := s.dropViews(c.Views) // whose names upstreams may take
	s.carryOut(plan)
	views = append(views, s.fitViews(c.Views)...)
	slices.Sort(views)
	s.adjust(adjusted)
	return Changes{plan.changes, views}, nil
}
