package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Group is a set of loops and what they serve together.
type Group struct {
	opt   Options
	base  time.Time // the zero of Loop.Now
	loops []*Loop

	lastID atomic.Uint64 // Conn.ID
	turn   atomic.Uint64 // round robin for Dial and unix sockets

	live     atomic.Int64 // conns of all kinds, also those on their way to a loop
	inbound  atomic.Int64 // accepted ones, bounded by ConnsMax
	dialed   atomic.Int64 // ours to the peer; counted after live, and before it at the end
	quiet    atomic.Bool
	draining atomic.Bool
	allGone  chan struct{} // gets a token when what Quiesce or Drain waits for has gone

	mu        sync.Mutex // guards the rest; never taken on a loop while it serves
	started   bool
	drained   bool
	listeners map[*Listener]struct{}
	stdDone   chan struct{} // nil before Std
	failure   error
	failed    chan struct{} // closed with the first failure
	done      chan struct{} // closed when all loops ended
}

// New makes a group and the fds of its loops. Start it, then end it with Drain.
func New(opt Options) (*Group, error) {
	opt = opt.withDefaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	g := &Group{
		opt: opt, base: time.Now(),
		allGone:   make(chan struct{}, 1),
		listeners: make(map[*Listener]struct{}),
		failed:    make(chan struct{}),
		done:      make(chan struct{}),
	}
	for i := range opt.Loops {
		l, err := newLoop(g, i)
		if err != nil {
			_ = g.Drain(context.Background())
			return nil, fmt.Errorf("cannot make loop %d of %d: %w", i, opt.Loops, err)
		}
		g.loops = append(g.loops, l)
	}
	return g, nil
}

// Loops returns the loops. The slice is the group's.
func (g *Group) Loops() []*Loop { return g.loops }

// Start runs the loops. A second call does nothing. Safe for concurrent use.
func (g *Group) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.started {
		return
	}
	g.started = true
	for _, l := range g.loops {
		go l.run()
	}
}

// Serve starts the loops and returns when the group was drained, when a loop
// failed, or when ctx ended; the last two end all conns at once. For an orderly
// end call Drain while Serve runs.
func (g *Group) Serve(ctx context.Context) error {
	g.Start()
	select {
	case <-g.done:
	case <-g.failed:
	case <-ctx.Done():
	}
	hard, cancel := context.WithCancel(ctx)
	cancel()
	if err := g.Drain(hard); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return g.firstFailure()
}

// fail notes that a loop cannot go on.
func (g *Group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failure == nil {
		g.failure = err
		close(g.failed)
	}
}

func (g *Group) firstFailure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure
}

// next picks a loop in turn.
func (g *Group) next() *Loop {
	return g.loops[g.turn.Add(1)%uint64(len(g.loops))]
}

// admit counts an accepted conn; false means that ConnsMax is reached.
func (g *Group) admit() bool {
	if g.inbound.Add(1) > int64(g.opt.ConnsMax) {
		g.inbound.Add(-1)
		return false
	}
	g.live.Add(1)
	return true
}

// begin counts a conn that is not accepted. Counting comes before the look at
// draining and Drain sets that before it looks at the count, so a group never
// stops with a conn on its way.
func (g *Group) begin(own uint16) error {
	g.live.Add(1)
	if own&ownDialed != 0 {
		g.dialed.Add(1)
		g.lookGone() // who released one in between saw too many
	}
	if g.draining.Load() {
		g.release(own)
		return ErrDraining
	}
	return nil
}

// hold counts what a dialed conn has begun beside its loop, so that the loop outlives it.
func (g *Group) hold() {
	g.live.Add(1)
	g.dialed.Add(1)
	g.lookGone() // as in begin
}

// release counts a conn that ended, with its bits.
func (g *Group) release(own uint16) {
	if own&ownInbound != 0 {
		g.inbound.Add(-1)
	}
	if own&ownDialed != 0 {
		g.dialed.Add(-1)
	}
	g.live.Add(-1)
	g.lookGone()
}

// lookGone tells who waits when all that they wait for has gone.
func (g *Group) lookGone() {
	if g.draining.Load() && g.live.Load() == 0 || g.quiet.Load() && g.served() <= 0 {
		g.tellGone()
	}
}

// served is how many conns there are that Dial did not make.
func (g *Group) served() int64 { return g.live.Load() - g.dialed.Load() }

// Served is how many conns there are that Dial did not make: accepted ones and that of Std. Safe
// for concurrent use.
func (g *Group) Served() int { return int(max(g.served(), 0)) }

func (g *Group) tellGone() {
	select {
	case g.allGone <- struct{}{}:
	default:
	}
}

// do runs f on l and waits for it; before Start it runs f here. It is for the
// control plane: never call it on a loop. ErrStopped when l has ended.
func (l *Loop) do(f func()) error {
	g := l.group
	g.mu.Lock()
	if !g.started {
		defer g.mu.Unlock()
		f()
		return nil
	}
	g.mu.Unlock()
	ran := make(chan struct{})
	for {
		err := l.Post(func() { defer close(ran); f() })
		if err == nil {
			break
		}
		if !errors.Is(err, ErrFull) {
			return err
		}
		time.Sleep(time.Millisecond) // the loop empties its ring meanwhile
	}
	select {
	case <-ran:
		return nil
	case <-l.ended:
		return ErrStopped
	}
}
