package scenario

import (
	"context"
	"errors"
	"fmt"

	"github.com/mcploop/mcploop/bench/hostile"
	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

// slow puts hostile peers beside good clients.
func slow() Scenario {
	return Scenario{
		Name: "slow",
		About: "--connections good clients, calm first, then beside as many hostile ones " +
			"(silent, slowloris, drips, deaf, half-closed, garbage): what do they notice?",
		Preset: func(s *Settings) { s.Connections, s.Load = 5000, 20 },
		Run:    runSlow,
	}
}

func runSlow(ctx context.Context, r *Run) error {
	o := r.options()
	if o.Transport == load.TransportStdio {
		return errors.New("cannot put hostile peers beside a stdio client: it is alone")
	}
	if err := r.gentle(ctx, &o); err != nil {
		return err
	}
	calm, err := r.load(ctx, "calm", o)
	if err != nil {
		return err
	}
	crowd, err := hostile.Start(r.opt.Hostile, r.Core, hostile.Options{Load: o, Peers: o.Conns})
	if err != nil {
		return err
	}
	beside, err := r.load(ctx, "hostile", o)
	deeds, lerr := crowd.Leave()
	if err := errors.Join(err, lerr); err != nil {
		return err
	}
	judgeHostile(r.last(), calm, beside, deeds)
	after, err := r.load(ctx, "afterwards", o)
	if after != nil {
		r.last().Add("p99 against calm", "x", overCalm(after, calm), result.Less)
	}
	return err
}

// overCalm is how many times its calm p99 a load has.
func overCalm(l, calm *result.Load) float64 {
	return l.Latency.Micros(99) / max(1, calm.Latency.Micros(99))
}

// judgeHostile adds what good clients noticed of the crowd, and what became of it.
func judgeHostile(step *result.Step, calm, l *result.Load, deeds []hostile.Deeds) {
	ratio := overCalm(l, calm)
	step.Add("p99 against calm", "x", ratio, result.Less)
	rate := l.PerSecond / max(1, calm.PerSecond)
	step.Add("rate against calm", "x", rate, result.More)
	var all hostile.Deeds
	for _, d := range deeds {
		all.Opened, all.Failed = all.Opened+d.Opened, all.Failed+d.Failed
		all.Ended, all.Held = all.Ended+d.Ended, all.Held+d.Held
		step.Add(d.Kind+" opened", "", float64(d.Opened), result.Neither)
		step.Add(d.Kind+" ended", "", float64(d.Ended), result.Neither)
	}
	step.Add("hostile opened", "", float64(all.Opened), result.Neither)
	step.Add("hostile refused", "", float64(all.Failed), result.Neither)
	step.Add("hostile ended", "", float64(all.Ended), result.Neither)
	step.Verdict = fmt.Sprintf("good clients: p99 %s times the calm one, rate %s times; of %d "+
		"hostile connections the server ended %d", result.Number(ratio), result.Number(rate),
		all.Opened, all.Ended)
}
