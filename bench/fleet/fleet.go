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
	"sync"

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
}

// Run makes the load and returns what all workers measured together; the server is looked at by
// the first of them. An interrupted ctx ends the load early, with what was measured until then.
func (f *Fleet) Run(ctx context.Context, opt load.Options) (result.Load, error) {
	shares := f.split(opt)
	crew := make([]*worker, 0, len(shares))
	defer func() {
		for _, w := range crew {
			w.child.Stop()
		}
	}()
	for i := range shares {
		w, err := f.start(ctx, &task{Load: shares[i]})
		if err != nil {
			return result.Load{}, err
		}
		crew = append(crew, w)
	}
	m := &meeting{crew: crew, tell: f.Tell}
	m.met = sync.NewCond(&m.mu)
	var all sync.WaitGroup
	for i, w := range crew {
		all.Go(func() {
			if w.err = m.attend(i, w); w.err != nil {
				m.breakUp()
			}
		})
	}
	all.Wait()
	return sum(crew)
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
		s.Burst = max(1, opt.Burst*s.Conns/max(1, opt.Conns))
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
		return nil, err
	}
	// An interrupted load ends by itself, with a result; a worker that does not is ended by Run.
	context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	w.in, w.reports = in, json.NewDecoder(bufio.NewReader(out))
	line, err := json.Marshal(t)
	if err == nil {
		_, err = in.Write(append(line, '\n'))
	}
	if err != nil {
		w.child.Stop()
		return nil, fmt.Errorf("cannot tell a worker its load: %w", err)
	}
	return w, nil
}

// meeting is where workers wait for each other.
type meeting struct {
	crew    []*worker
	tell    func(result.Sample)
	mu      sync.Mutex
	met     *sync.Cond
	here    int // workers that wait
	round   int
	off     bool
	seconds [][]result.Sample
}

// errOff ends workers whose fellow has failed; that one's own error is the one to tell.
var errOff = errors.New("another client process has failed")

// attend reads what the worker i reports until its end.
func (m *meeting) attend(i int, w *worker) error {
	for {
		var r report
		if err := w.reports.Decode(&r); err != nil {
			return w.gone()
		}
		switch {
		case r.Error != "":
			return errors.New(r.Error)
		case r.Load != nil:
			w.load = r.Load
			return nil
		case r.Sample != nil:
			m.sample(*r.Sample)
		case r.Waits:
			if err := m.wait(); err != nil {
				return err
			}
			if _, err := io.WriteString(w.in, "go\n"); err != nil {
				return fmt.Errorf("cannot tell client process %d to go on: %w", i, err)
			}
		}
	}
}

// wait returns when all workers wait.
func (m *meeting) wait() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	round := m.round
	if m.here++; m.here == len(m.crew) {
		m.here = 0
		m.round++
		m.met.Broadcast()
	}
	for round == m.round && !m.off {
		m.met.Wait()
	}
	if m.off {
		return errOff
	}
	return nil
}

// breakUp lets nobody wait any longer.
func (m *meeting) breakUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off = true
	m.met.Broadcast()
	for _, w := range m.crew {
		_ = w.child.Kill()
	}
}

// sample tells of a second once every worker has.
func (m *meeting) sample(s result.Sample) {
	if m.tell == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// Samples of one second differ by less than half a second in their times.
	for i := range m.seconds {
		if d := m.seconds[i][0].At - s.At; d < 0.5 && d > -0.5 {
			m.seconds[i] = append(m.seconds[i], s)
			m.complete(i)
			return
		}
	}
	m.seconds = append(m.seconds, []result.Sample{s})
	m.complete(len(m.seconds) - 1)
}

func (m *meeting) complete(i int) {
	of := m.seconds[i]
	if len(of) < len(m.crew) {
		return
	}
	whole := of[:1]
	for _, s := range of[1:] {
		whole = result.MergeTimelines(whole, []result.Sample{s})
	}
	m.tell(whole[0])
	m.seconds = append(m.seconds[:i], m.seconds[i+1:]...)
}

// sum adds up what the workers measured.
func sum(crew []*worker) (result.Load, error) {
	var err error
	for _, w := range crew {
		if w.err != nil && (err == nil || errors.Is(err, errOff)) {
			err = w.err
		}
	}
	if err != nil {
		return result.Load{}, err
	}
	res := *crew[0].load
	for _, w := range crew[1:] {
		res.Merge(w.load)
	}
	return res, nil
}
