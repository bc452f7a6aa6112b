package server

import (
	"context"
	"errors"
	"testing"
)

// The context of a call is one like any other, whether it was looked at before the end or not.
func TestCallContext(t *testing.T) {
	f := func(name string, before func(context.Context)) {
		t.Helper()
		x := &callContext{}
		if err := x.Err(); err != nil {
			t.Errorf("%s: Err at first: %v", name, err)
		}
		before(x)
		x.end(ErrTimeout)
		select {
		case <-x.Done():
		default:
			t.Errorf("%s: Done is open after the end", name)
		}
		if err := x.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Err is %v, want %v", name, err, context.Canceled)
		}
		if cause := context.Cause(x); !errors.Is(cause, ErrTimeout) {
			t.Errorf("%s: Cause is %v, want %v", name, cause, ErrTimeout)
		}
	}
	f("nobody looked", func(context.Context) {})
	f("Done was asked for", func(ctx context.Context) { ctx.Done() })

	var child, named context.Context
	f("a child was derived", func(ctx context.Context) {
		var cancel context.CancelFunc
		child, cancel = context.WithCancel(ctx)
		t.Cleanup(cancel)
		type key struct{}
		named = context.WithValue(ctx, key{}, "value")
	})
	for _, ctx := range []context.Context{child, named} {
		if cause := context.Cause(ctx); !errors.Is(cause, ErrTimeout) || ctx.Err() == nil {
			t.Errorf("%v: %v, %v", ctx, ctx.Err(), cause)
		}
	}
	late, cancel := context.WithCancel(child)
	defer cancel()
	if cause := context.Cause(late); !errors.Is(cause, ErrTimeout) {
		t.Errorf("a child of an ended child: %v", cause)
	}
}

// A call that has ended hands out an ended context.
func TestContextAfterTheEnd(t *testing.T) {
	c := &Call{}
	if !c.leave(callCancelled, ErrDisconnected) {
		t.Fatal("a new call has ended")
	}
	if cause := context.Cause(c.Context()); !errors.Is(cause, ErrDisconnected) {
		t.Errorf("Cause is %v, want %v", cause, ErrDisconnected)
	}
}
