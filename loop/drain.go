package loop

import (
	"context"
	"fmt"
)

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

	left := g.waitGone(ctx)
	if left > 0 {
		g.each((*Loop).closeConns)
		g.waitGone(context.Background())
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

// drainConns asks every conn to end.
func (l *Loop) drainConns() {
	if l.draining {
		return
	}
	l.draining = true
	for _, c := range l.conns {
		c.drain() // only marks and nudges, or calls the handler: conns stays as it is
	}
}

// closeConns ends every conn, also those that are on their way to l.
func (l *Loop) closeConns() {
	l.draining, l.stopping = true, true
	for _, c := range l.conns {
		c.Close(ErrDraining)
	}
}

// waitGone waits for the last conn and returns how many are left.
func (g *Group) waitGone(ctx context.Context) int64 {
	for {
		left := g.live.Load()
		if left == 0 {
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
	if l.stopping {
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
