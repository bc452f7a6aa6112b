package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// upstreams are the servers behind this one.
type upstreams struct {
	group *loop.Group // of their connections; nil without any
	list  []*gateway.Upstream
}

// upstreamLoopsMax bounds the loops of connections to upstreams: they carry few.
const upstreamLoopsMax = 4

// AddUpstream puts another MCP server behind this one. It is connected to when the server starts,
// or now if it has, and again whenever it is lost; nothing waits for it. Its tools are offered as
// NAME__TOOL and run there. Not safe for concurrent use.
func (s *Server) AddUpstream(opt gateway.Options) error {
	for _, u := range s.upstreams.list {
		if u.Name() == opt.Name {
			return fmt.Errorf("cannot add upstream %q: there is one of that name", opt.Name)
		}
	}
	if s.draining.Load() {
		return errors.New("cannot add an upstream to a server that ends")
	}
	if opt.Client.ClientInfo.Name == "" {
		opt.Client.ClientInfo = mcp.Implementation{Name: s.opt.Name, Version: s.opt.Version}
	}
	if err := s.upstreamLoops(); err != nil {
		return err
	}
	u, err := gateway.New(opt, gateway.Host{
		Group: s.upstreams.group, Log: s.opt.Log,
		Offer: s.offerForeign, Withdraw: func(name string) { s.RemoveTool(name) },
	})
	if err != nil {
		return fmt.Errorf("cannot add an upstream: %w", err)
	}
	s.upstreams.list = append(s.upstreams.list, u)
	s.registerUpstream(u)
	if s.serving.Load() {
		u.Start()
	}
	return nil
}

// upstreamLoops makes the loops that connections to upstreams live on.
func (s *Server) upstreamLoops() error {
	if s.upstreams.group != nil {
		return nil
	}
	group, err := loop.New(loop.Options{
		Loops: min(runtime.GOMAXPROCS(0), upstreamLoopsMax), Log: s.opt.Log,
		CarryMax: codec.LineBytesMaxDefault + 256<<10, OutboxMax: upstreamOutboxMax,
	})
	if err != nil {
		return fmt.Errorf("cannot make loops for upstreams: %w", err)
	}
	group.Start()
	s.upstreams.group = group
	return nil
}

// upstreamOutboxMax is more than client.Options.OutboxBytesMax lets gather.
const upstreamOutboxMax = 2 << 20

// offerForeign puts a tool of an upstream into the list. Its arguments are the upstream's to check.
func (s *Server) offerForeign(t *gateway.Tool) error {
	raw := &mcp.RawTool{Name: t.Name, Raw: t.Raw}
	entry := &tool{work: work{async: func(c *Call) { t.Call(c, c.Request) }}}
	var err error
	if entry.mirrored, err = raw.Mirrors(); err != nil {
		return err
	}
	entry.duration = s.toolHistogram(t.Name)
	entry.large = entry.work
	if err := s.tools.Add(raw, entry); err != nil {
		return err
	}
	s.listChanged(listTools)
	return nil
}

// startUpstreams connects to those that were added before the server started.
func (s *Server) startUpstreams() {
	for _, u := range s.upstreams.list {
		u.Start()
	}
}

// closeUpstreams ends them, all at the same time, and their loops until ctx ends.
func (s *Server) closeUpstreams(ctx context.Context) {
	var all sync.WaitGroup
	for _, u := range s.upstreams.list {
		all.Go(u.Close)
	}
	all.Wait()
	if s.upstreams.group != nil {
		_ = s.upstreams.group.Drain(ctx) // what is left was cut by Close
	}
}

// registerUpstream: what is known of each upstream.
func (s *Server) registerUpstream(u *gateway.Upstream) {
	label := fmt.Sprintf("{upstream=%q}", u.Name())
	for name, of := range map[string]func(gateway.Stats) uint64{
		"calls_total":                func(s gateway.Stats) uint64 { return s.Calls },
		"calls_failed_total":         func(s gateway.Stats) uint64 { return s.Failed },
		"calls_repeated_total":       func(s gateway.Stats) uint64 { return s.Repeated },
		"cancelled_total":            func(s gateway.Stats) uint64 { return s.Cancelled },
		"starts_total":               func(s gateway.Stats) uint64 { return s.Starts },
		"list_changes_total":         func(s gateway.Stats) uint64 { return s.Changes },
		"stderr_lines_dropped_total": func(s gateway.Stats) uint64 { return s.Unlogged },
	} {
		s.counterFunc("mcploop_upstream_"+name+label, func() uint64 { return of(u.Stats()) })
	}
	for name, of := range map[string]func(gateway.Stats) int{
		"in_flight":     func(s gateway.Stats) int { return s.InFlight },
		"in_flight_max": func(gateway.Stats) int { return u.InFlightMax() },
		"tools":         func(s gateway.Stats) int { return s.Tools },
		"up": func(s gateway.Stats) int {
			if s.State == gateway.StateReady {
				return 1
			}
			return 0
		},
	} {
		s.gauge("mcploop_upstream_"+name+label, func() int { return of(u.Stats()) })
	}
}
