package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"

	"github.com/mcploop/mcploop/bench/callers"
	"github.com/mcploop/mcploop/bench/fleet"
	"github.com/mcploop/mcploop/bench/hostile"
	"github.com/mcploop/mcploop/bench/scenario"
	"github.com/mcploop/mcploop/bench/tunnel"
)

// command is a subcommand that is no scenario.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, out, errOut io.Writer) error
}

func commands() []command {
	return []command{
		{"peers", "servers side by side, round after round: medians and ratios", peersMain},
		{
			"client", "what calls cost who makes them: package client and net/http, also over TLS",
			clientMain,
		},
		{"goals", "the figures that mcploop has to reach, and which it does", goalsMain},
		{"pages", "rewrite the tables of documentation from result files", pagesMain},
		{"report", "a page of HTML with plots and tables, of results", reportMain},
		{"compare", "result B against result A; fails when something is worse", compareMain},
		{"targets", "the mission's table of targets, filled from results", targetsMain},
	}
}

// Main runs a subcommand and returns the exit code: 0, 1 when the run failed, 2 for wrong
// flags. args do not hold the program's name.
func Main(args []string, out, errOut io.Writer) int {
	if len(args) == 0 {
		usage(errOut)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := find(args[0])
	if run == nil {
		fmt.Fprintf(errOut, "bench: no subcommand %q\n", args[0])
		usage(errOut)
		return 2
	}
	err := run(ctx, args[1:], out, errOut)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 2
	}
	fmt.Fprintln(errOut, "bench:", err)
	return 1
}

// These start a client process and one of hostile peers; they are not for people.
const (
	workerName  = "worker"
	hostileName = "hostile"
	answersName = "answers"
	tunnelName  = "tunnel"
)

func find(name string) func(context.Context, []string, io.Writer, io.Writer) error {
	if name == workerName {
		return func(ctx context.Context, _ []string, out, _ io.Writer) error {
			return fleet.Worker(ctx, os.Stdin, out)
		}
	}
	if name == hostileName {
		return func(_ context.Context, _ []string, out, _ io.Writer) error {
			return hostile.Worker(os.Stdin, out)
		}
	}
	if name == tunnelName {
		return func(_ context.Context, _ []string, out, _ io.Writer) error {
			return tunnel.Worker(os.Stdin, out)
		}
	}
	if name == answersName {
		return func(_ context.Context, args []string, out, _ io.Writer) error {
			return callers.Serve(os.Stdin, out, slices.Contains(args, "-tls"))
		}
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run
		}
	}
	s, err := scenario.Find(name)
	if err != nil {
		return nil
	}
	return func(ctx context.Context, args []string, out, errOut io.Writer) error {
		return scenarioMain(ctx, s, args, out, errOut)
	}
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: bench SCENARIO --url|--ws|--tcp|--unix SERVER [flags] [-- COMMAND]\n"+
		"       bench SUBCOMMAND [flags]\n\nscenarios:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range scenario.All() {
		fmt.Fprintf(t, "  %s\t%s\n", s.Name, s.About)
	}
	fmt.Fprintln(t, "\nsubcommands:")
	for _, c := range commands() {
		fmt.Fprintf(t, "  %s\t%s\n", c.name, c.about)
	}
	_ = t.Flush() // nothing can be told of a lost usage text
}

// selfCommand returns how this program was told to run bench, with name in place of what follows:
// client processes are started the same way. args is what followed.
func selfCommand(name string, args []string) ([]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program: %w", err)
	}
	before := len(os.Args) - len(args) - 1
	if before < 1 || !slices.Equal(os.Args[before+1:], args) {
		return nil, errors.New("cannot tell how to start a client: the command line has changed")
	}
	return append(append([]string{exe}, os.Args[1:before]...), name), nil
}
