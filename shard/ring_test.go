package shard

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

func mustRing[T any](t testing.TB, slots int) *Ring[T] {
	t.Helper()
	r, err := NewRing[T](slots)
	if err != nil {
		t.Fatalf("NewRing(%d): %s", slots, err)
	}
	return r
}

func TestNewRingLimits(t *testing.T) {
	f := func(slots int, wantOK bool) {
		t.Helper()
		_, err := NewRing[int](slots)
		if (err == nil) != wantOK {
			t.Fatalf("NewRing(%d): err=%v, want ok=%v", slots, err, wantOK)
		}
	}
	f(-1, false)
	f(0, false)
	f(1, true)
	f(2, true)
	f(3, false)
	f(1000, false)
	f(1024, true)
	f(1<<25, false)
}

func TestRingFillAndEmpty(t *testing.T) {
	f := func(slots int) {
		t.Helper()
		r := mustRing[int](t, slots)
		for lap := range 3 {
			for i := range slots {
				if !r.TryPush(lap*slots + i) {
					t.Fatalf("%d slots, lap %d: push %d refused", slots, lap, i)
				}
			}
			if r.TryPush(-1) || r.Len() != slots {
				t.Fatalf("%d slots: a full ring took another, or Len=%d", slots, r.Len())
			}
			for i := range slots {
				if v, ok := r.TryPop(); !ok || v != lap*slots+i {
					t.Fatalf("%d slots, lap %d: got %d,%v want %d", slots, lap, v, ok, lap*slots+i)
				}
			}
			if v, ok := r.TryPop(); ok || r.Len() != 0 {
				t.Fatalf("%d slots: an empty ring gave %d, or Len=%d", slots, v, r.Len())
			}
		}
	}
	f(1)
	f(2)
	f(64)
}

func TestRingPopBatch(t *testing.T) {
	r := mustRing[int](t, 8)
	f := func(push, room int, want ...int) {
		t.Helper()
		for i := range push {
			if !r.TryPush(i) {
				t.Fatalf("push %d refused", i)
			}
		}
		dst := make([]int, room)
		n := r.PopBatch(dst)
		if n != len(want) {
			t.Fatalf("got %d items, want %d", n, len(want))
		}
		for i, w := range want {
			if dst[i] != w {
				t.Fatalf("item %d: got %d want %d", i, dst[i], w)
			}
		}
	}
	f(0, 4)
	f(3, 0)
	f(0, 8, 0, 1, 2)
	f(8, 5, 0, 1, 2, 3, 4) // wraps
	f(0, 100, 5, 6, 7)
	f(0, 1)
}

func TestRingForgetsItems(t *testing.T) {
	r := mustRing[*int](t, 4)
	for i := range 4 {
		r.TryPush(&i)
	}
	r.TryPop()
	r.PopBatch(make([]*int, 3))
	for i := range r.slots {
		if r.slots[i].item != nil {
			t.Fatalf("slot %d still holds its item", i)
		}
	}
}

func TestRingLevel(t *testing.T) {
	f := func(slots, length int, want Level) {
		t.Helper()
		r := mustRing[int](t, slots)
		for i := range length {
			r.TryPush(i)
		}
		if got := r.Level(); got != want {
			t.Fatalf("%d of %d: got %s want %s", length, slots, got, want)
		}
	}
	f(1, 0, LevelNormal)
	f(1, 1, LevelReject)
	f(2, 1, LevelNormal)
	f(16, 11, LevelNormal)
	f(16, 12, LevelWarn)
	f(16, 15, LevelWarn)
	f(16, 16, LevelReject)
	f(1024, 767, LevelNormal)
	f(1024, 768, LevelWarn)
	f(1024, 972, LevelWarn)
	f(1024, 973, LevelReject)
}

func TestPaddedSizes(t *testing.T) {
	f := func(name string, size uintptr) {
		t.Helper()
		if size%64 != 0 {
			t.Fatalf("%s has %d bytes, want a multiple of 64", name, size)
		}
	}
	f("padded", unsafe.Sizeof(padded{}))
	f("Ring", unsafe.Sizeof(Ring[int]{}))
	f("tableShard", unsafe.Sizeof(tableShard[string, int]{}))
	var r Ring[int]
	if d := unsafe.Offsetof(r.head) - unsafe.Offsetof(r.tail); d < 64 {
		t.Fatalf("tail and head are %d bytes apart, want 64", d)
	}
}

// mark is what the stress tests queue: who pushed it, and as which of theirs.
type mark struct{ producer, seq int }

// ledger checks that each consumer sees every producer's items in order, and
// that all of them together see each item once.
type ledger struct {
	seen [][]atomic.Uint32 // by producer and seq
	left atomic.Int64
}

func newLedger(producers, each int) *ledger {
	l := &ledger{seen: make([][]atomic.Uint32, producers)}
	for i := range l.seen {
		l.seen[i] = make([]atomic.Uint32, each)
	}
	l.left.Store(int64(producers * each))
	return l
}

// consume drains with pop until everything was seen.
func (l *ledger) consume(t *testing.T, pop func(dst []mark) int) {
	last := make([]int, len(l.seen))
	dst := make([]mark, 16)
	for l.left.Load() > 0 {
		n := pop(dst)
		if n == 0 {
			runtime.Gosched()
		}
		for _, m := range dst[:n] {
			if m.seq < last[m.producer] {
				t.Errorf("producer %d: item %d came after %d", m.producer, m.seq, last[m.producer])
			}
			last[m.producer] = m.seq
			if got := l.seen[m.producer][m.seq].Add(1); got != 1 {
				t.Errorf("producer %d: item %d came %d times", m.producer, m.seq, got)
			}
			l.left.Add(-1)
		}
	}
}

func produce(r *Ring[mark], producer, each int) {
	for i := range each {
		for !r.TryPush(mark{producer: producer, seq: i}) {
			runtime.Gosched()
		}
	}
}

func TestRingStress(t *testing.T) {
	f := func(slots, producers, consumers, each int, batch bool) {
		t.Helper()
		r := mustRing[mark](t, slots)
		l := newLedger(producers, each)
		pop := r.PopBatch
		if !batch {
			pop = func(dst []mark) int {
				v, ok := r.TryPop()
				if !ok {
					return 0
				}
				dst[0] = v
				return 1
			}
		}
		var wg sync.WaitGroup
		for p := range producers {
			wg.Go(func() { produce(r, p, each) })
		}
		for range consumers {
			wg.Go(func() { l.consume(t, pop) })
		}
		wg.Wait()
		if r.Len() != 0 {
			t.Fatalf("ring holds %d items after everything was seen", r.Len())
		}
	}
	each := 20_000
	f(1, 4, 4, each/10, false)
	f(2, 4, 1, each/4, true)
	f(64, 8, 1, each, true)
	f(64, 1, 1, each, false)
	f(8, 4, 4, each, true)
	f(1024, 4, 4, each, false)
}

func TestRingLenStaysInRange(t *testing.T) {
	r := mustRing[int](t, 4)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				if !r.TryPush(1) {
					r.TryPop()
				}
			}
		})
	}
	for range 100_000 {
		if n := r.Len(); n < 0 || n > r.Cap() {
			t.Errorf("Len()=%d, want 0..%d", n, r.Cap())
			break
		}
	}
	stop.Store(true)
	wg.Wait()
}
