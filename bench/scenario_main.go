package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/mcploop/mcploop/bench/scenario"
)

// scenarioMain runs one scenario against one server.
func scenarioMain(
	ctx context.Context, s scenario.Scenario, args []string, out, errOut io.Writer,
) error {
	fs := flag.NewFlagSet("bench "+s.Name, flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.Usage = func() {
		fmt.Fprintf(errOut, "bench %s: %s\n\n", s.Name, s.About)
		fs.PrintDefaults()
	}
	opt := scenario.Options{Scenario: s, Settings: scenario.DefaultSettings(), Log: errOut}
	if s.Preset != nil {
		s.Preset(&opt.Settings)
	}
	opt.Settings.Bind(fs)
	var to outputs
	to.bind(fs)
	quiet := fs.Bool("quiet", false, "show no progress")
	err := fs.Parse(args)
	if err != nil {
		return err
	}
	opt.Command, opt.Flags = fs.Args(), scenario.Flags(fs)
	if !opt.Settings.ServerLog {
		opt.Log = nil
	}
	if opt.Worker, err = selfCommand(workerName, args); err != nil {
		return err
	}
	if opt.Tunnel, err = selfCommand(tunnelName, args); err != nil {
		return err
	}
	if opt.Hostile, err = selfCommand(hostileName, args); err != nil {
		return err
	}
	if !*quiet {
		opt.Progress = newProgress(errOut, takes(&s, &opt.Settings))
	}
	f, err := scenario.Do(ctx, opt)
	if len(f.Steps) == 0 {
		return err
	}
	f.WriteText(out)
	return errors.Join(err, to.write(f), f.Err())
}
