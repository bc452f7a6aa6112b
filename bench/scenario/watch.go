package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcploop/mcploop/bench/fleet"
	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/result"
)

// fleet returns the client processes of a step.
func (r *Run) fleet() *fleet.Fleet {
	self := r.opt.Worker
	if r.Realtime {
		self = append([]string{"chrt", "-f", "10"}, self...)
	}
	return &fleet.Fleet{
		Self: self, Processes: r.Processes, Core: r.Core, Addrs: r.target.addrs,
		PIDs: r.target.pids, Log: r.opt.Log,
	}
}

// memory returns what all known processes of the server have resident; zero when none is known.
func (r *Run) memory() (sum result.Memory, err error) {
	for _, pid := range r.target.pids {
		if pid == 0 {
			continue
		}
		m, err := proc.MemoryOf(pid)
		if err != nil {
			return sum, err
		}
		sum.RSS, sum.PSS = sum.RSS+m.RSS, sum.PSS+m.PSS
	}
	return sum, nil
}

// cpu returns the CPU time of all known processes of the server.
func (r *Run) cpu() (sum time.Duration, err error) {
	for _, pid := range r.target.pids {
		if pid == 0 {
			continue
		}
		t, err := proc.CPUTime(pid)
		if err != nil {
			return sum, err
		}
		sum += t
	}
	return sum, nil
}

// watched does the work of a step that is no load of calls, and shows the server meanwhile. What
// is wrong with the server makes the step faulty, which finish tells.
func (r *Run) watched(
	ctx context.Context, name string, takes time.Duration, work func() error,
) (*result.Step, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	var watch sync.WaitGroup
	if p := r.opt.Progress; p != nil {
		p.Step(name, takes)
		watch.Go(func() { r.look(p, done) })
	}
	err := work()
	close(done)
	watch.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	s := &result.Step{Name: name}
	if err != nil {
		s.Fault = err.Error()
		r.finish(s)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// finish adds a step to the record.
func (r *Run) finish(s *result.Step) {
	r.File.Steps = append(r.File.Steps, *s)
	if p := r.opt.Progress; p != nil {
		p.End(s)
	}
}

// look tells p of the server each second until done.
func (r *Run) look(p Progress, done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began := time.Now()
	at := began
	before, _ := r.cpu() // what cannot be read is not shown
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		now := time.Now()
		s := result.Sample{At: now.Sub(began).Seconds(), Conns: r.Connections}
		m, _ := r.memory()
		cpu, _ := r.cpu()
		s.RSS, s.CPU = m.RSS, float64(cpu-before)/float64(now.Sub(at))
		at, before = now, cpu
		p.Second(s, 0)
	}
}

// pause waits for d unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// errUnknown stands where nothing more is known.
var errUnknown = errors.New("no such process")

func errOr(err error) error {
	if err == nil {
		return errUnknown
	}
	return err
}
