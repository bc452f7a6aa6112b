package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/bench/fleet"
	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/result"
)

// Options say how a plan is run.
type Options struct {
	Plan       Plan
	Bin        string        // what {bin} stands for
	Rounds     int           // runs of every row, interleaved: A B C A B C; default 5
	Span       time.Duration // of one run
	Warmup     time.Duration
	ServerCore int      // the core a server is bound to
	ClientCore int      // the core its client is bound to; another one
	OthersMax  float64  // a run is repeated while other processes use more cores; 0: never
	Client     []string // the command of a client, a fleet's worker
	Progress   io.Writer
	ServerLog  io.Writer // where the servers' stderr goes; nil discards
}

// Run runs the plan: every row in a process of its own on one core, the client in another
// on the other core, round after round. A row whose run fails says so and is left out of the
// rounds that follow. When ctx ends, what was measured until then is returned with its error.
func Run(ctx context.Context, opt Options) (result.Comparison, error) {
	if err := opt.Plan.Validate(); err != nil {
		return result.Comparison{}, err
	}
	if opt.ServerCore == opt.ClientCore {
		return result.Comparison{}, fmt.Errorf("cannot measure on core %d alone: "+
			"server and client need a core each", opt.ServerCore)
	}
	out := result.Comparison{
		Plan: opt.Plan.Name, Reference: opt.Plan.Reference,
		Rounds: opt.Rounds, Seconds: opt.Span.Seconds(), Warmup: opt.Warmup.Seconds(),
	}
	for _, c := range opt.Plan.Cases {
		if ctx.Err() != nil {
			break
		}
		out.Cases = append(out.Cases, opt.runCase(ctx, c))
	}
	return out, ctx.Err()
}

func (opt *Options) runCase(ctx context.Context, c Case) result.CaseResult {
	res := result.CaseResult{Name: c.Name, Rows: make([]result.RowResult, len(opt.Plan.Rows))}
	size := 0
	for round := range opt.Rounds {
		for i, row := range opt.Plan.Rows {
			rr := &res.Rows[i]
			rr.Name = row.Name
			if rr.Fault != "" || ctx.Err() != nil {
				continue
			}
			run, err := opt.runQuiet(ctx, row, c, size)
			if ctx.Err() != nil {
				continue
			}
			if err != nil {
				if row.Cure != "" && len(rr.Runs) == 0 {
					err = fmt.Errorf("%w; if it is not there: %s", err, row.Cure)
				}
				rr.Fault = err.Error()
				opt.say("%s, round %d, %s: %v\n", c.Name, round+1, row.Name, err)
				continue
			}
			if size == 0 {
				size = run.ReplyBytes
			}
			rr.Runs = append(rr.Runs, run)
			opt.say("%s, round %d, %s: %.2f us, %.0f/s\n",
				c.Name, round+1, row.Name, run.Server.PerCall, run.PerSecond)
		}
	}
	res.Summarize(opt.Plan.Reference)
	return res
}

// triesMax bounds how often a disturbed run is repeated; the last one counts as it is.
const triesMax = 5

// runQuiet runs the row until the machine was quiet enough. Whether it was is told by what
// other processes used, never by the figure itself.
func (opt *Options) runQuiet(
	ctx context.Context, row Row, c Case, size int,
) (res result.Load, err error) {
	for try := 1; ; try++ {
		res, err = opt.runRow(ctx, row, c, size)
		quiet := opt.OthersMax <= 0 || res.Client.OthersShare <= opt.OthersMax
		if err != nil || quiet || try == triesMax {
			return res, err
		}
		opt.say("%s: others used %.0f%% of a core, once more\n",
			row.Name, 100*res.Client.OthersShare)
	}
}

func (opt *Options) say(format string, args ...any) {
	if opt.Progress != nil {
		fmt.Fprintf(opt.Progress, format, args...)
	}
}

// runRow starts the row's server, lets a client load it and ends it.
func (opt *Options) runRow(
	ctx context.Context, row Row, c Case, size int,
) (result.Load, error) {
	limit := opt.Span + opt.Warmup + 100*time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	o := load.DefaultOptions()
	o.Transport, o.Conns, o.Depth = row.Transport, c.Conns, c.Depth
	o.Span, o.Warmup = opt.Span, opt.Warmup
	if c.Bytes > 0 {
		o.Bytes = c.Bytes
	}
	if row.Era != "" {
		o.Era = row.Era
	}
	if row.Path != "" {
		o.Path = row.Path
	}
	o.Tool, o.Args = cmp.Or(row.Tool, o.Tool), cmp.Or(row.Args, o.Args)
	if row.Transport == load.TransportStdio {
		o.Conns = 1
		o.Command, o.ChildCore = row.fill(row.Command, opt.words("", size)), opt.ServerCore
		return opt.runClient(ctx, &o, opt.ClientCore, row.Env)
	}
	addr, remove, err := freeAddr(row.Transport)
	if err != nil {
		return result.Load{}, err
	}
	defer remove()
	words := opt.words(addr, size)
	end, err := opt.prepare(ctx, row, words)
	if err != nil {
		return result.Load{}, err
	}
	defer end()
	serverCore, clientCore := opt.cores(row)
	server, err := opt.spawn(ctx, row, words, serverCore)
	if err != nil {
		return result.Load{}, err
	}
	defer server.Stop()
	o.Addr, o.PID = addr, server.PID()
	if row.needsTool() {
		if err := awaitTool(ctx, &o); err != nil {
			return result.Load{}, err
		}
	}
	res, err := opt.runClient(ctx, &o, clientCore, nil)
	if server.Ended() {
		err = errors.Join(err, fmt.Errorf("server of row %q has ended", row.Name))
	}
	return res, err
}

// spawn starts the row's server and waits until it listens.
func (opt *Options) spawn(
	ctx context.Context, row Row, w words, core int,
) (*proc.Child, error) {
	args := row.fill(row.Command, w)
	cmd := exec.Command(args[0], args[1:]...)
	procs := fmt.Sprintf("GOMAXPROCS=%d", max(1, row.Procs))
	cmd.Env = append(append(os.Environ(), procs), row.Env...)
	cmd.Stdout, cmd.Stderr = opt.ServerLog, opt.ServerLog
	return start(ctx, cmd, core, w["{addr}"])
}

// startWait is how long a server may take until it listens.
const startWait = 20 * time.Second

func start(ctx context.Context, cmd *exec.Cmd, core int, addr string) (*proc.Child, error) {
	server, err := proc.Spawn(cmd, core)
	if err != nil {
		return nil, err
	}
	wait, stop := context.WithTimeout(ctx, startWait)
	defer stop()
	if err := server.AwaitListen(wait, addr); err != nil {
		server.Stop()
		return nil, err
	}
	return server, nil
}

// cores returns the cores that the row's server and its client are bound to; -1 is any.
func (opt *Options) cores(row Row) (server, client int) {
	if row.Procs > 0 {
		return -1, -1
	}
	return opt.ServerCore, opt.ClientCore
}

// freeAddr returns an address nobody listens on.
func freeAddr(transport string) (addr string, remove func(), err error) {
	if transport == load.TransportUnix {
		dir, err := os.MkdirTemp("", "bench")
		if err != nil {
			return "", nil, fmt.Errorf("cannot make a place for a socket: %w", err)
		}
		// A directory that stays in the place for temporary files hurts nobody.
		return dir + "/s", func() { _ = os.RemoveAll(dir) }, nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("cannot find a free port: %w", err)
	}
	return ln.Addr().String(), func() {}, ln.Close()
}

// runClient makes the load in a process of its own and reads its result.
func (opt *Options) runClient(
	ctx context.Context, o *load.Options, core int, env []string,
) (result.Load, error) {
	f := fleet.Fleet{
		Self: opt.Client, Processes: 1, Core: core, Env: env, Log: opt.ServerLog,
	}
	res, err := f.Run(ctx, *o)
	switch {
	case err != nil:
		return res, err
	case ctx.Err() != nil:
		return res, fmt.Errorf("client did not end: %w", ctx.Err())
	case res.Refused > 0:
		return res, fmt.Errorf("run failed: %d of %d answers were refusals (%s)", res.Refused,
			res.Refused+res.Calls, strings.Join(res.RefusalCodes(), ", "))
	}
	return res, res.Err()
}

// Cores proposes a server's and a client's core: the first and the second of this process.
func Cores() (server, client int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return 0, 1
	}
	found := []int{}
	for i := 0; i < len(set)*64 && len(found) < min(2, runtime.NumCPU()); i++ {
		if set.IsSet(i) {
			found = append(found, i)
		}
	}
	if len(found) < 2 {
		return 0, 0
	}
	return found[0], found[1]
}
