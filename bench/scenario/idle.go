package scenario

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/fleet"
	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

// idle holds connections that do nothing and reads the server's memory.
func idle() Scenario {
	return Scenario{
		Name: "idle",
		About: "the server's memory per connection: never used, after one call of 120 B, after a " +
			"burst of --depth calls of --payload bytes on each, after --duration of rest; " +
			"--warmup is the quiet before each reading. --abandon leaves sessions behind instead",
		Preset: func(s *Settings) { s.Connections, s.Depth, s.Payload = 10_000, 16, 4<<10 },
		Takes: func(s *Settings) time.Duration {
			if s.Abandon {
				return 2*s.Warmup + s.Duration
			}
			return 5*s.Warmup + s.Duration
		},
		Run: func(ctx context.Context, r *Run) error {
			if err := r.needMany("idle"); err != nil {
				return err
			}
			if r.Abandon {
				return r.abandon(ctx)
			}
			return r.rest(ctx)
		},
	}
}

// callBytes is the call that a connection is used once with.
const callBytes = 120

// rest leads a crowd through the states of a connection.
func (r *Run) rest(ctx context.Context) error {
	o := r.options()
	o.Bytes, o.Quiet = callBytes, true
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
	hold := func() (load.State, error) { return crowd.Hold(r.Warmup) }
	states := []struct {
		name  string
		takes time.Duration
		reach func() (load.State, error)
	}{
		{"never used", r.Warmup, func() (s load.State, err error) {
			if crowd, err = r.fleet().Gather(ctx, o); err != nil {
				return s, err
			}
			return hold()
		}},
		{"after one call", r.Warmup, func() (load.State, error) {
			return inTurn(crowd.Greet, func() (load.State, error) { return crowd.Call(1) },
				hold)
		}},
		{
			fmt.Sprintf("after a burst of %d calls of %d B", r.Depth, r.Payload), r.Warmup,
			func() (load.State, error) {
				return inTurn(
					func() (load.State, error) { return crowd.Resize(r.Payload) },
					func() (load.State, error) { return crowd.Call(r.Depth) },
					hold)
			},
		},
		{fmt.Sprintf("after %v of rest", r.Duration), r.Duration, func() (load.State, error) {
			return crowd.Hold(r.Duration)
		}},
	}
	for _, s := range states {
		if err := r.reading(ctx, s.name, s.takes, base, s.reach); err != nil {
			return err
		}
	}
	return nil
}

// inTurn does one after the other until one fails.
func inTurn(steps ...func() (load.State, error)) (s load.State, err error) {
	for _, step := range steps {
		if s, err = step(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// firstMax is how many connections show a server its code before its memory is read.
const firstMax = 100

// base returns the server's memory before the crowd, with the code in memory that it will use.
func (r *Run) base(ctx context.Context, o load.Options) (result.Memory, error) {
	none := result.Memory{}
	if m, err := r.memory(); err != nil || m.RSS == 0 {
		return none, fmt.Errorf("cannot read the memory of %s: its process is not known, give "+
			"--pid: %w", r.File.Server.Target, errOr(err))
	}
	o.Quiet, o.Listen, o.Conns = false, false, min(o.Conns, firstMax)
	first, err := r.fleet().Gather(ctx, o)
	if err != nil {
		return none, fmt.Errorf("cannot gather the first connections: %w", err)
	}
	_, err = first.Call(1)
	first.Close()
	if err != nil {
		return none, fmt.Errorf("cannot use the first connections: %w", err)
	}
	if err := pause(ctx, r.Warmup); err != nil {
		return none, err
	}
	return r.memory()
}

// reading is a step that brings a crowd into a state and reads the server's memory there.
func (r *Run) reading(
	ctx context.Context, name string, takes time.Duration, base result.Memory,
	reach func() (load.State, error),
) error {
	var state load.State
	s, err := r.watched(ctx, name, takes, func() (err error) {
		state, err = reach()
		return err
	})
	if err != nil {
		return err
	}
	m, err := r.memory()
	if err != nil {
		return err
	}
	each := (float64(m.RSS) - float64(base.RSS)) / 1024 / float64(r.Connections)
	s.Measures = []result.Measure{
		{Name: "each", Unit: "KB", Value: each, Better: result.Less},
		{Name: "memory", Unit: "MB", Value: mega(m), Better: result.Less},
		{Name: "before", Unit: "MB", Value: mega(base)},
		{Name: "open", Unit: "connections", Value: float64(state.Open), Better: result.More},
		{Name: "errors", Value: float64(r.Connections - state.Open), Better: result.Less},
	}
	r.finish(s)
	return nil
}

func mega(m result.Memory) float64 { return float64(m.RSS) / (1 << 20) }

// abandon leaves sessions behind and reads what is left of them once they have ended.
func (r *Run) abandon(ctx context.Context) error {
	o := r.options()
	if !strings.HasPrefix(o.Transport, "http-") {
		return fmt.Errorf("cannot abandon sessions over %s: only HTTP has them, give --url",
			o.Transport)
	}
	o.Transport, o.Era, o.Bytes = load.TransportHTTPLegacy, eraLegacy, callBytes
	base, err := r.base(ctx, o)
	if err != nil {
		return err
	}
	none := load.State{Open: r.Connections} // that they are closed is no error here
	err = r.reading(ctx, "abandoned", r.Warmup, base, func() (load.State, error) {
		crowd, err := r.fleet().Gather(ctx, o)
		if err != nil {
			return none, err
		}
		crowd.Close()
		return none, pause(ctx, r.Warmup)
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%v later, after their time to live", r.Duration)
	err = r.reading(ctx, name, r.Duration, base, func() (load.State, error) {
		return none, pause(ctx, r.Duration)
	})
	if err != nil {
		return err
	}
	left := measureOf(r.File.Steps, "memory") / mega(base)
	r.measures(result.Measure{Name: "left", Value: left, Better: result.Less})
	return nil
}

// measureOf returns the figure of that name of the last step.
func measureOf(steps []result.Step, name string) float64 {
	for _, m := range steps[len(steps)-1].Measures {
		if m.Name == name {
			return m.Value
		}
	}
	return 0
}
