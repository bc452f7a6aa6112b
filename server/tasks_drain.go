package server

import (
	"context"
	"time"

	"github.com/mcploop/mcploop/codec"
)

// A drain leaves no task in between: those that are not done near its end are ended, and whoever
// polls for a task that ended meanwhile gets the time to learn it. tasks/get and its kin are served
// until then.

// draining is what tasks need to know of the server's end. tasks.mu guards it.
type draining struct {
	closed bool                // no call becomes a task any more
	untold map[string]struct{} // ended since the drain began, and not asked for since; nil before
	change chan struct{}       // closed when one of the numbers that are waited for becomes 0
}

// errShutDown is the answer of who comes too late.
var errShutDown = codec.ErrOverloaded.With("the server is shutting down")

// ended notes the end of a task while the server drains. tasks.mu must be held.
func (d *draining) ended(id string, left int) {
	if d.untold == nil {
		return
	}
	d.untold[id] = struct{}{}
	if left == 0 {
		d.changed()
	}
}

// changed wakes who waits. tasks.mu must be held.
func (d *draining) changed() {
	if d.change != nil {
		close(d.change)
		d.change = nil
	}
}

// told notes that somebody has got what became of the task.
func (t *tasks) told(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.untold[id]; !ok {
		return
	}
	if delete(t.untold, id); len(t.untold) == 0 {
		t.changed()
	}
}

// wait returns once size is 0 or ctx ends. size is asked with mu held.
func (t *tasks) wait(ctx context.Context, size func() int) {
	for {
		changed := t.awaits(size)
		if changed == nil {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// awaits returns a channel that is closed when size may be 0, nil when it is.
func (t *tasks) awaits(size func() int) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.untold == nil {
		t.untold = map[string]struct{}{}
	}
	if size() == 0 {
		return nil
	}
	if t.change == nil {
		t.change = make(chan struct{})
	}
	return t.change
}

// close lets no further call become a task and returns those that run.
func (t *tasks) close() (left []*taskOrigin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, to := range t.running {
		left = append(left, to)
	}
	return left
}

// failTasks ends every task that runs, and who waits for one of another process. No call becomes a
// task any more. What it returns is closed when the last one has ended, which a store that hangs
// may keep it from.
func (s *Server) failTasks() <-chan struct{} {
	left, done := s.tasks.close(), make(chan struct{})
	s.tasks.offLoop(func() {
		defer close(done)
		for _, to := range left {
			to.call.failWire(codec.ErrOverloaded.With("the server drains and has ended the task "+
				"before it was done"), nil)
		}
	})
	for _, c := range s.tasks.abroad.waiting.close() {
		c.failWire(errShutDown, nil)
	}
	return done
}

// offLoop runs f where the store may be waited for.
func (t *tasks) offLoop(f func()) {
	t.mu.Lock()
	t.writing++
	t.mu.Unlock()
	go func() {
		defer t.wrote()
		f()
	}()
}

func (t *tasks) wrote() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writing--; t.writing == 0 {
		t.changed()
	}
}

// settle waits until ctx ends for what was taken off the loops.
func (t *tasks) settle(ctx context.Context) { t.wait(ctx, func() int { return t.writing }) }

// drainTasks lets tasks go on until ctx is about to end, ends those that are left as failed, and
// waits until their clients have asked for them, at most two poll intervals. The last quarter of
// ctx's time is left to the connections.
func (s *Server) drainTasks(ctx context.Context) {
	t := &s.tasks
	notice := 2 * s.opt.Tasks.PollInterval
	work := ctx
	if end, ok := ctx.Deadline(); ok {
		quarter := time.Until(end) / 4
		notice = min(notice, quarter)
		some, cancel := context.WithDeadline(ctx, end.Add(-quarter-notice))
		defer cancel()
		work = some
	}
	t.wait(work, func() int { return len(t.running) })
	told, cancel := context.WithTimeout(ctx, notice)
	defer cancel()
	select {
	case <-s.failTasks():
	case <-told.Done():
	}
	t.wait(told, func() int { return len(t.untold) })
}
