package bench

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what one load measured. Latencies are microseconds from writing a call to having
// read its answer; in a closed loop against a busy core they are mostly queueing.
type Result struct {
	Transport  string  `json:"transport"`
	Era        string  `json:"era"`
	Conns      int     `json:"conns"`
	Depth      int     `json:"depth"`
	Threads    int     `json:"threads"`
	CallBytes  int     `json:"call_bytes"`  // as sent, head included
	ReplyBytes int     `json:"reply_bytes"` // mean, without head
	Seconds    float64 `json:"seconds"`

	Messages   uint64  `json:"messages"`
	Errors     uint64  `json:"errors"`
	Mismatches uint64  `json:"mismatches"`
	Notices    uint64  `json:"notices"`
	Closed     uint64  `json:"closed"`
	FirstFault string  `json:"first_fault,omitempty"`
	SlowChecks uint64  `json:"slow_checks"` // replies that had to be parsed by the client
	PerSecond  float64 `json:"messages_per_second"`

	ServerMicros float64 `json:"server_cpu_us_per_message"`
	ServerUser   float64 `json:"server_user_us_per_message"` // exact to 10 ms a run
	ServerShare  float64 `json:"server_cpu_share"`           // of one core
	ClientMicros float64 `json:"client_cpu_us_per_message"`
	ClientShare  float64 `json:"client_cpu_share"` // of one core
	OthersShare  float64 `json:"others_cpu_share"` // cores used by all other processes
	CPUSource    string  `json:"cpu_source,omitempty"`
	MemoryBefore Memory  `json:"memory_before"` // before the connections
	MemoryAfter  Memory  `json:"memory_after"`  // with all of them open

	P50  float64 `json:"p50_us"`
	P95  float64 `json:"p95_us"`
	P99  float64 `json:"p99_us"`
	P999 float64 `json:"p999_us"`
	Max  float64 `json:"max_us"`
}

// Err tells why r is no measurement: a wrong reply, a lost connection, or no reply at all.
// Errors, well-formed refusals, are counted but are the caller's to judge.
func (r *Result) Err() error {
	switch {
	case r.Mismatches > 0:
		return fmt.Errorf("run failed: %d wrong replies, first: %s", r.Mismatches, r.FirstFault)
	case r.Closed > 0:
		return fmt.Errorf("run failed: the server ended %d connections, first: %s",
			r.Closed, r.FirstFault)
	case r.Messages == 0:
		return fmt.Errorf("run failed: no good reply, %d errors", r.Errors)
	}
	return nil
}

// load is one run in progress.
type load struct {
	opt     Options
	engines []*engine
	arrived sync.WaitGroup // engines whose connections are ready, or that failed
	goAhead chan struct{}  // closed when all have arrived
	going   bool           // set before goAhead is closed; false: somebody failed
	errs    []error        // one per engine
	marks   [2]usage       // after the warm-up and at the end, by engine 0
}

// settleTime is how long all handshakes may take.
const settleTime = 60 * time.Second

// Run makes one load and returns what it measured. The error is about the run that could not
// be made; Result.Err is about the replies.
func Run(opt Options) (Result, error) {
	if err := opt.Validate(); err != nil {
		return Result{}, err
	}
	l := &load{opt: opt, goAhead: make(chan struct{}), errs: make([]error, opt.Threads)}
	server, stdio, err := l.startStdio()
	if err != nil {
		return Result{}, err
	}
	if server != nil {
		defer server.stop()
	}
	var before Memory
	if l.opt.PID > 0 {
		if before, err = memory(l.opt.PID); err != nil {
			return Result{}, err
		}
	}
	defer l.close()
	for range opt.Threads {
		if err := l.addEngine(); err != nil {
			return Result{}, err
		}
	}
	if err := l.drive(stdio); err != nil {
		return Result{}, err
	}
	res, err := l.result()
	res.MemoryBefore = before
	return res, err
}

// startStdio starts the server of a stdio load and makes it the measured process.
func (l *load) startStdio() (*child, *pipes, error) {
	if l.opt.Transport != TransportStdio {
		return nil, nil, nil
	}
	c, p, err := spawnStdio(l.opt.Command, l.opt.ChildCore, l.opt.Stderr)
	if err != nil {
		return nil, nil, err
	}
	l.opt.PID = c.pid()
	return c, &p, nil
}

func (l *load) addEngine() error {
	w, err := newWire(&l.opt)
	if err != nil {
		return err
	}
	share := l.opt.Conns/l.opt.Threads + 1
	e, err := newEngine(&l.opt, w, share)
	if err == nil {
		l.engines = append(l.engines, e)
	}
	return err
}

func (l *load) close() {
	for _, e := range l.engines {
		e.close()
	}
}

// drive runs every engine on a thread of its own until the end of the run.
func (l *load) drive(stdio *pipes) error {
	l.arrived.Add(len(l.engines))
	var ended sync.WaitGroup
	for i, e := range l.engines {
		ended.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			l.errs[i] = e.connect(stdio, i, len(l.engines), -1)
			l.arrived.Done()
			<-l.goAhead
			if l.going {
				l.errs[i] = l.measure(e, i == 0)
			}
		})
	}
	l.arrived.Wait()
	l.going = errors.Join(l.errs...) == nil
	close(l.goAhead)
	ended.Wait()
	return errors.Join(l.errs...)
}

// connect opens the engine's share of the connections, every of-th from the first on, and
// waits for their handshakes.
func (e *engine) connect(stdio *pipes, first, of, calls int) error {
	if stdio != nil {
		if err := e.add(stdio.rfd, stdio.wfd, 0, calls); err != nil {
			return err
		}
	} else {
		t, err := parseTarget(e.opt.Addr)
		if err != nil {
			return err
		}
		for i := first; i < e.opt.Conns; i += of {
			fd, err := t.dial(i, e.opt.Conns)
			if err != nil {
				return err
			}
			if err := e.add(fd, fd, i, calls); err != nil {
				return err
			}
		}
	}
	want := len(e.conns)
	_, err := e.until(time.Now().Add(settleTime), func() bool {
		return e.ready == want || e.open < want
	})
	if err == nil && (e.ready < want || e.open < want) {
		err = fmt.Errorf("cannot get %d connections ready: %d are after %v, first fault: %w",
			want, e.ready, time.Since(e.start).Round(time.Millisecond), orNone(e.fault))
	}
	return err
}

// measure calls until the end of the run; the marks are taken by one engine for all.
func (l *load) measure(e *engine, marks bool) error {
	e.begin()
	// Each stage starts when the thread gets to it, so that a loaded machine shortens neither.
	for i, stage := range []time.Duration{l.opt.Warmup, l.opt.Duration} {
		_, err := e.until(time.Now().Add(stage), nil)
		if err == nil && i == 1 {
			// No figure is made of nothing: a slow tool gets time for one answer.
			_, err = e.until(time.Now().Add(answerTime), e.answered)
		}
		if err != nil {
			return err
		}
		if i == 0 {
			// Faults of the warm-up stay: they fail the run.
			e.counts.Messages, e.counts.Errors, e.counts.Bytes = 0, 0, 0
			e.check.slow = 0
			e.late.Reset()
		}
		if marks {
			u, err := takeUsage(l.opt.PID)
			if err != nil {
				return err
			}
			l.marks[i] = u
		}
	}
	return nil
}

// answerTime is how much longer a run waits that has seen no answer at all.
const answerTime = 10 * time.Second

func (e *engine) answered() bool { return e.counts.Messages+e.counts.Errors > 0 }

func (l *load) result() (Result, error) {
	o := &l.opt
	r := Result{
		Transport: o.Transport, Conns: o.Conns, Depth: o.Depth, Threads: o.Threads,
		CallBytes: len(l.engines[0].conns[0].call.b), Era: EraLegacy,
	}
	if o.modern() {
		r.Era = EraModern
	}
	late := hdrhistogram.New(1000, latencyMax, 3)
	var bytes uint64
	for _, e := range l.engines {
		r.Messages += e.counts.Messages
		r.Errors += e.counts.Errors
		r.Mismatches += e.counts.Mismatches
		r.Notices += e.counts.Notices
		r.Closed += e.counts.Closed
		r.SlowChecks += e.check.slow
		bytes += e.counts.Bytes
		late.Merge(e.late)
		if r.FirstFault == "" && e.fault != nil {
			r.FirstFault = e.fault.Error()
		}
	}
	micros := func(q float64) float64 { return float64(late.ValueAtQuantile(q)) / 1e3 }
	r.P50, r.P95, r.P99, r.P999 = micros(50), micros(95), micros(99), micros(99.9)
	r.Max = float64(late.Max()) / 1e3
	l.spend(&r)
	if r.Messages > 0 {
		r.ReplyBytes = int(bytes / r.Messages)
	}
	if o.PID > 0 {
		m, err := memory(o.PID)
		if err != nil {
			return r, errors.Join(err, r.Err())
		}
		r.MemoryAfter = m
	}
	return r, nil
}

// spend fills in what the messages cost.
func (l *load) spend(r *Result) {
	from, to := l.marks[0], l.marks[1]
	wall := to.at.Sub(from.at)
	r.Seconds = wall.Seconds()
	client, server := to.client-from.client, to.server-from.server
	r.ClientShare = client.Seconds() / r.Seconds
	r.PerSecond = float64(r.Messages) / r.Seconds
	n := max(1, float64(r.Messages))
	r.ClientMicros = client.Seconds() * 1e6 / n
	// The machine's times are sampled, so that the difference can come out below zero.
	r.OthersShare = max(0, (to.host-from.host-client-server).Seconds()/r.Seconds)
	if l.opt.PID > 0 {
		r.CPUSource = cpuSource
		r.ServerShare = server.Seconds() / r.Seconds
		r.ServerMicros = server.Seconds() * 1e6 / n
		r.ServerUser = (to.user - from.user).Seconds() * 1e6 / n
	}
}

// errNoFault stands where no connection told why.
var errNoFault = errors.New("none")

func orNone(fault error) error {
	if fault == nil {
		return errNoFault
	}
	return fault
}
