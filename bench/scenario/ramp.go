package scenario

import (
	"context"
	"fmt"

	"github.com/mcploop/mcploop/bench/result"
)

// ramp opens connections evenly while those that are there call.
func ramp() Scenario {
	return Scenario{
		Name: "ramp",
		About: "connections grow evenly from 0 to --connections over --duration, and the rate " +
			"of calls with them from 0 to --rate (open loop); no warm-up",
		Preset: func(s *Settings) {
			s.Connections, s.Rate, s.Depth, s.Warmup = 10_000, 10_000, 4, 0
		},
		Run: runRamp,
	}
}

func runRamp(ctx context.Context, r *Run) error {
	if err := r.needMany("ramp"); err != nil {
		return err
	}
	if r.Rate <= 0 {
		return fmt.Errorf("cannot let calls grow to a rate of %g: give --rate", r.Rate)
	}
	o := r.options()
	o.Ramp, o.Warmup = o.Span, 0
	name := fmt.Sprintf("0 to %d connections in %v", o.Conns, o.Ramp)
	l, err := r.load(ctx, name, o)
	if l != nil {
		r.measures(rampMeasures(l)...)
	}
	return err
}

// rampMeasures are what the growing showed. Of a first refusal and fault there is none when there
// were none.
func rampMeasures(l *result.Load) []result.Measure {
	ms := []result.Measure{
		micros("connect p50", l.Connect, 50), micros("connect p99", l.Connect, 99),
		micros("connect max", l.Connect, 100),
	}
	if before := l.Server.Before.RSS; before > 0 {
		grown := float64(l.Server.After.RSS) - float64(before)
		ms = append(ms, result.Measure{
			Name: "each", Unit: "KB", Value: grown / 1024 / float64(l.Conns), Better: result.Less,
		})
	}
	if l.RefusalAt > 0 {
		ms = append(ms, firstOf("refusal", l, l.RefusalAt)...)
	}
	if l.FirstFault != "" {
		ms = append(ms, firstOf("fault", l, l.FaultAt)...)
	}
	return ms
}

// firstOf tells when the first refusal or fault came and how many connections there were.
func firstOf(what string, l *result.Load, at float64) []result.Measure {
	conns := 0
	for _, s := range l.Timeline {
		if conns = s.Conns; s.At >= at {
			break
		}
	}
	return []result.Measure{
		{Name: "first " + what, Unit: "s", Value: at, Better: result.More},
		{Name: "by then", Unit: "connections", Value: float64(conns), Better: result.More},
	}
}
