package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"time"

	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/result"
)

// Hooks let somebody else take part in a run. Each may be nil and is called on the run's thread.
type Hooks struct {
	Ready  func() error        // all connections are ready; the first call follows its return
	Sample func(result.Sample) // a second has passed; warm-up included
	Done   func() error        // all answers are there, the connections are still open
}

// settleTime is how long all handshakes may take.
const settleTime = 60 * time.Second

// Run makes one load and returns what it measured. The error is about the run that could not be
// made; Load.Err is about the answers. When ctx ends early what was measured until then is
// returned.
func Run(ctx context.Context, opt Options, hooks Hooks) (res result.Load, err error) {
	if err := opt.Validate(); err != nil {
		return res, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	calls := -1
	if opt.Lives > 0 {
		calls = opt.Lives
	}
	e, err := newEngine(&opt, calls)
	if err != nil {
		return res, err
	}
	defer e.close()
	defer context.AfterFunc(ctx, func() { e.stopped.Store(true) })()
	server, err := e.startStdio()
	if err != nil {
		return res, err
	}
	if server != nil {
		defer server.Stop()
	}
	var before result.Memory
	if opt.PID > 0 {
		if before, err = proc.MemoryOf(opt.PID); err != nil {
			return res, err
		}
	}
	if opt.Ramp == 0 {
		if err := e.connectAll(); err != nil {
			return res, errors.Join(ctx.Err(), err)
		}
	}
	if hooks.Ready != nil {
		if err := hooks.Ready(); err != nil {
			return res, err
		}
	}
	res, err = e.measure(&hooks)
	res.Server.Before = before
	return res, err
}

// startStdio starts the server of a stdio load and makes it the measured process.
func (e *engine) startStdio() (*proc.Child, error) {
	o := e.opt
	if o.Transport != TransportStdio {
		return nil, nil
	}
	c, p, err := proc.SpawnStdio(o.Command, o.ChildCore, o.Stderr)
	if err != nil {
		return nil, err
	}
	o.PID, e.stdio = c.PID(), &[2]int{p.Read, p.Write}
	return c, nil
}

// openingMax bounds the connections that are being opened, well below any backlog.
const openingMax = 128

// connectAll opens the connections and waits for their handshakes.
func (e *engine) connectAll() error { return e.awaitReady(e.opt.Conns) }

// awaitReady waits until want connections are ready and opens those that are missing.
func (e *engine) awaitReady(want int) error {
	deadline := time.Now().Add(settleTime)
	for {
		for len(e.conns) < want && len(e.conns)-e.ready < openingMax {
			if err := e.add(); err != nil {
				return err
			}
		}
		opened := len(e.conns)
		arrived := func() bool {
			return e.ready == want || e.open < opened ||
				(opened < want && opened-e.ready < openingMax)
		}
		went, err := e.until(deadline, arrived)
		if err != nil {
			return err
		}
		if e.ready == want && e.open == want {
			return nil
		}
		if !went || e.open < opened {
			return fmt.Errorf("cannot get %d connections ready: %d are after %v, first fault: %w",
				want, e.ready, time.Since(e.start).Round(time.Millisecond), orNone(e.fault))
		}
	}
}

// measure calls until the end of the run.
func (e *engine) measure(hooks *Hooks) (res result.Load, err error) {
	o := e.opt
	e.planCalls(o.Warmup + o.Span)
	if o.Ramp > 0 {
		e.planConns(o.Ramp)
	}
	e.beginAll()
	e.watch(e.now+int64(o.Warmup), hooks.Sample)
	// Each stage starts when the thread gets to it, so that a loaded machine shortens neither.
	if _, err := e.until(time.Now().Add(o.Warmup), nil); err != nil {
		return res, err
	}
	e.forget()
	e.watch(e.now, hooks.Sample)
	from, err := e.usage()
	if err != nil {
		return res, err
	}
	_, err = e.until(time.Now().Add(o.Span), nil)
	if err == nil {
		// No figure is made of nothing: a slow tool gets time for one answer.
		_, err = e.until(time.Now().Add(o.Patience), e.answered)
	}
	if err != nil {
		return res, err
	}
	to, err := e.usage()
	if err != nil {
		return res, err
	}
	counted, refusals := e.counts, maps.Clone(e.check.refusals)
	if err := e.drain(); err != nil {
		return res, err
	}
	res = e.result(&counted)
	res.Refusals = refusals
	spend(&res, &from, &to, o.PID)
	if hooks.Done != nil {
		if err := hooks.Done(); err != nil {
			return res, err
		}
	}
	return res, e.remember(&res)
}

// forget drops what the warm-up counted, less its faults: they fail the run.
func (e *engine) forget() {
	if e.now-e.line.at >= int64(time.Second/2) {
		e.sample() // the rest of a second, unless it is too short to tell anything
	}
	// What the next sample tells of begins where the last one ended.
	e.line.before.Calls -= e.counts.Calls
	e.line.before.Refused -= e.counts.Refused
	e.counts.Calls, e.counts.Refused, e.counts.Bytes = 0, 0, 0
	e.counts.Notices, e.counts.Reconnects = 0, 0
	e.firstRefusal = 0
	clear(e.check.refusals)
	e.check.slow = 0
	for _, h := range []*result.Histogram{
		e.hists.call, e.hists.refusal, e.hists.connect, e.hists.life,
	} {
		if h != e.hists.connect || e.opt.Lives > 0 {
			h.Reset()
		}
	}
	for _, h := range e.hists.byKind {
		h.Reset()
	}
}

func (e *engine) answered() bool { return e.counts.Calls+e.counts.Refused > 0 }

// drain sends nothing more and waits for the answers that are due, those to handshakes included.
// What is due after the moment at which it is called was never offered.
func (e *engine) drain() error {
	e.closing, e.line.next = true, 0
	e.plan.stop, e.plan.rampLeft = min(e.plan.stop, e.now), 0
	_, err := e.until(time.Now().Add(e.opt.Patience), func() bool {
		return e.pending == 0 && e.greeting() == 0
	})
	return err
}

// greeting returns how many connections are within their handshakes.
func (e *engine) greeting() int { return e.open - e.ready }

// usage reads the clocks.
func (e *engine) usage() (proc.Usage, error) {
	u, err := proc.TakeUsage(e.opt.PID)
	if err != nil && e.fault != nil {
		// That the server has ended is what the run tells; its clocks are gone.
		e.opt.PID = 0
		return proc.TakeUsage(0)
	}
	return u, err
}

// result is what counted says, and what came after it that no run may have.
func (e *engine) result(counted *counts) result.Load {
	o := e.opt
	r := result.Load{
		Transport: o.Transport, Era: EraLegacy, Conns: o.Conns, Depth: o.Depth, Processes: 1,
		Rate: o.Rate, CallBytes: len(e.wire.heads[0]) + len(e.wire.calls[0].b),
		Calls: counted.Calls, Refused: counted.Refused,
		Notices: counted.Notices, Reconnects: counted.Reconnects,
		Mismatches: e.counts.Mismatches, Closed: e.counts.Closed,
		Unsent: e.unsent(), Lost: uint64(e.lost + e.pending + e.greeting()),
		SlowChecks: e.check.slow,
		Latency:    e.hists.call, Refusal: e.hists.refusal, Connect: e.hists.connect,
		Timeline: e.line.samples,
	}
	if o.modern() {
		r.Era = EraModern
	}
	if o.Lives > 0 {
		r.Life = e.hists.life
	}
	if len(e.conns) > 0 {
		r.CallBytes = len(e.conns[0].hs[0]) + len(e.wire.calls[0].b)
	}
	r.Minutes = e.line.whole()
	for i, h := range e.hists.byKind {
		if r.ByMethod == nil {
			r.ByMethod = map[string]*result.Histogram{}
		}
		r.ByMethod[o.Method[i]] = h
	}
	if e.fault != nil {
		r.FirstFault, r.FaultAt = e.fault.Error(), e.line.moment(e.firstFault)
	}
	if e.firstRefusal > 0 {
		r.RefusalAt = e.line.moment(e.firstRefusal)
	}
	if r.Calls > 0 {
		r.ReplyBytes = int(counted.Bytes / r.Calls)
	}
	return r
}

// spend fills in what passed between two readings of the clocks.
func spend(r *result.Load, from, to *proc.Usage, pid int) {
	r.Seconds = to.At.Sub(from.At).Seconds()
	client, server := to.Client-from.Client, to.Server-from.Server
	if pid <= 0 {
		server = 0
	}
	r.Client.CPUSeconds = client.Seconds()
	r.Client.Busiest = client.Seconds() / r.Seconds
	// The machine's times are sampled, so that the difference can come out below zero.
	r.Client.OthersShare = max(0, (to.Host-from.Host-client-server).Seconds()/r.Seconds)
	if pid > 0 {
		r.Server.Source = proc.CPUSource
		r.Server.CPUSeconds = server.Seconds()
		r.Server.UserSeconds = (to.User - from.User).Seconds()
	}
	r.Derive()
}

// remember reads the server's memory with all connections open.
func (e *engine) remember(r *result.Load) error {
	if e.opt.PID <= 0 {
		return nil
	}
	m, err := proc.MemoryOf(e.opt.PID)
	switch {
	case err != nil && e.fault != nil:
		return nil // it has ended, as usage says
	case err != nil:
		return errors.Join(err, r.Err())
	}
	r.Server.After = m
	return nil
}

// errNoFault stands where no connection told why.
var errNoFault = errors.New("none")

func orNone(fault error) error {
	if fault == nil {
		return errNoFault
	}
	return fault
}
