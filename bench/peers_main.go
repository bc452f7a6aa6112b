package bench

import (
	"context"
	"errors"
	"flag"
	"io"
	"time"

	"github.com/mcploop/mcploop/bench/plan"
	"github.com/mcploop/mcploop/bench/result"
	"github.com/mcploop/mcploop/bench/scenario"
)

// peersMain runs the servers of a plan side by side.
func peersMain(ctx context.Context, args []string, out, errOut io.Writer) error {
	fs := flag.NewFlagSet("bench peers", flag.ContinueOnError)
	fs.SetOutput(errOut)
	server, client := plan.Cores()
	opt := plan.Options{Progress: errOut}
	name := fs.String("plan", "tcp", "tcp, http, ws, stdio, schema or a JSON `file`")
	rows := fs.String("rows", "", "only these rows and the reference, comma separated")
	var to outputs
	to.bind(fs)
	logs := fs.Bool("server-log", false, "show what the servers print")
	fs.StringVar(&opt.Bin, "bin", "bin", "`directory` of the binaries")
	fs.IntVar(&opt.Rounds, "rounds", 5, "interleaved `runs` of every row")
	fs.DurationVar(&opt.Span, "duration", 3*time.Second, "measured time of a run")
	fs.DurationVar(&opt.Warmup, "warmup", time.Second, "time before it")
	fs.Float64Var(&opt.OthersMax, "others", 0,
		"repeat a run (4 times at most) while other processes use more `cores`; 0: never")
	fs.IntVar(&opt.ServerCore, "server-core", server, "`core` of the servers")
	fs.IntVar(&opt.ClientCore, "client-core", client, "`core` of the client")
	err := fs.Parse(args)
	if err != nil {
		return err
	}
	if opt.Plan, err = plan.Read(*name); err != nil {
		return err
	}
	if err := opt.Plan.Only(*rows); err != nil {
		return err
	}
	if opt.Client, err = selfCommand(workerName, args); err != nil {
		return err
	}
	if *logs {
		opt.ServerLog = errOut
	}
	f := result.File{
		Format: result.Format, Scenario: "peers", Host: result.DescribeHost(),
		About:    "servers side by side on one core each, round after round",
		Settings: scenario.Flags(fs), Began: time.Now().UTC(),
	}
	c, err := plan.Run(ctx, opt)
	if len(c.Cases) == 0 {
		return err
	}
	f.Comparison, f.Seconds = &c, time.Since(f.Began).Seconds()
	f.Host.WriteText(out)
	return errors.Join(err, c.WriteTable(out), to.write(&f))
}
