package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/bench/fleet"
	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

// listen holds streams and has them told of a changed list.
func listen() Scenario {
	return Scenario{
		Name: "listen",
		About: "an open stream on each connection (modern: subscriptions/listen; legacy: GET, or " +
			"the connection itself where it is no HTTP): memory of each after --warmup of quiet, " +
			"then for --duration what it costs that all are told when the tool --trigger changes " +
			"the list of tools; without --trigger memory alone",
		Preset: func(s *Settings) { s.Connections = 10_000 },
		Takes:  func(s *Settings) time.Duration { return 2*s.Warmup + s.Duration },
		Run:    runListen,
	}
}

func runListen(ctx context.Context, r *Run) error {
	if err := r.needMany("listen"); err != nil {
		return err
	}
	o := r.options()
	o.Listen, o.Bytes, o.Depth = true, callBytes, 1
	base, err := r.base(ctx, o)
	if err != nil {
		return err
	}
	var crowd *fleet.Crowd
	defer func() {
		if crowd != nil {
			crowd.Close()
		}
	}()
	err = r.reading(ctx, "streams", r.Warmup, base, func() (s load.State, err error) {
		if crowd, err = r.fleet().Gather(ctx, o); err != nil {
			return s, err
		}
		return crowd.Hold(r.Warmup)
	})
	if err != nil || r.Trigger == "" {
		if err == nil {
			r.File.Warn("without --trigger, a tool that changes the list of tools, nobody was told")
		}
		return err
	}
	var told fanOut
	s, err := r.watched(ctx, "fan-out", r.Duration, func() (err error) {
		told, err = r.fanOut(ctx, crowd)
		return err
	})
	if err != nil {
		return err
	}
	s.Measures = told.measures(r.Connections)
	r.finish(s)
	return nil
}

// fanOut is what it took to tell a crowd.
type fanOut struct {
	rounds int
	told   uint64            // changes that listeners heard of
	last   *result.Histogram // from the call until the last listener had read
	cpu    time.Duration     // of the server, for all
}

const (
	// toldTime is how long a crowd may take to be told.
	toldTime = 30 * time.Second
	// surplusTime is how long after the last round nobody must have been told anything: until then
	// notifications may come that nobody asked for.
	surplusTime = 300 * time.Millisecond
)

// fanOut calls the trigger again and again for the measured time, each time when all were told.
func (r *Run) fanOut(ctx context.Context, crowd *fleet.Crowd) (f fanOut, err error) {
	o := r.options()
	o.Tool, o.Args, o.Expect, o.Bytes = r.Trigger, "{}", "", 0
	o.Conns, o.Depth, o.First = 1, 1, r.Connections
	caller, err := load.Gather(ctx, o)
	if err != nil {
		return f, fmt.Errorf("cannot connect to call %q: %w", r.Trigger, err)
	}
	defer caller.Close()
	f.last = result.NewHistogram()
	state, err := crowd.Hold(0)
	if err != nil {
		return f, err
	}
	heard := state.Notices
	before, err := r.cpu()
	if err != nil {
		return f, err
	}
	for end := time.Now().Add(r.Duration); f.rounds == 0 || time.Now().Before(end); f.rounds++ {
		var began time.Time
		state, err = crowd.Await(toldTime, func() error {
			began = time.Now()
			return caller.Call(1)
		})
		if err != nil {
			return f, fmt.Errorf("round %d: %w", f.rounds+1, err)
		}
		f.last.Record(int64(state.Last.Sub(began)))
	}
	for before, end := uint64(0), time.Now().Add(toldTime); before != state.Notices; {
		before = state.Notices
		if state, err = crowd.Hold(surplusTime); err != nil {
			return f, err
		}
		if time.Now().After(end) {
			return f, fmt.Errorf("listeners are told without end, %v after the last change",
				toldTime)
		}
	}
	after, err := r.cpu()
	f.cpu, f.told = after-before, state.Notices-heard
	return f, err
}

// measures are what the fan-out came to. A server that tells twice would look fast by its first
// word; the number of words for each change tells.
func (f *fanOut) measures(listeners int) []result.Measure {
	asked := float64(f.rounds * listeners)
	ms := []result.Measure{
		{Name: "rounds", Value: float64(f.rounds)},
		{Name: "told", Unit: "for each change and listener", Value: float64(f.told) / asked},
		micros("last told p50", f.last, 50), micros("last told max", f.last, 100),
	}
	if f.cpu > 0 {
		cpu := float64(f.cpu.Nanoseconds()) / 1e3 / float64(f.told)
		ms = append(ms, result.Measure{
			Name: "server CPU", Unit: "us for each told", Value: cpu, Better: result.Less,
		})
	}
	return ms
}
