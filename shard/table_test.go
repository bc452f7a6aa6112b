package shard

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func mustTable[K comparable, V any](t testing.TB, shards int, hash func(K) uint64) *Table[K, V] {
	t.Helper()
	table, err := NewTable[K, V](shards, hash)
	if err != nil {
		t.Fatalf("NewTable(%d): %s", shards, err)
	}
	return table
}

func TestNewTableLimits(t *testing.T) {
	f := func(shards int, hash func(string) uint64, wantOK bool) {
		t.Helper()
		_, err := NewTable[string, int](shards, hash)
		if (err == nil) != wantOK {
			t.Fatalf("NewTable(%d): err=%v, want ok=%v", shards, err, wantOK)
		}
	}
	f(0, HashString, true)
	f(1, HashString, true)
	f(4096, HashString, true)
	f(8192, HashString, false)
	f(3, HashString, false)
	f(-1, HashString, false)
	f(16, nil, false)
}

func TestTableBasics(t *testing.T) {
	f := func(shards int, hash func(string) uint64) {
		t.Helper()
		table := mustTable[string, int](t, shards, hash)
		const n = 2000
		for i := range n {
			table.Put(fmt.Sprint(i), i)
		}
		for i := range n {
			table.Put(fmt.Sprint(i), i*2) // replaces
		}
		for i := range n {
			if v, ok := table.Get(fmt.Sprint(i)); !ok || v != i*2 {
				t.Fatalf("Get(%d): got %d,%v want %d", i, v, ok, i*2)
			}
		}
		if v, was := table.PutIfAbsent("1", 7); !was || v != 2 {
			t.Fatalf("PutIfAbsent of a key there: got %d,%v want 2,true", v, was)
		}
		if v, was := table.PutIfAbsent("new", 7); was || v != 7 {
			t.Fatalf("PutIfAbsent of a new key: got %d,%v want 7,false", v, was)
		}
		if table.Len() != n+1 {
			t.Fatalf("Len()=%d, want %d", table.Len(), n+1)
		}
		for i := range n {
			if v, ok := table.Delete(fmt.Sprint(i)); !ok || v != i*2 {
				t.Fatalf("Delete(%d): got %d,%v want %d", i, v, ok, i*2)
			}
		}
		if _, ok := table.Delete("1"); ok {
			t.Fatal("a key was deleted twice")
		}
		if _, ok := table.Get("1"); ok || table.Len() != 1 {
			t.Fatalf("a deleted key is still there, or Len()=%d, want 1", table.Len())
		}
	}
	f(1, HashString)
	f(256, HashString)
	f(4, func(s string) uint64 { return uint64(len(s)) }) // nearly all collide
}

func TestTableRange(t *testing.T) {
	table := mustTable[uint64, int](t, 16, HashUint64)
	for i := range 500 {
		table.Put(uint64(i), i)
	}
	seen := map[uint64]int{}
	table.Range(func(k uint64, v int) bool {
		seen[k]++
		table.Delete(k) // no lock is held; the shards shrink under the walk
		return true
	})
	if len(seen) != 500 || table.Len() != 0 {
		t.Fatalf("saw %d keys, %d left; want 500 and 0", len(seen), table.Len())
	}
	for k, times := range seen {
		if times != 1 {
			t.Fatalf("key %d was seen %d times", k, times)
		}
	}
	table.Put(1, 1)
	table.Put(2, 2)
	calls := 0
	table.Range(func(uint64, int) bool { calls++; return false })
	if calls != 1 {
		t.Fatalf("Range went on after false: %d calls", calls)
	}
}

// TestTableReadersSeeEveryKey: keys that are always there must always be found,
// while others make the shards grow, shrink and replace.
func TestTableReadersSeeEveryKey(t *testing.T) {
	const fixed, rounds = 64, 60
	table := mustTable[uint64, uint64](t, 2, HashUint64)
	for k := range uint64(fixed) {
		table.Put(k, k)
	}
	var stop atomic.Bool
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for k := uint64(0); !stop.Load(); k = (k + 1) % fixed {
				if v, ok := table.Get(k); !ok || v%fixed != k {
					t.Errorf("Get(%d): got %d,%v", k, v, ok)
					return
				}
			}
		})
	}
	for w := range uint64(2) {
		writers.Go(func() {
			for round := range uint64(rounds) {
				base := (w + 1) << 32
				for i := range uint64(500) {
					table.Put(base+i, i)
					table.Put(i%fixed, i%fixed+round*fixed)
				}
				for i := range uint64(500) {
					table.Delete(base + i)
				}
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
	if table.Len() != fixed {
		t.Fatalf("Len()=%d, want %d", table.Len(), fixed)
	}
}

// TestTableReadYourWrite: what a writer has put is there for it at once.
func TestTableReadYourWrite(t *testing.T) {
	table := mustTable[uint64, uint64](t, 1, HashUint64)
	var wg sync.WaitGroup
	for w := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(3000) {
				k := w<<32 + i
				if _, was := table.PutIfAbsent(k, i); was {
					t.Errorf("key %d was there before", k)
				}
				if v, ok := table.Get(k); !ok || v != i {
					t.Errorf("Get(%d): got %d,%v", k, v, ok)
				}
				if _, ok := table.Delete(k); !ok {
					t.Errorf("Delete(%d) found nothing", k)
				}
				if _, ok := table.Get(k); ok {
					t.Errorf("Get(%d) found a deleted key", k)
				}
			}
		})
	}
	wg.Wait()
}

func TestTableGivesMemoryBack(t *testing.T) {
	const n = 100_000
	table := mustTable[uint64, [64]byte](t, 16, HashUint64)
	before := heapInUse()
	for i := range uint64(n) {
		table.Put(i, [64]byte{})
	}
	full := heapInUse()
	for i := range uint64(n) {
		table.Delete(i)
	}
	after := heapInUse()
	if full-before < n*64 || after > before+(full-before)/20 {
		t.Fatalf("heap: %d before, %d full, %d after", before, full, after)
	}
	runtime.KeepAlive(table)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
