package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/bench/result"
)

// rung is one load of a ladder. A call is two messages, a request and an answer.
type rung struct {
	conns    int
	messages float64 // a second
}

// rungs are the loads that the mission names.
func rungs() []rung {
	return []rung{
		{150, 5_000},
		{500, 15_000},
		{1_000, 30_000},
		{5_000, 150_000},
		{10_000, 300_000},
		{15_000, 500_000},
	}
}

func (g rung) calls() float64 { return g.messages / 2 }

func (g rung) name() string {
	return fmt.Sprintf("%d connections, %g messages/s (%g calls/s)", g.conns, g.messages, g.calls())
}

// ladder climbs rungs until one is not held: less than that share of its calls is answered well.
func ladder(rungs []rung, share float64) Scenario {
	return Scenario{
		Name: "ladder",
		About: "open loops of 150 connections and 5K messages/s, 500/15K, 1K/30K, 5K/150K, " +
			"10K/300K, 15K/500K, up to the first that is not held: less than 98 % of the " +
			"calls, or a p99 over --bound. A call is two messages. " +
			"--connections and --rate mean nothing here",
		Preset: func(s *Settings) { s.Depth = 16 },
		Takes: func(s *Settings) time.Duration {
			return time.Duration(len(rungs)) * (s.Warmup + s.Duration)
		},
		Run: func(ctx context.Context, r *Run) error { return r.climb(ctx, rungs, share) },
	}
}

// climb makes the loads of rungs until one is not held.
func (r *Run) climb(ctx context.Context, rungs []rung, share float64) error {
	if err := r.needMany("ladder"); err != nil {
		return err
	}
	if r.Bound <= 0 {
		return fmt.Errorf("cannot hold a p99 of %v: give a positive --bound", r.Bound)
	}
	for i, g := range rungs {
		o := r.options()
		o.Conns, o.Rate = g.conns, g.calls()
		l, err := r.load(ctx, g.name(), o)
		if ctx.Err() != nil || (err != nil && i == 0) {
			return err
		}
		if err != nil {
			// Below the first rung that cannot be made stands what was held.
			r.File.Warn("the ladder ends below a load that could not be made: %v", err)
			return nil
		}
		why := fallen(l, share, r.Bound)
		r.measures(
			result.Measure{Name: "share of it", Value: l.PerSecond / o.Rate, Better: result.More},
			result.Measure{Name: "held", Value: truth(why == ""), Better: result.More})
		if why != "" {
			r.File.Warn("%s is not held: %s", g.name(), why)
			return nil
		}
	}
	return nil
}

// heldShare is how much of the calls has to be answered well.
const heldShare = 0.98

// fallen tells why l is not held; "" when it is.
func fallen(l *result.Load, share float64, bound time.Duration) string {
	p99 := time.Duration(l.Latency.Micros(99) * float64(time.Microsecond))
	switch err := l.Err(); {
	case err != nil:
		return err.Error()
	case l.PerSecond < share*l.Rate:
		return fmt.Sprintf("%.1f %% of the calls were answered", 100*l.PerSecond/l.Rate)
	case p99 > bound:
		return fmt.Sprintf("p99 is %v, the bound %v", p99, bound)
	}
	return ""
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
