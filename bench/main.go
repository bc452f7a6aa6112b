package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const usageText = `usage: bench load|idle|listen|compare [flags]
  load     calls in a closed loop, every reply checked; prints CPU, rate, latency
  idle     opens connections (or abandons sessions) and prints the server's memory
  listen   holds event streams; prints memory for each and the cost of a changed list
  compare  runs servers of a plan side by side and prints medians and ratios
`

// Main runs a subcommand and returns the exit code: 0, 1 when the run failed, 2 for wrong
// flags. args do not hold the program's name.
func Main(args []string, out, errOut io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(errOut, usageText)
		return 2
	}
	run, ok := map[string]func([]string, io.Writer, io.Writer) error{
		"load": loadMain, "idle": idleMain, "listen": listenMain, "compare": compareMain,
	}[args[0]]
	if !ok {
		fmt.Fprintf(errOut, "bench: no subcommand %q\n%s", args[0], usageText)
		return 2
	}
	err := run(args[1:], out, errOut)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 2
	}
	fmt.Fprintln(errOut, "bench:", err)
	return 1
}

// loadFlags binds the flags that load and idle share to o, whose values are the defaults.
func loadFlags(fs *flag.FlagSet, o *Options) {
	fs.StringVar(&o.Transport, "transport", o.Transport,
		"tcp, unix, stdio, ws, echo, http-modern, http-legacy or http-fixed")
	fs.StringVar(&o.Addr, "addr", o.Addr, "the server, `host:port` or the path of a unix socket")
	fs.StringVar(&o.Path, "path", o.Path, "http: the endpoint")
	fs.StringVar(&o.Era, "era", o.Era, "tcp, unix, stdio: legacy or modern")
	fs.IntVar(&o.Conns, "c", o.Conns, "`connections`, at most 19000")
	fs.IntVar(&o.Bytes, "bytes", o.Bytes, "size of a message without its _meta, in `bytes`")
	fs.StringVar(&o.Tool, "tool", o.Tool, "`name` of the tool to call")
	fs.StringVar(&o.Args, "args", o.Args, "its arguments as `JSON`, {text} differs in every call")
	fs.StringVar(&o.Expect, "expect", o.Expect, "expected `text`; empty: that of the call")
	fs.IntVar(&o.PID, "pid", o.PID, "the server's `process`; 0 measures neither CPU nor memory")
}

// runFlags binds the flags that only load has.
func runFlags(fs *flag.FlagSet, o *Options) {
	fs.IntVar(&o.Depth, "p", o.Depth, "`calls` in flight on each connection")
	fs.IntVar(&o.Threads, "threads", o.Threads, "client `threads`")
	fs.DurationVar(&o.Duration, "d", o.Duration, "measured time")
	fs.DurationVar(&o.Warmup, "warmup", o.Warmup, "time before it")
	fs.IntVar(&o.ChildCore, "child-core", o.ChildCore, "stdio: the server's `core`; -1: any")
}

// loadArgs are the arguments with which loadMain makes the load o.
func loadArgs(o *Options) []string {
	args := []string{
		"load", "-json", "-transport", o.Transport, "-addr", o.Addr, "-path", o.Path,
		"-era", o.Era, "-c", strconv.Itoa(o.Conns), "-bytes", strconv.Itoa(o.Bytes),
		"-tool", o.Tool, "-args", o.Args, "-expect", o.Expect, "-pid", strconv.Itoa(o.PID),
		"-p", strconv.Itoa(o.Depth), "-threads", strconv.Itoa(o.Threads),
		"-d", o.Duration.String(), "-warmup", o.Warmup.String(),
		"-child-core", strconv.Itoa(o.ChildCore), "--",
	}
	return append(args, o.Command...)
}

func loadMain(args []string, out, errOut io.Writer) error {
	fs := flag.NewFlagSet("bench load", flag.ContinueOnError)
	fs.SetOutput(errOut)
	o := DefaultOptions()
	loadFlags(fs, &o)
	runFlags(fs, &o)
	asJSON := fs.Bool("json", false, "print the result as JSON")
	if err := fs.Parse(args); err != nil {
		return err
	}
	o.Command, o.Stderr = fs.Args(), errOut
	if o.Transport == TransportStdio {
		o.Conns = 1
	}
	res, err := Run(o)
	if err != nil {
		return err
	}
	if *asJSON {
		if err := writeJSON(out, res); err != nil {
			return err
		}
	} else {
		res.WriteText(out)
	}
	return res.Err()
}

func idleMain(args []string, out, errOut io.Writer) error {
	fs := flag.NewFlagSet("bench idle", flag.ContinueOnError)
	fs.SetOutput(errOut)
	o := IdleOptions{Load: DefaultOptions()}
	loadFlags(fs, &o.Load)
	fs.DurationVar(&o.Hold, "hold", 3*time.Second, "time before memory is read again")
	fs.BoolVar(&o.Abandon, "abandon", false, "http-legacy: initialize and close, no call")
	fs.DurationVar(&o.TTL, "ttl", 30*time.Second, "abandon: life of an unused session")
	asJSON := fs.Bool("json", false, "print the result as JSON")
	if err := fs.Parse(args); err != nil {
		return err
	}
	res, err := RunIdle(o)
	if err != nil {
		return err
	}
	if *asJSON {
		return writeJSON(out, res)
	}
	res.WriteText(out)
	return nil
}

func listenMain(args []string, out, errOut io.Writer) error {
	fs := flag.NewFlagSet("bench listen", flag.ContinueOnError)
	fs.SetOutput(errOut)
	var o ListenOptions
	fs.StringVar(&o.Addr, "addr", "", "the server's HTTP door, `host:port`")
	fs.BoolVar(&o.Legacy, "legacy", false, "GET streams of legacy sessions")
	fs.IntVar(&o.Conns, "c", 1000, "`streams`, at most 19000")
	fs.IntVar(&o.PID, "pid", 0, "the server's `process`")
	fs.DurationVar(&o.Hold, "hold", 3*time.Second, "time before memory is read again")
	fs.StringVar(&o.Trigger, "trigger", "", "`tool` that changes tools/list; empty: none")
	fs.IntVar(&o.Rounds, "rounds", 10, "`calls` of it")
	if err := fs.Parse(args); err != nil {
		return err
	}
	res, err := RunListen(o)
	if err != nil {
		return err
	}
	return writeJSON(out, res)
}

func compareMain(args []string, out, errOut io.Writer) error {
	fs := flag.NewFlagSet("bench compare", flag.ContinueOnError)
	fs.SetOutput(errOut)
	server, client := coresFor()
	opt := CompareOptions{Progress: errOut}
	name := fs.String("plan", "tcp", "tcp, http, ws, stdio or a JSON `file`")
	rows := fs.String("rows", "", "only these rows and the reference, comma separated")
	to := fs.String("json", "", "also write everything as JSON to this `file`")
	logs := fs.Bool("server-log", false, "show what the servers print")
	fs.StringVar(&opt.Bin, "bin", "bin", "`directory` of the binaries")
	fs.IntVar(&opt.Rounds, "rounds", 5, "interleaved `runs` of every row")
	fs.DurationVar(&opt.Duration, "d", 3*time.Second, "measured time of a run")
	fs.DurationVar(&opt.Warmup, "warmup", time.Second, "time before it")
	fs.Float64Var(&opt.OthersMax, "others", 0,
		"repeat a run (4 times at most) while other processes use more `cores`; 0: never")
	fs.IntVar(&opt.ServerCore, "server-core", server, "`core` of the servers")
	fs.IntVar(&opt.ClientCore, "client-core", client, "`core` of the client")
	err := fs.Parse(args)
	if err != nil {
		return err
	}
	if opt.Plan, err = readPlan(*name); err != nil {
		return err
	}
	if err := opt.Plan.only(*rows); err != nil {
		return err
	}
	if opt.Client, err = selfArgs(args); err != nil {
		return err
	}
	if *logs {
		opt.ServerLog = errOut
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	res, err := Compare(ctx, opt)
	if len(res.Cases) == 0 {
		return err
	}
	return errors.Join(err, res.WriteTable(out), writeFile(*to, res))
}

// writeFile writes v as JSON to the file name; an empty name writes nothing.
func writeFile(name string, v any) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", name, err)
	}
	return errors.Join(writeJSON(f, v), f.Close())
}

// selfArgs returns how this program was told to run compare, less "compare" and what follows:
// a client is started the same way.
func selfArgs(args []string) ([]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program: %w", err)
	}
	before := len(os.Args) - len(args) - 1
	if before < 1 || !slices.Equal(os.Args[before+1:], args) {
		return nil, errors.New("cannot tell how to start a client: the command line has changed")
	}
	return append([]string{exe}, os.Args[1:before]...), nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("cannot write JSON: %w", err)
	}
	return nil
}
