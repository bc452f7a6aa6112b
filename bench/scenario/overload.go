package scenario

import (
	"context"
	"fmt"

	"github.com/mcploop/mcploop/bench/result"
)

// overload offers more than the server can do.
func overload() Scenario {
	return Scenario{
		Name: "overload",
		About: "offers 1 to 5 times the capacity: how many calls still get good answers, how " +
			"soon others are refused, does it recover? --tool: one that takes work",
		Preset: func(s *Settings) { s.Connections, s.Depth = 200, 256 },
		Run:    runOverload,
	}
}

// peakDepth bounds what is in flight when the peak is looked for: enough to keep every worker
// busy, too few to be refused.
const peakDepth = 16

func runOverload(ctx context.Context, r *Run) error {
	o := r.options()
	closed := o
	closed.Depth = min(o.Depth, peakDepth)
	peak, err := r.capacity(ctx, "peak", closed)
	if err != nil {
		return err
	}
	for times := range 5 {
		o.Rate = peak * float64(times+1)
		res, err := r.load(ctx, fmt.Sprintf("%dx", times+1), o)
		if res != nil {
			judgeOverload(r.last(), peak)
		}
		if err != nil {
			return err
		}
	}
	after, err := r.capacity(ctx, "afterwards", closed)
	if err != nil {
		return err
	}
	r.last().Add("of peak", "", after/peak, result.More)
	return nil
}

// judgeOverload adds what an open loop above the capacity came to.
func judgeOverload(step *result.Step, peak float64) {
	l := step.Load
	step.Add("of peak", "", l.PerSecond/peak, result.More)
	step.Add("refusals", "/s", float64(l.Refused)/l.Seconds, result.Neither)
	if l.Refused > 0 {
		step.Add("refusal p50", "us", l.Refusal.Micros(50), result.Less)
	}
	step.Add("held back", "/s", float64(l.Unsent)/l.Seconds, result.Neither)
	step.Verdict = fmt.Sprintf("goodput %.0f %% of the peak; %s", 100*l.PerSecond/peak,
		whereRest(l))
}

// whereRest tells what became of the calls that got no good answer.
func whereRest(l *result.Load) string {
	switch {
	case l.Refused > 0 && l.Unsent > 0:
		return "the rest was refused, and held back where a connection had its calls in flight"
	case l.Refused > 0:
		return "the rest was refused"
	case l.Unsent > 0:
		return "nothing was refused: the server held the clients back"
	}
	return "nothing was left"
}
