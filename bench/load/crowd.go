package load

import (
	"context"
	"fmt"
	"time"
)

// Crowd is a number of connections that do what they are told and nothing else. It is not safe
// for concurrent use.
type Crowd struct {
	e    *engine
	free func() bool // lets go of the context
}

// State is what a crowd has seen so far.
type State struct {
	Open    int       `json:"open"`    // connections
	Calls   uint64    `json:"calls"`   // good answers
	Notices uint64    `json:"notices"` // messages that answer nothing; listeners: changed lists
	Last    time.Time `json:"last"`    // when the last listener heard what Await waited for
}

// Gather opens opt.Conns connections, with their handshakes unless opt.Quiet says that not one
// byte is sent, and with a stream on each when opt.Listen says so. Rate, Span and what belongs to
// them mean nothing here. When ctx ends whatever the crowd is doing ends with an error.
func Gather(ctx context.Context, opt Options) (*Crowd, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	if opt.Transport == TransportStdio {
		return nil, fmt.Errorf("cannot gather a crowd over %s: it has one connection",
			opt.Transport)
	}
	opt.Rate, opt.Lives, opt.Ramp = 0, 0, 0
	e, err := newEngine(&opt, 0)
	if err != nil {
		return nil, err
	}
	c := &Crowd{e, context.AfterFunc(ctx, func() { e.stopped.Store(true) })}
	if err := e.connectAll(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// State returns what the crowd has seen.
func (c *Crowd) State() State {
	e := c.e
	return State{
		Open: e.open, Calls: e.counts.Calls, Notices: e.counts.Notices,
		Last: e.start.Add(time.Duration(e.streams.last)),
	}
}

// Greet makes the handshakes of a crowd that was gathered quiet.
func (c *Crowd) Greet() error {
	e := c.e
	if !e.opt.Quiet {
		return nil
	}
	e.opt.Quiet, e.ready = false, 0
	e.now = int64(time.Since(e.start))
	for i := range e.conns {
		if c := &e.conns[i]; c.phase == phaseWaiting {
			e.out = e.out[:0]
			e.greet(c)
			e.flush(c)
		}
	}
	return e.awaitReady(len(e.conns))
}

// Resize makes every call from now on one of so many bytes, as Options.Bytes says.
func (c *Crowd) Resize(bytes int) error {
	e := c.e
	e.opt.Bytes = bytes
	if err := e.opt.Validate(); err != nil {
		return err
	}
	w, err := newWire(e.opt)
	if err != nil {
		return err
	}
	for i := range e.conns {
		if c := &e.conns[i]; c.session != "" {
			c.hs = w.headsFor(c.session)
		} else {
			c.hs = w.heads
		}
	}
	e.wire, e.check = w, newChecker(e.opt, w)
	return nil
}

// waveBytes bounds what a crowd has in flight, which the kernel has to hold twice.
const waveBytes = 64 << 20

// Call makes n calls on each connection, as many at a time as Depth says, and waits until every
// one has a good answer. A crowd calls in waves of 64 MiB.
func (c *Crowd) Call(n int) error {
	e := c.e
	for i := range e.conns {
		if e.conns[i].phase == phaseCalling {
			e.conns[i].phase = phaseWaiting
		}
		e.conns[i].left = n
	}
	before, refused, many := e.counts.Calls, e.counts.Refused, len(e.conns)
	wave := max(1, waveBytes/(max(1, e.opt.Bytes)*min(n, e.opt.Depth)))
	e.idle = 0
	for from := 0; from < many; from += wave {
		to := min(from+wave, many)
		e.beginSome(e.conns[from:to])
		deadline := time.Now().Add(settleTime)
		done, err := e.until(deadline, func() bool { return e.idle >= to || e.open < many })
		if err != nil {
			return err
		}
		if !done || e.open < many {
			break
		}
	}
	if calls := e.counts.Calls - before; calls != uint64(n*many) {
		return fmt.Errorf("only %d of %d calls on %d connections got a good answer "+
			"(%d were refused), first fault: %w", calls, n*many, many, e.counts.Refused-refused,
			orNone(e.fault))
	}
	return nil
}

// Hold keeps the connections open for d and reads whatever the server sends. Its error tells of a
// connection that the server ended.
func (c *Crowd) Hold(d time.Duration) error {
	e := c.e
	if _, err := e.until(time.Now().Add(d), nil); err != nil {
		return err
	}
	if e.open < len(e.conns) {
		return fmt.Errorf("server ended %d of %d idle connections, first: %w",
			len(e.conns)-e.open, len(e.conns), orNone(e.fault))
	}
	if e.stopped.Load() {
		return context.Canceled
	}
	return nil
}

// Await waits until every listener has heard of one more change, for d at most.
func (c *Crowd) Await(d time.Duration) error {
	e := c.e
	e.streams.heard = 0
	for i := range e.conns {
		e.conns[i].told = 0
	}
	all := func() bool { return e.streams.heard == len(e.conns) || e.open < len(e.conns) }
	if _, err := e.until(time.Now().Add(d), all); err != nil {
		return err
	}
	if e.streams.heard < len(e.conns) {
		return fmt.Errorf("only %d of %d listeners were told of a change within %v, "+
			"first fault: %w", e.streams.heard, len(e.conns), d, orNone(e.fault))
	}
	return nil
}

// Close closes every connection.
func (c *Crowd) Close() {
	c.free()
	c.e.close()
}
