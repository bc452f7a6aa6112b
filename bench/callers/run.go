package callers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/client"
)

// Options describe a comparison. All fields are required but TLS.
type Options struct {
	URL    string     // http or https, of a server of 2026-07-28 with the tool
	TLS    client.TLS // of https; both clients have the same
	Tool   string
	Args   string        // its arguments, a JSON object
	Expect string        // must be in each answer
	Conns  int           // calls in flight, each on a connection of its own; 1 to 4096
	Rounds int           // of each client, by turns
	Span   time.Duration // measured time of a round
	Warmup time.Duration // time before it
}

// Row is what one client did: the medians of its rounds.
type Row struct {
	Client string
	Rate   float64       // calls a second
	CPU    time.Duration // of this process, user and system, for each call
	Calls  int64         // in all measured rounds
}

// caller keeps Options.Conns calls in flight until its context ends, counts answers, and returns
// what is wrong with the first that is.
type caller func(ctx context.Context, o *Options, answers *tally) error

// tally counts answers.
type tally struct {
	n     atomic.Int64
	first chan struct{} // closed by the first one
}

func (t *tally) add() {
	if t.n.Add(1) == 1 {
		close(t.first)
	}
}

var errWrong = errors.New("an answer is not the expected one")

// Run makes the calls.
func Run(ctx context.Context, o Options) ([]Row, error) {
	if o.Conns < 1 || o.Conns > 4096 || o.Rounds < 1 || o.Span <= 0 {
		return nil, fmt.Errorf("cannot make %d calls at a time in %d rounds of %v", o.Conns,
			o.Rounds, o.Span)
	}
	names := []string{"package client", "net/http"}
	each := []caller{callMux, callNetHTTP}
	rows := make([]Row, len(each))
	rates, costs := make([][]float64, len(each)), make([][]time.Duration, len(each))
	for range o.Rounds {
		for i, call := range each {
			calls, took, cpu, err := round(ctx, &o, call)
			if err != nil {
				return nil, fmt.Errorf("cannot measure %s: %w", names[i], err)
			}
			rates[i] = append(rates[i], float64(calls)/took.Seconds())
			costs[i] = append(costs[i], cpu/time.Duration(calls))
			rows[i].Calls += calls
		}
	}
	for i := range rows {
		slices.Sort(rates[i])
		slices.Sort(costs[i])
		rows[i].Client = names[i]
		rows[i].Rate, rows[i].CPU = rates[i][o.Rounds/2], costs[i][o.Rounds/2]
	}
	return rows, nil
}

// round measures one client.
func round(
	ctx context.Context, o *Options, call caller,
) (calls int64, took, cpu time.Duration, err error) {
	ctx, stop := context.WithCancel(ctx)
	answers := &tally{first: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- call(ctx, o, answers) }()
	wait := func(d time.Duration) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case err := <-ended:
			return errors.Join(errors.New("it ended early"), err)
		case <-t.C:
			return nil
		}
	}
	defer stop()
	select {
	case err := <-ended:
		return 0, 0, 0, errors.Join(errors.New("no call was answered"), err)
	case <-answers.first:
	}
	if err := wait(o.Warmup); err != nil {
		return 0, 0, 0, err
	}
	before, err := proc.CPUTime(os.Getpid())
	if err != nil {
		return 0, 0, 0, err
	}
	first, begin := answers.n.Load(), time.Now()
	if err := wait(o.Span); err != nil {
		return 0, 0, 0, err
	}
	calls, took = answers.n.Load()-first, time.Since(begin)
	after, err := proc.CPUTime(os.Getpid())
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		return 0, 0, 0, err
	}
	if calls == 0 {
		return 0, 0, 0, errors.New("no call was answered in time")
	}
	return calls, took, after - before, nil
}

// config is the TLS that net/http speaks; package client makes its own of the same.
func (o *Options) config() (*tls.Config, error) {
	cfg, err := o.TLS.Config()
	if err != nil {
		return nil, err
	}
	cfg.NextProtos = []string{"http/1.1"}
	return cfg, nil
}

// WriteTable prints rows.
func WriteTable(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "client\tcalls/s\tCPU us/call\tcalls measured")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%d\n", r.Client, r.Rate,
			float64(r.CPU)/float64(time.Microsecond), r.Calls)
	}
	return t.Flush()
}
