package server

import (
	"context"
	"sync"
	"time"
)

// callContext is what a handler gets as its context, which may outlive its call. Most handlers
// never look at it, so the context that can be waited for, derived from and asked for its cause is
// made when one does.
type callContext struct {
	mu     sync.Mutex // guards what follows
	made   context.Context
	cancel context.CancelCauseFunc
	cause  error // why it has ended
}

// own makes the context, already ended when the call has.
func (x *callContext) own() context.Context {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.made == nil {
		x.made, x.cancel = context.WithCancelCause(context.Background())
		if x.cause != nil {
			x.cancel(x.cause)
		}
	}
	return x.made
}

// end ends the context, once.
func (x *callContext) end(cause error) {
	x.mu.Lock()
	x.cause = cause
	cancel := x.cancel
	x.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}

// Deadline implements context.Context: Options.CallTimeout is kept by the server.
func (x *callContext) Deadline() (deadline time.Time, ok bool) { return }

// Done implements context.Context.
func (x *callContext) Done() <-chan struct{} { return x.own().Done() }

// Err implements context.Context.
func (x *callContext) Err() error {
	x.mu.Lock()
	running := x.made == nil && x.cause == nil
	x.mu.Unlock()
	if running { // Fast path.
		return nil
	}
	return x.own().Err()
}

// Value implements context.Context. Package context finds its own part of the context by it.
func (x *callContext) Value(key any) any { return x.own().Value(key) }

// Context ends when the client cancels the call or goes away, when the call times out, and when
// it was answered. context.Cause tells which.
func (c *Call) Context() context.Context {
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.context == nil {
		c.context = &callContext{cause: c.cause}
	}
	return c.context
}

// callTimeout is ErrTimeout.
type callTimeout struct{}

// Error names the limit.
func (callTimeout) Error() string {
	return "server: the call took longer than Options.CallTimeout"
}

// Is tells those who know nothing of this server that a time was over.
func (callTimeout) Is(target error) bool { return target == context.DeadlineExceeded }
