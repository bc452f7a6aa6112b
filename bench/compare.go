package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CompareOptions say how a plan is run.
type CompareOptions struct {
	Plan       Plan
	Bin        string        // what {bin} stands for
	Rounds     int           // runs of every row, interleaved: A B C A B C; default 5
	Duration   time.Duration // of one run
	Warmup     time.Duration
	ServerCore int      // the core a server is bound to
	ClientCore int      // the core its client is bound to; another one
	OthersMax  float64  // a run is repeated while other processes use more cores; 0: never
	Client     []string // how to start a client: what goes before the flags of load
	Progress   io.Writer
	ServerLog  io.Writer // where the servers' stderr goes; nil discards
}

// Comparison is what came out.
type Comparison struct {
	Host      Host         `json:"host"`
	Plan      string       `json:"plan"`
	Reference string       `json:"reference"`
	Rounds    int          `json:"rounds"`
	Seconds   float64      `json:"seconds_per_run"`
	Warmup    float64      `json:"warmup_seconds"`
	Cases     []CaseResult `json:"cases"`
}

// CaseResult holds the rows of one load.
type CaseResult struct {
	Name string      `json:"name"`
	Rows []RowResult `json:"rows"`
}

// RowResult holds the runs of one server under one load. The ratios are of CPU time and of
// messages per second to the reference's in the same round.
type RowResult struct {
	Name        string   `json:"name"`
	CPU         Spread   `json:"server_cpu_us_per_message"`
	PerSecond   Spread   `json:"messages_per_second"`
	P50         Spread   `json:"p50_us"`
	P99         Spread   `json:"p99_us"`
	RSS         Spread   `json:"rss_bytes"`
	ClientShare Spread   `json:"client_cpu_share"`
	OthersShare Spread   `json:"others_cpu_share"`
	CPURatio    Spread   `json:"cpu_ratio"`
	RateRatio   Spread   `json:"rate_ratio"`
	Runs        []Result `json:"runs"`
	Fault       string   `json:"fault,omitempty"` // the first run that failed; it is left out
}

// Compare runs the plan: every row in a process of its own on one core, the client in another
// on the other core, round after round. A row whose run fails says so and is left out of the
// rounds that follow. When ctx ends, what was measured until then is returned with its error.
func Compare(ctx context.Context, opt CompareOptions) (Comparison, error) {
	if err := opt.Plan.Validate(); err != nil {
		return Comparison{}, err
	}
	if opt.ServerCore == opt.ClientCore {
		return Comparison{}, fmt.Errorf("cannot measure on core %d alone: server and client "+
			"need a core each", opt.ServerCore)
	}
	out := Comparison{
		Host: describeHost(), Plan: opt.Plan.Name, Reference: opt.Plan.Reference,
		Rounds: opt.Rounds, Seconds: opt.Duration.Seconds(), Warmup: opt.Warmup.Seconds(),
	}
	for _, c := range opt.Plan.Cases {
		if ctx.Err() != nil {
			break
		}
		out.Cases = append(out.Cases, opt.runCase(ctx, c))
	}
	return out, ctx.Err()
}

func (opt *CompareOptions) runCase(ctx context.Context, c Case) CaseResult {
	res := CaseResult{Name: c.Name, Rows: make([]RowResult, len(opt.Plan.Rows))}
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
				rr.Fault = err.Error()
				opt.say("%s, round %d, %s: %v\n", c.Name, round+1, row.Name, err)
				continue
			}
			if size == 0 {
				size = run.ReplyBytes
			}
			rr.Runs = append(rr.Runs, run)
			opt.say("%s, round %d, %s: %.2f us, %.0f/s\n",
				c.Name, round+1, row.Name, run.ServerMicros, run.PerSecond)
		}
	}
	summarize(&res, opt.Plan.Reference)
	return res
}

// triesMax bounds how often a disturbed run is repeated; the last one counts as it is.
const triesMax = 5

// runQuiet runs the row until the machine was quiet enough. Whether it was is told by what
// other processes used, never by the figure itself.
func (opt *CompareOptions) runQuiet(
	ctx context.Context, row Row, c Case, size int,
) (res Result, err error) {
	for try := 1; ; try++ {
		res, err = opt.runRow(ctx, row, c, size)
		quiet := opt.OthersMax <= 0 || res.OthersShare <= opt.OthersMax
		if err != nil || quiet || try == triesMax {
			return res, err
		}
		opt.say("%s: others used %.0f%% of a core, once more\n", row.Name, 100*res.OthersShare)
	}
}

func (opt *CompareOptions) say(format string, args ...any) {
	if opt.Progress != nil {
		fmt.Fprintf(opt.Progress, format, args...)
	}
}

// runRow starts the row's server, lets a client load it and ends it.
func (opt *CompareOptions) runRow(ctx context.Context, row Row, c Case, size int) (Result, error) {
	limit := opt.Duration + opt.Warmup + settleTime + 20*time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	o := DefaultOptions()
	o.Transport, o.Conns, o.Depth = row.Transport, c.Conns, c.Depth
	o.Duration, o.Warmup = opt.Duration, opt.Warmup
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
	if row.Transport == TransportStdio {
		o.Command, o.ChildCore = opt.command(row, "", size), opt.ServerCore
		return opt.runClient(ctx, &o, row.Env)
	}
	addr, remove, err := freeAddr(row.Transport)
	if err != nil {
		return Result{}, err
	}
	defer remove()
	args := opt.command(row, addr, size)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(append(os.Environ(), "GOMAXPROCS=1"), row.Env...)
	cmd.Stdout, cmd.Stderr = opt.ServerLog, opt.ServerLog
	server, err := spawn(cmd, opt.ServerCore)
	if err != nil {
		return Result{}, err
	}
	defer server.stop()
	wait, stopWait := context.WithTimeout(ctx, 20*time.Second)
	defer stopWait()
	if err := server.awaitListen(wait, addr); err != nil {
		return Result{}, err
	}
	o.Addr, o.PID = addr, server.pid()
	res, err := opt.runClient(ctx, &o, nil)
	if server.ended() {
		err = errors.Join(err, fmt.Errorf("server %q has ended", args))
	}
	return res, err
}

// command fills the row's command in.
func (opt *CompareOptions) command(row Row, addr string, size int) []string {
	fill := strings.NewReplacer("{bin}", opt.Bin, "{addr}", addr, "{size}", strconv.Itoa(size))
	var args []string
	for _, a := range row.Command {
		args = append(args, fill.Replace(a))
	}
	return args
}

// freeAddr returns an address nobody listens on.
func freeAddr(transport string) (addr string, remove func(), err error) {
	if transport == TransportUnix {
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
func (opt *CompareOptions) runClient(
	ctx context.Context, o *Options, env []string,
) (Result, error) {
	args := append(append([]string{}, opt.Client...), loadArgs(o)...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	client, err := spawn(cmd, opt.ClientCore)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-client.done:
	case <-ctx.Done():
		client.stop()
		return Result{}, fmt.Errorf("client did not end: %w", ctx.Err())
	}
	var res Result
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		return Result{}, fmt.Errorf("cannot read the client's result: %w: %s",
			err, clip(stderr.Bytes()))
	}
	if res.Errors > 0 {
		return res, fmt.Errorf("run failed: %d errors among %d answers", res.Errors,
			res.Errors+res.Messages)
	}
	return res, res.Err()
}

// coresFor proposes a server's and a client's core: the first and the second of this process.
func coresFor() (server, client int) {
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
