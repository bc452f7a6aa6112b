package session

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// TestEvictionOrder: whatever was used when, the store ends sessions in the order
// of their last use.
func TestEvictionOrder(t *testing.T) {
	const n = 500
	random := rand.New(rand.NewPCG(1, 2))
	var order []int64
	st, c, _ := newStore(t, Options{
		Max: n, EvictIdle: 1,
		OnEnd: func(s *Session, _ Reason) { order = append(order, s.used.Load()) },
	})
	var all []*Session
	for range n {
		all = append(all, mustCreate(t, st, ""))
		c.add(1)
	}
	for range 5 * n {
		s := all[random.IntN(n)]
		st.Get([]byte(s.ID), "")
		c.add(1)
	}
	c.add(time.Hour)
	for len(order) < n {
		_, _ = st.Create("", "") // may give up after its bounded number of steps
		c.add(1)
	}
	if !sort.SliceIsSorted(order, func(i, j int) bool { return order[i] < order[j] }) {
		t.Fatal("a session was evicted before one that was idle longer")
	}
}

// TestFlood: a flood of abandoned sessions neither passes the limit nor costs the
// sessions at work anything.
func TestFlood(t *testing.T) {
	const limit, working, flood = 2000, 200, 30_000
	st, c, _ := newStore(t, Options{
		Max: limit, EvictIdle: 10 * time.Second, OnEnd: func(*Session, Reason) {},
	})
	var work []*Session
	for range working {
		work = append(work, mustCreate(t, st, "worker"))
	}
	refused := 0
	for i := range flood {
		if _, err := st.Create("flood", ""); errors.Is(err, ErrFull) {
			refused++
		}
		if i%100 == 0 {
			c.add(time.Second)
			for _, s := range work {
				if _, ok := st.Get([]byte(s.ID), "worker"); !ok {
					t.Fatalf("a session at work is gone after %d", i)
				}
			}
		}
		if n := st.Len(); n > limit {
			t.Fatalf("Len()=%d, limit %d", n, limit)
		}
	}
	got := st.Stats()
	if int(got.Created)+refused != flood+working || refused > flood/10 {
		t.Fatalf("refused %d of %d; %+v", refused, flood, got)
	}
}

func TestConcurrentUse(t *testing.T) {
	var ended atomic.Int64
	st, c, _ := newStore(t, Options{
		Max: 200, MaxPerPrincipal: 150, IdleTTL: 30, EvictIdle: 3, Shards: 4,
		OnEnd: func(s *Session, why Reason) {
			if s.State.(string) != s.ID || (why == ReasonIdle && !s.Ended()) {
				t.Error("OnEnd saw a wrong session")
			}
			ended.Add(1)
		},
	})
	var created atomic.Int64
	var opening sync.RWMutex // the clock stands still between Create and SetState
	var users, sweeper sync.WaitGroup
	for u := range 4 {
		users.Go(func() { created.Add(int64(use(t, st, &opening, []string{"a", "b"}[u%2]))) })
	}
	var stop atomic.Bool
	sweeper.Go(func() {
		for !stop.Load() {
			opening.Lock()
			c.add(1)
			opening.Unlock()
			st.Sweep()
		}
	})
	users.Wait()
	stop.Store(true)
	sweeper.Wait()
	st.Close()
	if ended.Load() != created.Load() || st.Len() != 0 || st.table.Len() != 0 {
		t.Fatalf("created %d, ended %d, Len()=%d table %d", created.Load(), ended.Load(),
			st.Len(), st.table.Len())
	}
}

// use opens sessions, calls on them and deletes some; it returns how many it opened.
func use(t *testing.T, st *Store, opening *sync.RWMutex, name string) int {
	created := 0
	var mine []*Session
	for i := range 10_000 {
		switch i % 4 {
		case 0:
			opening.RLock()
			if s, err := st.Create(name, ""); err == nil {
				s.SetState(s.ID)
				created++
				mine = append(mine, s)
			}
			opening.RUnlock()
		case 3:
			if len(mine) > 50 {
				st.Delete([]byte(mine[0].ID), name)
				mine = mine[1:]
			}
		default:
			if len(mine) == 0 {
				continue
			}
			if s, ok := st.Get([]byte(mine[i%len(mine)].ID), name); ok {
				if s.Begin() && s.State.(string) != s.ID {
					t.Error("Get found a wrong session")
				}
				s.End()
			}
		}
	}
	return created
}

// TestMemory: a session is small, and after a flood and the idle time the memory
// is free again.
func TestMemory(t *testing.T) {
	const n = 50_000
	st, c, _ := newStore(t, Options{Max: n, OnEnd: func(*Session, Reason) {}})
	before := heap()
	for range n {
		mustCreate(t, st, "somebody")
	}
	full := heap()
	if each := (full - before) / n; each > 300 {
		t.Errorf("a session takes %d bytes, want at most 300", each)
	} else {
		t.Logf("%d bytes a session (the struct %d)", each, unsafe.Sizeof(Session{}))
	}
	c.add(time.Hour)
	if got := st.Sweep(); got != n {
		t.Fatalf("Sweep ended %d, want %d", got, n)
	}
	if after := heap(); after > before+(full-before)/20 {
		t.Fatalf("heap: %d before, %d full, %d after", before, full, after)
	}
	runtime.KeepAlive(st)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
