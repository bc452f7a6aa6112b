package loop

import (
	"context"
	"fmt"
)

// Quiesce is the first half of Drain, for a group that also has conns which Dial
// made: it stops accepting, asks each other conn to end (Drainer) and waits until
// those are gone; when ctx ends first, the ones that are left are closed with
// ErrDraining, and the error wraps ctx's. Dialed conns stay, and Dial makes more,
// until Drain. Never call it on a loop.
func (g *Group) Quiesce(ctx context.Context) error {
	g.quiet.Store(true)
	g.Start()
	g.closeListeners()
	g.each((*Loop).drainServed)
	left := g.waitGone(ctx, g.served)
	if left <= 0 {
		return nil
	}
	g.each((*Loop).closeServed)
	g.waitGone(context.Background(), g.served)
	return fmt.Errorf("cannot drain %d conns in time: %w", left, context.Cause(ctx))
}

// Drain ends the group: it stops accepting at once, asks each conn to end
// (Drainer), waits until all are gone, and stops the loops. When ctx ends
// first, the conns that are left are closed with ErrDraining, and Drain returns
// an error that wraps ctx's. Nothing of the group is left when Drain returns,
// except a read of a terminal that cannot be interrupted (Std). A second call
// waits for the first. Never call it on a loop.
func (g *Group) Drain(ctx context.Context) error {
	g.draining.Store(true)
	g.Start()
	g.closeListeners()
	g.each((*Loop).drainConns)

	left := g.waitGone(ctx, g.live.Load)
	if left > 0 {
		g.each((*Loop).closeConns)
		g.waitGone(context.Background(), g.live.Load)
	}
	g.waitStd(ctx)
	g.stop()
	if left > 0 {
		return fmt.Errorf("cannot drain %d conns in time: %w", left, context.Cause(ctx))
	}
	return nil
}

// each runs f on every loop that still runs, one after the other.
func (g *Group) each(f func(*Loop)) {
	for _, l := range g.loops {
		_ = l.do(func() { f(l) })
	}
}

// drainServed asks every conn to end that Dial did not make.
func (l *Loop) drainServed() {
	if l.quiet {
		return
	}
	l.quiet = true
	for _, c := range l.conns {
		if c.own&ownDialed == 0 {
			c.drain() // only marks and nudges, or calls the handler: conns stays as it is
		}
	}
}

// drainConns asks every conn to end that was not asked.
func (l *Loop) drainConns() {
	if l.draining {
		return
	}
	l.draining = true
	for _, c := range l.conns {
		if !l.quiet || c.own&ownDialed != 0 {
			c.drain()
		}
	}
}

// closeServed ends every conn that Dial did not make, also those that are on their way to l.
func (l *Loop) closeServed() {
	l.quiet, l.hushed = true, true
	for _, c := range l.conns {
		if c.own&ownDialed == 0 {
			c.Close(ErrDraining)
		}
	}
}

// closeConns ends every conn, also those that are on their way to l.
func (l *Loop) closeConns() {
	l.draining, l.stopping = true, true
	for _, c := range l.conns {
		c.Close(ErrDraining)
	}
}

// waitGone waits for the last conn that count counts and returns how many are left.
func (g *Group) waitGone(ctx context.Context, count func() int64) int64 {
	for {
		left := count()
		if left <= 0 {
			g.tellGone() // the next one that waits
			return 0
		}
		select {
		case <-g.allGone:
		case <-g.failed: // a dead loop never closes its conns
			return left
		case <-ctx.Done():
			return left
		}
	}
}

// stop ends the loops; nothing is left for them to do.
func (g *Group) stop() {
	g.mu.Lock()
	first := !g.drained
	g.drained = true
	g.mu.Unlock()
	if !first {
		<-g.done
		return
	}
	for _, l := range g.loops {
		_ = l.do(l.stop)
	}
	for _, l := range g.loops {
		<-l.ended
	}
	close(g.done)
}

// register makes c one of l's conns.
func (l *Loop) register(c *Conn) {
	c.index = int32(len(l.conns))
	l.conns = append(l.conns, c)
	if c.own&ownInbound != 0 {
		l.stats.accepted.Add(1)
	} else {
		l.stats.dialed.Add(1)
	}
	c.schedule()
	if l.stopping || l.hushed && c.own&ownDialed == 0 {
		c.fail(ErrDraining)
	}
}

func (l *Loop) unregister(c *Conn) {
	last := len(l.conns) - 1
	moved := l.conns[last]
	l.conns[c.index] = moved
	moved.index = c.index
	l.conns[last] = nil
	l.conns = l.conns[:last]
	if c := cap(l.conns); c > connsKeep && last < c/4 {
		l.conns = append(make([]*Conn, 0, c/2), l.conns...) // after a crowd the memory goes back
	}
	c.index = -1
	l.stats.closed.Add(1)
}

// connsKeep is the capacity below which the list of conns is not made smaller.
const connsKeep = 1024
