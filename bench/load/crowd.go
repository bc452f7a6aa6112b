package load

import (
	"context"
	"fmt"
	"time"
)

// Crowd is a number of connections that do what they are told and nothing else. It is not safe
// for concurrent use.
type Crowd struct {
	e *engine
}

// Gather opens opt.Conns connections, with their handshakes unless opt.Quiet says that not one
// byte is sent. Rate, Span and what belongs to them mean nothing here.
func Gather(opt Options) (*Crowd, error) {
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
	if err := e.connectAll(); err != nil {
		e.close()
		return nil, err
	}
	return &Crowd{e}, nil
}

// Call makes n calls on each connection, as many at a time as Depth says, and waits until every
// one has a good answer.
func (c *Crowd) Call(n int) error {
	e := c.e
	for i := range e.conns {
		if e.conns[i].phase == phaseCalling {
			e.conns[i].phase = phaseWaiting
		}
		e.conns[i].left = n
	}
	before, want := e.counts, len(e.conns)
	e.beginAll()
	_, err := e.until(time.Now().Add(settleTime), func() bool {
		return e.idle == want || e.open < want
	})
	if err != nil {
		return err
	}
	if calls := e.counts.Calls - before.Calls; calls != uint64(n*want) {
		return fmt.Errorf("only %d of %d calls on %d connections got a good answer, %d were "+
			"refused, first fault: %w", calls, n*want, want, e.counts.Refused-before.Refused,
			orNone(e.fault))
	}
	return nil
}

// Hold keeps the connections open for d, or until ctx ends, and reads whatever the server sends.
// Its error tells of a connection that the server ended.
func (c *Crowd) Hold(ctx context.Context, d time.Duration) error {
	e := c.e
	defer context.AfterFunc(ctx, func() { e.stopped.Store(true) })()
	if _, err := e.until(time.Now().Add(d), nil); err != nil {
		return err
	}
	if e.open < len(e.conns) {
		return fmt.Errorf("server ended %d of %d idle connections, first: %w",
			len(e.conns)-e.open, len(e.conns), orNone(e.fault))
	}
	return ctx.Err()
}

// Close closes every connection.
func (c *Crowd) Close() { c.e.close() }
