package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/result"
)

// Fleet says how to start workers.
type Fleet struct {
	Self      []string            // the command of a worker
	Processes int                 // 0: as many as the connections need
	Core      int                 // the core that they are bound to; -1: any
	Env       []string            // NAME=value, added to ours
	Addrs     []string            // the servers, by turns; none: that of the options
	PIDs      []int               // their processes, each named once; 0: not looked at
	Log       io.Writer           // what workers and stdio servers say on stderr; nil discards
	Tell      func(result.Sample) // each second of all workers together; may be nil
	// Patience is how much longer than its load or its order a worker may take, and how long after
	// an interruption; 0: 2 minutes, which is more than a worker ever needs.
	Patience time.Duration
}

// Run makes the load and returns what all workers measured together; the server is looked at by
// the first of them. An interrupted ctx ends the load early, with what was measured until then.
func (f *Fleet) Run(ctx context.Context, opt load.Options) (result.Load, error) {
	shares := f.split(opt)
	crew := make([]*worker, 0, len(shares))
	defer func() {
		for _, w := range crew {
			w.end()
		}
	}()
	for i := range shares {
		w, err := f.start(ctx, &task{Load: shares[i]})
		if err != nil {
			return result.Load{}, err
		}
		crew = append(crew, w)
	}
	m := newMeeting(crew)
	m.tell = f.Tell
	defer f.limit(ctx, opt.Ramp+opt.Warmup+opt.Span+opt.Patience, m)()
	m.all(func(i int, w *worker) error {
		w.err = m.attend(i, w)
		return w.err
	})
	res, err := sum(crew)
	if err != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return res, err
}

// split shares the connections and calls out.
func (f *Fleet) split(opt load.Options) []load.Options {
	n := f.Processes
	if n <= 0 {
		n = (opt.Conns + load.ConnsMax - 1) / load.ConnsMax
	}
	n = max(1, min(max(n, len(f.Addrs)), opt.Conns))
	shares := make([]load.Options, n)
	for i := range shares {
		s := opt
		begin, end := opt.Conns*i/n, opt.Conns*(i+1)/n
		s.First, s.Conns = opt.First+begin, end-begin
		s.Rate = opt.Rate * float64(s.Conns) / float64(max(1, opt.Conns))
		if opt.Burst >= n {
			// Bursts of all workers together have the size and the pace that was asked for.
			s.Burst = opt.Burst*(i+1)/n - opt.Burst*i/n
			s.Rate = opt.Rate * float64(s.Burst) / float64(opt.Burst)
		} else {
			s.Burst = 1
		}
		if i > 0 {
			s.PID = 0
		}
		if len(f.Addrs) > 0 {
			s.Addr = f.Addrs[i%len(f.Addrs)]
		}
		if i < len(f.PIDs) {
			s.PID = f.PIDs[i]
		}
		shares[i] = s
	}
	return shares
}

// worker is one of the processes.
type worker struct {
	child   *proc.Child
	in      io.WriteCloser
	out     io.Closer
	forget  func() bool // of the context that interrupts it
	reports *json.Decoder
	said    *bytes.Buffer // on stderr, when nobody else wants it
	load    *result.Load
	err     error
}

func (f *Fleet) start(ctx context.Context, t *task) (*worker, error) {
	cmd := exec.Command(f.Self[0], f.Self[1:]...)
	cmd.Env = append(os.Environ(), f.Env...)
	w := &worker{said: new(bytes.Buffer)}
	cmd.Stderr = w.said
	if f.Log != nil {
		cmd.Stderr = f.Log
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot start a worker: %w", err)
	}
	out, w2, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot start a worker: %w", err)
	}
	cmd.Stdout = w2
	w.child, err = proc.Spawn(cmd, f.Core)
	_ = w2.Close()
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	// An interrupted load ends by itself, with a result; a worker that does not is ended by Run.
	w.forget = context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	w.in, w.out, w.reports = in, out, json.NewDecoder(bufio.NewReader(out))
	line, err := json.Marshal(t)
	if err == nil {
		_, err = in.Write(append(line, '\n'))
	}
	if err != nil {
		w.end()
		return nil, fmt.Errorf("cannot tell a worker its load: %w", err)
	}
	return w, nil
}

// end ends the process, whatever it does. A crowd ends by itself when it gets no more orders.
func (w *worker) end() {
	_ = w.in.Close() // of one that is gone it is closed
	w.child.Stop()
	w.forget()
	_ = w.out.Close()
}

// sum adds up what the workers measured.
func sum(crew []*worker) (result.Load, error) {
	errs := make([]error, len(crew))
	for i, w := range crew {
		errs[i] = w.err
	}
	if err := cause(errs); err != nil {
		return result.Load{}, err
	}
	res := *crew[0].load
	for _, w := range crew[1:] {
		res.Merge(w.load)
	}
	return res, nil
}
