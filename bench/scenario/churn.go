package scenario

import (
	"context"
	"fmt"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

// churn opens connections, uses them a little and closes them.
func churn() Scenario {
	return Scenario{
		Name: "churn",
		About: "connect, handshake, --calls calls, close, and again on each connection: a closed " +
			"loop of short lives",
		Run: func(ctx context.Context, r *Run) error {
			if err := r.needMany("churn"); err != nil {
				return err
			}
			if r.Calls < 1 {
				return fmt.Errorf("cannot make lives of %d calls: give --calls 1 or more", r.Calls)
			}
			o := r.options()
			o.Rate, o.Lives = 0, r.Calls
			l, err := r.load(ctx, fmt.Sprintf("lives of %d calls", r.Calls), o)
			if l != nil {
				r.measures(livesOf(l)...)
			}
			return err
		},
	}
}

func livesOf(l *result.Load) []result.Measure {
	return []result.Measure{
		{Name: "lives", Unit: "/s", Value: float64(l.Reconnects) / l.Seconds, Better: result.More},
		micros("life p50", l.Life, 50), micros("life p99.9", l.Life, 99.9),
		micros("connect p50", l.Connect, 50), micros("connect p99", l.Connect, 99),
	}
}

// micros is a percentile of h as a measure.
func micros(name string, h *result.Histogram, percent float64) result.Measure {
	return result.Measure{Name: name, Unit: "us", Value: h.Micros(percent), Better: result.Less}
}

// measures adds ms to the last step.
func (r *Run) measures(ms ...result.Measure) {
	last := &r.File.Steps[len(r.File.Steps)-1]
	last.Measures = append(last.Measures, ms...)
}

// needMany tells that what needs more connections than stdio has.
func (r *Run) needMany(what string) error {
	if r.target.opt.Transport == load.TransportStdio {
		return fmt.Errorf("cannot run %s over stdio, which has one connection: "+
			"give --url, --ws, --tcp or --unix", what)
	}
	return nil
}
