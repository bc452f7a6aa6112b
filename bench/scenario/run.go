package scenario

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

// Options say what is run.
type Options struct {
	Scenario Scenario
	Settings Settings
	Flags    map[string]string // as they were given or are by default, for the record
	Command  []string          // after "--"
	Worker   []string          // the command of a client process
	Hostile  []string          // the command of a hostile crowd's process
	Tunnel   []string          // the command of what speaks TLS
	Progress Progress          // may be nil
	Log      io.Writer         // where servers' and clients' words go; nil discards
}

// Progress is told how a run goes on, from one goroutine at a time.
type Progress interface {
	// Step begins a step that takes about so long, warm-up included.
	Step(name string, about time.Duration)
	// Second is one second of it; offered is the rate of an open loop or 0.
	Second(s result.Sample, offered float64)
	// End ends the step.
	End(s *result.Step)
}

// Run is a run in progress, as a scenario sees it.
type Run struct {
	Settings
	File   *result.File
	target *target
	opt    *Options
}

// Do runs the scenario and returns its record, as far as it came. The error is about a run that
// could not be made; File.Err is about what was measured.
func Do(ctx context.Context, opt Options) (*result.File, error) {
	f := &result.File{
		Format: result.Format, Scenario: opt.Scenario.Name, About: opt.Scenario.About,
		Host: result.DescribeHost(), Settings: opt.Flags, Began: time.Now().UTC(),
	}
	t, err := aim(ctx, &opt.Settings, opt.Command, opt.Tunnel, opt.Log)
	if err != nil {
		return f, err
	}
	defer t.stop()
	f.Server = t.said
	f.Warnings = append(f.Warnings, t.notes...)
	r := &Run{Settings: opt.Settings, File: f, target: t, opt: &opt}
	err = opt.Scenario.Run(ctx, r)
	f.Seconds = time.Since(f.Began).Seconds()
	if errors.Is(err, context.Canceled) {
		f.Warn("interrupted after %.0f s: what follows was not run", f.Seconds)
	}
	return f, err
}

// Flags returns the values of all flags of fs.
func Flags(fs *flag.FlagSet) map[string]string {
	values := map[string]string{}
	fs.VisitAll(func(f *flag.Flag) { values[f.Name] = f.Value.String() })
	return values
}

// options are those of a load with the settings of the run.
func (r *Run) options() load.Options {
	o := r.target.opt
	o.Conns, o.Depth, o.Rate, o.Burst = r.Connections, r.Depth, r.Rate, r.Burst
	o.Span, o.Warmup, o.Bytes = r.Duration, r.Warmup, r.Payload
	if o.Transport == load.TransportStdio {
		o.Conns = 1
	}
	return o
}

// load makes the load o as a step of that name and returns what it measured. Wrong answers make
// the step faulty; only what prevents the run is an error.
func (r *Run) load(ctx context.Context, name string, o load.Options) (*result.Load, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := r.opt.Progress
	f := r.fleet()
	w := r.target.watchStep(ctx, &o)
	f.Tell = func(s result.Sample) {
		w.second(ctx, &s)
		if p != nil {
			p.Second(s, o.Rate)
		}
	}
	if p != nil {
		p.Step(name, o.Warmup+o.Span)
	}
	res, err := f.Run(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	step := result.Step{Name: name, Load: &res}
	w.end(ctx, &step)
	if err := res.Err(); err != nil {
		step.Fault = err.Error()
	}
	if res.ClientBound() {
		r.File.Warn("%s: a client process used %.0f%% of its core, so that it may be the client "+
			"that was measured: give --processes or more cores", name, 100*res.Client.Busiest)
	}
	r.File.Steps = append(r.File.Steps, step)
	if p != nil {
		p.End(&step)
	}
	return &res, ctx.Err()
}
