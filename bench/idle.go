package bench

import (
	"fmt"
	"runtime"
	"time"
)

// IdleOptions describe connections that do nothing, or sessions that were left behind.
type IdleOptions struct {
	Load    Options       // Conns, transport and so on; PID is needed
	Hold    time.Duration // how long the connections stay open before memory is read again
	Abandon bool          // http-legacy: initialize, close, and wait until sessions have ended
	TTL     time.Duration // Abandon: how long the server keeps a session nobody uses
}

// IdleResult is the server's memory around a crowd of connections.
type IdleResult struct {
	Transport string  `json:"transport"`
	Conns     int     `json:"conns"`
	Abandon   bool    `json:"abandon"`
	Seconds   float64 `json:"seconds"`
	Before    Memory  `json:"before"`   // before the first connection
	Reached   Memory  `json:"reached"`  // all open and called once, or all abandoned
	Held      Memory  `json:"held"`     // after the hold, or after the time to live
	PerConn   float64 `json:"per_conn"` // bytes: held less before; abandon: reached less before
	Left      float64 `json:"left"`     // abandon: held over before, 1 is all given back
	Errors    uint64  `json:"errors"`
}

// RunIdle opens the connections, sends one call on each (or abandons them after initialize),
// and reads the server's memory before, then, and after the hold.
func RunIdle(opt IdleOptions) (IdleResult, error) {
	o := opt.Load
	if err := o.Validate(); err != nil {
		return IdleResult{}, err
	}
	if o.PID <= 0 {
		return IdleResult{}, fmt.Errorf("cannot measure memory: give the server's pid")
	}
	if opt.Abandon && o.Transport != TransportHTTPLegacy {
		return IdleResult{}, fmt.Errorf("cannot abandon sessions over %q: only %s has them",
			o.Transport, TransportHTTPLegacy)
	}
	o.Depth, o.Threads = 1, 1
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w, err := newWire(&o)
	if err != nil {
		return IdleResult{}, err
	}
	e, err := newEngine(&o, w, o.Conns)
	if err != nil {
		return IdleResult{}, err
	}
	defer e.close()
	r := IdleResult{Transport: o.Transport, Conns: o.Conns, Abandon: opt.Abandon}
	if err := e.crowd(&opt, &o, &r); err != nil {
		return r, err
	}
	r.Seconds = time.Since(e.start).Seconds()
	grown := r.Held.RSS
	if opt.Abandon {
		grown = r.Reached.RSS
		r.Left = float64(r.Held.RSS) / float64(max(1, r.Before.RSS))
	}
	r.PerConn = (float64(grown) - float64(r.Before.RSS)) / float64(o.Conns)
	return r, nil
}

// crowd makes the connections and fills in r's memory.
func (e *engine) crowd(opt *IdleOptions, o *Options, r *IdleResult) (err error) {
	if r.Before, err = memory(o.PID); err != nil {
		return err
	}
	if err := e.connect(nil, 0, 1, 1); err != nil {
		return err
	}
	wait := opt.Hold
	if opt.Abandon {
		e.closeConns()
		wait += opt.TTL
	} else if err := e.callOnce(r); err != nil {
		return err
	}
	if r.Reached, err = memory(o.PID); err != nil {
		return err
	}
	if opt.Abandon {
		time.Sleep(wait)
	} else if _, err := e.until(time.Now().Add(wait), nil); err != nil {
		return err
	}
	if e.open < o.Conns && !opt.Abandon {
		return fmt.Errorf("server ended %d of %d idle connections, first: %w",
			o.Conns-e.open, o.Conns, e.fault)
	}
	r.Held, err = memory(o.PID)
	return err
}

func (e *engine) callOnce(r *IdleResult) error {
	e.begin()
	want := len(e.conns)
	done, err := e.until(time.Now().Add(settleTime), func() bool { return e.idle == want })
	r.Errors = e.counts.Errors
	if err != nil {
		return err
	}
	if !done || e.counts.Mismatches > 0 || e.counts.Errors > 0 {
		return fmt.Errorf("only %d of %d connections got a good answer, first fault: %w",
			e.counts.Messages, want, orNone(e.fault))
	}
	return nil
}
