package shard

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func mustWorkers[T any](t testing.TB, opt WorkersOptions, run func(int, T)) *Workers[T] {
	t.Helper()
	p, err := NewWorkers(opt, run)
	if err != nil {
		t.Fatalf("NewWorkers: %s", err)
	}
	return p
}

func mustClose[T any](t testing.TB, p *Workers[T]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Fatalf("Close: %s", err)
	}
}

func mustSubmit[T any](t testing.TB, p *Workers[T], hint int, v T) {
	t.Helper()
	if err := p.Submit(hint, v); err != nil {
		t.Fatalf("Submit: %s", err)
	}
}

// eventually polls: there is no other way to see that something sleeps.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("never saw: %s", what)
		}
		runtime.Gosched()
	}
}

func TestWorkersOptions(t *testing.T) {
	f := func(opt WorkersOptions, wantErr string) {
		t.Helper()
		_, err := NewWorkers(opt, func(int, int) {})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if (wantErr == "") != (err == nil) || !strings.Contains(got, wantErr) {
			t.Fatalf("got error %q, want %q", got, wantErr)
		}
	}
	f(WorkersOptions{}, "")
	f(WorkersOptions{Count: 1, Rings: 1, Slots: 1}, "")
	f(WorkersOptions{Count: -1}, "Count is -1")
	f(WorkersOptions{Slots: 1 << 25}, "Slots is 33554432; use 1 to 16777216")
	f(WorkersOptions{Rings: 9, Slots: 8}, "Rings is 9; use 1 to 8")
	f(WorkersOptions{WarnPercent: 101}, "WarnPercent is 101")
	f(WorkersOptions{RejectPercent: -1}, "RejectPercent is -1")
}

func submitted(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("Submit: %s", err)
	}
}

func submitEach(p *Workers[int], submitter, each int) {
	for i := range each {
		for p.Submit(submitter, submitter*each+i) != nil {
			runtime.Gosched()
		}
	}
}

func TestWorkersRunEverythingOnce(t *testing.T) {
	f := func(count, rings, submitters, each int) {
		t.Helper()
		seen := make([]atomic.Uint32, submitters*each)
		p := mustWorkers(t, WorkersOptions{Count: count, Rings: rings, Slots: 256},
			func(_, v int) { seen[v].Add(1) })
		var wg sync.WaitGroup
		for s := range submitters {
			wg.Go(func() { submitEach(p, s, each) })
		}
		wg.Wait()
		mustClose(t, p)
		for i := range seen {
			if got := seen[i].Load(); got != 1 {
				t.Fatalf("%d workers: item %d ran %d times, want once", count, i, got)
			}
		}
		if p.Len() != 0 || p.Busy() != 0 {
			t.Fatalf("after Close: Len=%d Busy=%d, want 0 0", p.Len(), p.Busy())
		}
	}
	f(1, 1, 4, 5000)
	f(2, 2, 2, 20000)
	f(8, 3, 8, 5000)
	f(64, 8, 1, 20000)
}

// TestWorkersWakeForEachItem submits one item at a time to sleeping workers: a
// lost wake-up would leave the submitter waiting.
func TestWorkersWakeForEachItem(t *testing.T) {
	done := make(chan int, 1)
	p := mustWorkers(t, WorkersOptions{Count: 3, Rings: 2}, func(_, v int) { done <- v })
	for i := range 20_000 {
		if err := p.Submit(i, i); err != nil {
			t.Fatalf("Submit %d: %s", i, err)
		}
		if got := <-done; got != i {
			t.Fatalf("got %d want %d", got, i)
		}
	}
	mustClose(t, p)
}

// TestWorkersNoItemWaitsBesideASleeper: items that all must run at the same time
// need as many workers; if one item were left in a ring the rest would hang.
func TestWorkersNoItemWaitsBesideASleeper(t *testing.T) {
	const count = 8
	type party struct {
		arrived atomic.Int32
		full    chan struct{}
	}
	p := mustWorkers(t, WorkersOptions{Count: count, Rings: 3}, func(_ int, v *party) {
		if v.arrived.Add(1) == count {
			close(v.full)
		}
		<-v.full
	})
	for round := range 2000 {
		meet := &party{full: make(chan struct{})}
		var wg sync.WaitGroup
		for s := range 2 {
			wg.Go(func() {
				for range count / 2 {
					submitted(t, p.Submit(s+round, meet))
				}
			})
		}
		wg.Wait()
		<-meet.full
	}
	mustClose(t, p)
}

func TestWorkersStealFromHungNeighbour(t *testing.T) {
	hang := make(chan struct{})
	done := make(chan int)
	p := mustWorkers(t, WorkersOptions{Count: 2, Rings: 2}, func(_, v int) {
		if v == 0 {
			<-hang
			return
		}
		done <- v
	})
	mustSubmit(t, p, 0, 0)
	for i := 1; i <= 100; i++ {
		if err := p.Submit(i, i); err != nil { // both rings, one free worker
			t.Fatalf("Submit: %s", err)
		}
		<-done
	}
	close(hang)
	mustClose(t, p)
}

// TestWorkersOneWorkerServesAllRings keeps ring 0 from ever running empty.
func TestWorkersOneWorkerServesAllRings(t *testing.T) {
	var p *Workers[int]
	other := make(chan struct{})
	p = mustWorkers(t, WorkersOptions{Count: 1, Rings: 2}, func(_, v int) {
		if v == 1 {
			close(other)
			return
		}
		_ = p.Submit(0, 0) // refused once Close was called
	})
	mustSubmit(t, p, 0, 0)
	mustSubmit(t, p, 0, 0)
	mustSubmit(t, p, 1, 1)
	<-other
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Fatalf("Close: %s", err)
	}
}

func TestWorkersBoundedWhenAllHang(t *testing.T) {
	const count, slots, offered = 4, 100, 10_000
	hang := make(chan struct{})
	var ran atomic.Int64
	p := mustWorkers(t, WorkersOptions{Count: count, Rings: 2, Slots: slots},
		func(int, int) { ran.Add(1); <-hang })
	accepted, refused := 0, 0
	for i := range offered {
		switch err := p.Submit(i, i); {
		case err == nil:
			accepted++
		case errors.Is(err, ErrFull):
			refused++
		default:
			t.Fatalf("Submit: %s", err)
		}
	}
	eventually(t, "all workers hanging", func() bool { return p.Busy() == count })
	for p.Submit(0, 0) == nil { // what the workers took since made room
		accepted++
	}
	if accepted != 95+count {
		t.Fatalf("accepted %d, want %d waiting and %d running", accepted, 95, count)
	}
	if p.Len() != 95 || p.Level() != LevelReject || p.Cap() != slots {
		t.Fatalf("Len=%d Level=%s Cap=%d, want 95 reject 100", p.Len(), p.Level(), p.Cap())
	}
	close(hang)
	mustClose(t, p)
	if int(ran.Load()) != accepted || accepted+refused < offered {
		t.Fatalf("ran %d of %d accepted; %d refused", ran.Load(), accepted, refused)
	}
}

func TestWorkersGoToSleep(t *testing.T) {
	p := mustWorkers(t, WorkersOptions{Count: 16, Rings: 4}, func(int, int) {})
	for i := range 1000 {
		mustSubmit(t, p, i, i)
	}
	eventually(t, "all workers asleep", func() bool {
		return p.spare.Load() == 16 && p.searching.Load() == 0 && p.Len() == 0
	})
	mustClose(t, p)
}

func TestWorkersStartOnDemand(t *testing.T) {
	before := runtime.NumGoroutine()
	p := mustWorkers(t, WorkersOptions{Count: 1000}, func(int, chan struct{}) {})
	if n := runtime.NumGoroutine(); n > before {
		t.Fatalf("%d goroutines before the first item, want %d", n, before)
	}
	mustClose(t, p)
}
