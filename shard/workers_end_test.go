package shard

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestWorkersSurvivePanics(t *testing.T) {
	type fault struct {
		item, recovered any
		stack           string
	}
	faults := make(chan fault, 1)
	done := make(chan struct{})
	opt := WorkersOptions{Count: 1, Rings: 1}
	opt.OnPanic = func(item, recovered any, stack []byte) {
		faults <- fault{item, recovered, string(stack)}
	}
	p := mustWorkers(t, opt, func(_ int, v string) {
		switch v {
		case "panic":
			panic("boom")
		case "exit":
			runtime.Goexit()
		default:
			close(done)
		}
	})
	f := func(item string, want any) {
		t.Helper()
		if err := p.Submit(0, item); err != nil {
			t.Fatalf("Submit: %s", err)
		}
		got := <-faults
		if got.item != item || got.recovered != want {
			t.Fatalf("got %v %v, want %v %v", got.item, got.recovered, item, want)
		}
		if !strings.Contains(got.stack, "TestWorkersSurvivePanics") {
			t.Fatalf("the stack does not show the work:\n%s", got.stack)
		}
	}
	f("panic", "boom")
	f("exit", ErrGoexit)
	f("panic", "boom")
	mustSubmit(t, p, 0, "ok")
	<-done
	if p.Panics() != 3 {
		t.Fatalf("Panics()=%d, want 3", p.Panics())
	}
	mustClose(t, p)
}

func TestWorkersCloseDrains(t *testing.T) {
	var ran atomic.Int64
	release := make(chan struct{})
	p := mustWorkers(t, WorkersOptions{Count: 2, Rings: 2}, func(int, int) {
		<-release
		ran.Add(1)
	})
	for i := range 50 {
		mustSubmit(t, p, i, i)
	}
	var wg sync.WaitGroup
	wg.Go(func() { mustClose(t, p) })
	eventually(t, "closed", func() bool { return p.closed.Load() })
	if err := p.Submit(0, 0); !errors.Is(err, ErrClosed) {
		t.Fatalf("Submit after Close: got %v, want ErrClosed", err)
	}
	close(release)
	wg.Wait()
	if ran.Load() != 50 {
		t.Fatalf("%d items ran before Close returned, want 50", ran.Load())
	}
	mustClose(t, p) // again is harmless
}

func TestWorkersCloseHardEnd(t *testing.T) {
	hang := make(chan struct{})
	var dropped atomic.Int64
	opt := WorkersOptions{Count: 3, Rings: 2}
	opt.OnDrop = func(any) { dropped.Add(1) }
	p := mustWorkers(t, opt, func(int, int) { <-hang })
	for i := range 20 {
		mustSubmit(t, p, i, i)
	}
	eventually(t, "all workers hanging", func() bool { return p.Busy() == 3 && p.Len() == 17 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := p.Close(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "3 workers") {
		t.Fatalf("Close: got %v, want 3 workers still running", err)
	}
	if dropped.Load() != 17 || p.Len() != 0 {
		t.Fatalf("dropped %d, Len=%d; want 17 0", dropped.Load(), p.Len())
	}
	close(hang)
	mustClose(t, p)
}

// TestWorkersCloseRace closes while others submit: what was accepted runs, and
// has run when Close returns.
func TestWorkersCloseRace(t *testing.T) {
	for range 50 {
		var ran, accepted atomic.Int64
		p := mustWorkers(t, WorkersOptions{Count: 4, Rings: 2, Slots: 64},
			func(int, int) { ran.Add(1) })
		var wg sync.WaitGroup
		for s := range 3 {
			wg.Go(func() {
				for p.Submit(s, s) == nil {
					accepted.Add(1)
				}
			})
		}
		runtime.Gosched()
		mustClose(t, p)
		after := ran.Load()
		wg.Wait()
		if after != accepted.Load() {
			t.Fatalf("%d had run when Close returned, want all %d", after, accepted.Load())
		}
	}
}

func TestWorkersLeaveNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		p := mustWorkers(t, WorkersOptions{Count: 8}, func(int, int) {})
		for i := range 200 {
			mustSubmit(t, p, i, i)
		}
		mustClose(t, p)
	}
	eventually(t, "no goroutine left", func() bool { return runtime.NumGoroutine() <= before })
}
