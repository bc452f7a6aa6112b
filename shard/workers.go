package shard

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

var (
	// ErrFull occurs when the queue of the workers is at its reject watermark.
	ErrFull = errors.New("shard: the queue of the workers is full")
	// ErrClosed occurs when work is submitted after Close.
	ErrClosed = errors.New("shard: the workers are closed")
	// ErrGoexit is what OnPanic gets when the work called runtime.Goexit.
	ErrGoexit = errors.New("shard: the work ended its goroutine")
)

// WorkersOptions are the limits of Workers.
type WorkersOptions struct {
	// Count is how many goroutines may run work at the same time: 1 to 2^20,
	// 0 means 64 per core. They are started when they are first needed.
	Count int
	// Rings is how many rings the queue is split into, so that the loops that
	// submit do not meet: 1 to Slots, 0 means one per core.
	Rings int
	// Slots is how many items may wait in all rings together: 1 to 2^24,
	// 0 means 10,000.
	Slots int
	// WarnPercent and RejectPercent are the watermarks, in percent of Slots:
	// 1 to 100, 0 means 75 and 95. From RejectPercent on Submit refuses.
	WarnPercent, RejectPercent int
	// OnPanic is called, on the worker, with the item whose work panicked, the
	// recovered value and the stack. The worker lives on. It must not panic.
	OnPanic func(item, recovered any, stack []byte)
	// OnDrop is called by Close for each item that was never started because the
	// context of Close had ended.
	OnDrop func(item any)
}

// Workers run queued items on a bounded number of goroutines. Work that hangs
// occupies its worker and nothing else: the others go on, and when all hang the
// queue fills and Submit refuses.
//
// How no wake-up is lost, with few of them sent: queued counts the items that
// were submitted and not taken, searching the workers that look for one. Submit
// raises queued and publishes the item, then looks at searching, and wakes a
// worker only when none searches. A worker that found an item lowers searching,
// then looks at queued, and wakes the next worker when more is left. A worker
// that goes to sleep lowers searching, then looks at queued and at the rings once
// more. So of two that meet, at least one sees the other.
//
// All methods are safe for concurrent use.
type Workers[T any] struct {
	run     func(worker int, v T)
	onPanic func(item, recovered any, stack []byte)
	onDrop  func(item any)
	rings   []*Ring[T]
	slots   int
	warn    int
	reject  int
	count   int
	closed  atomic.Bool
	panics  atomic.Uint64
	done    chan struct{} // closed when everything has ended after Close

	mu      sync.Mutex // guards idle, started, live and the closing of done
	idle    []*worker  // sleepers; the last one to sleep is the first to wake
	started int
	live    int // goroutines

	_         [64]byte
	queued    padded // submitted and not taken
	searching padded // workers awake without work
	spare     padded // workers asleep or not started
}

// homeTurns is how many items a worker takes before it moves to the next ring,
// so that a ring that never runs empty does not starve the others.
const homeTurns = 16

// worker is owned by its goroutine, except that its waker sends on wake after
// it took the worker off idle.
type worker struct {
	index     int
	home      int // the ring it looks at first
	taken     int // items so far
	searching bool
	wake      chan struct{}
}

// NewWorkers checks the options. run is called with the index of the worker,
// from 0 to Count-1, and an item; no two calls with the same index overlap.
func NewWorkers[T any](opt WorkersOptions, run func(worker int, v T)) (*Workers[T], error) {
	opt = opt.withDefaults()
	if err := opt.validate(); err != nil {
		return nil, fmt.Errorf("cannot make workers: %w", err)
	}
	p := &Workers[T]{
		run: run, onPanic: opt.OnPanic, onDrop: opt.OnDrop,
		slots:  opt.Slots,
		warn:   percentOf(opt.Slots, opt.WarnPercent),
		reject: percentOf(opt.Slots, opt.RejectPercent),
		count:  opt.Count,
		done:   make(chan struct{}),
	}
	each := (opt.Slots + opt.Rings - 1) / opt.Rings
	for range opt.Rings {
		r, err := NewRing[T](1 << bits.Len(uint(each-1)))
		if err != nil {
			return nil, err
		}
		p.rings = append(p.rings, r)
	}
	p.spare.Store(uint64(opt.Count))
	return p, nil
}

// Submit queues v. hint says which ring is tried first; a loop passes its index.
// It returns ErrFull at the reject watermark and ErrClosed after Close: v was not
// kept then. It never blocks, but for the mutex of a wake-up.
func (p *Workers[T]) Submit(hint int, v T) error {
	n := p.queued.Add(1)
	if p.closed.Load() {
		return p.refuse(ErrClosed)
	}
	if n > uint64(p.reject) || !p.push(hint, v) {
		return p.refuse(ErrFull)
	}
	p.wakeOne()
	return nil
}

// refuse takes back what Submit had counted.
func (p *Workers[T]) refuse(err error) error {
	p.queued.Add(^uint64(0))
	if p.closed.Load() {
		p.mu.Lock()
		p.settle()
		p.mu.Unlock()
	}
	return err
}

// push tries every ring, since the others may have room when one loop submits
// more than its share.
func (p *Workers[T]) push(hint int, v T) bool {
	at := uint(hint) % uint(len(p.rings))
	for range p.rings {
		if p.rings[at].TryPush(v) {
			return true
		}
		if at++; at == uint(len(p.rings)) {
			at = 0
		}
	}
	return false
}

// Len returns how many items wait.
func (p *Workers[T]) Len() int { return int(min(p.queued.Load(), uint64(p.slots))) }

// Cap returns how many items may wait.
func (p *Workers[T]) Cap() int { return p.slots }

// Level tells how full the queue is, by its watermarks.
func (p *Workers[T]) Level() Level { return levelOf(p.Len(), p.warn, p.reject) }

// Count returns how many workers may run at the same time.
func (p *Workers[T]) Count() int { return p.count }

// Busy returns how many workers run work: a snapshot.
func (p *Workers[T]) Busy() int {
	return max(0, p.count-int(p.spare.Load())-int(p.searching.Load()))
}

// Panics returns how many items ended in a panic or in runtime.Goexit.
func (p *Workers[T]) Panics() uint64 { return p.panics.Load() }

// Close refuses new work, waits until everything that was accepted is done, and
// ends the workers. When ctx ends first, items that were not started go to OnDrop
// and the error says how many workers still run; those end after their work.
// It may be called again to wait on.
func (p *Workers[T]) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed.Store(true)
	for range p.idle {
		p.wakeIdle()
	}
	p.settle()
	p.mu.Unlock()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	p.drop()
	select {
	case <-p.done:
		return nil
	default:
		return fmt.Errorf("cannot stop %d workers that still run: %w", p.Busy(), ctx.Err())
	}
}

// drop takes what no worker has started.
func (p *Workers[T]) drop() {
	for p.queued.Load() > 0 {
		v, ok := p.steal(&worker{})
		if !ok {
			runtime.Gosched() // somebody is between counting and publishing
			continue
		}
		p.queued.Add(^uint64(0))
		if p.onDrop != nil {
			p.onDrop(v)
		}
	}
	p.mu.Lock()
	p.settle()
	p.mu.Unlock()
}

// settle reports the end once nothing runs and nothing waits. Called with mu held.
func (p *Workers[T]) settle() {
	if !p.closed.Load() || p.live > 0 || p.queued.Load() > 0 {
		return
	}
	select {
	case <-p.done:
	default:
		close(p.done)
	}
}

// work is the goroutine of one worker.
func (p *Workers[T]) work(w *worker) {
	ended := false
	defer func() {
		if !ended {
			go p.work(w) // the item called runtime.Goexit; the worker lives on
			return
		}
		p.spare.Add(1)
		p.mu.Lock()
		p.live--
		p.settle()
		p.mu.Unlock()
	}()
	for {
		v, ok := p.next(w)
		if !ok {
			ended = true
			return
		}
		p.runOne(w, v)
	}
}

func (p *Workers[T]) runOne(w *worker, v T) {
	finished := false
	defer func() {
		if finished {
			return
		}
		recovered := recover()
		if recovered == nil {
			recovered = ErrGoexit
		}
		p.panics.Add(1)
		if p.onPanic != nil {
			p.onPanic(v, recovered, debug.Stack())
		}
	}()
	p.run(w.index, v)
	finished = true
}

// next waits for an item; false means closed and drained.
func (p *Workers[T]) next(w *worker) (T, bool) {
	if w.taken++; w.taken%homeTurns == 0 {
		w.home = (w.home + 1) % len(p.rings)
	}
	// Fast path: the own ring, without telling anybody.
	if v, ok := p.rings[w.home].TryPop(); ok {
		p.found(w)
		return v, true
	}
	// Slow path: look everywhere, then sleep.
	if !w.searching {
		w.searching = true
		p.searching.Add(1)
	}
	for {
		if v, ok := p.steal(w); ok {
			p.found(w)
			return v, true
		}
		if p.closed.Load() {
			if p.queued.Load() == 0 {
				p.endSearch(w)
				var zero T
				return zero, false
			}
			runtime.Gosched() // somebody is between counting and publishing
			continue
		}
		if v, ok := p.sleep(w); ok {
			p.found(w)
			return v, true
		}
	}
}

// steal looks at every ring, the own one first.
func (p *Workers[T]) steal(w *worker) (T, bool) {
	if p.queued.Load() > 0 {
		for i := range p.rings {
			if v, ok := p.rings[(w.home+i)%len(p.rings)].TryPop(); ok {
				return v, true
			}
		}
	}
	var zero T
	return zero, false
}

// found is called by the worker that has just taken an item.
func (p *Workers[T]) found(w *worker) {
	p.endSearch(w)
	if p.queued.Add(^uint64(0)) > 0 {
		p.wakeOne()
	}
}

func (p *Workers[T]) endSearch(w *worker) {
	if w.searching {
		w.searching = false
		p.searching.Add(^uint64(0))
	}
}
