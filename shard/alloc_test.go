//go:build !race

package shard

import "testing"

func TestNoAllocations(t *testing.T) {
	f := func(name string, work func()) {
		t.Helper()
		if n := testing.AllocsPerRun(1000, work); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
	type call struct{ params []byte }
	item := &call{params: []byte("{}")}
	ring := mustRing[*call](t, 16)
	f("ring push and pop", func() {
		ring.TryPush(item)
		ring.TryPop()
	})
	dst := make([]*call, 16)
	f("ring batch", func() {
		for range 16 {
			ring.TryPush(item)
		}
		ring.PopBatch(dst)
	})
	names := mustTable[string, *call](t, 0, HashString)
	names.Put("tools/call", item)
	f("table lookup by string", func() { names.Get("tools/call") })
	numbers := mustTable[uint64, *call](t, 0, HashUint64)
	numbers.Put(7, item)
	f("table lookup by number", func() { numbers.Get(7) })

	done := make(chan struct{}, 1)
	workers := mustWorkers(t, WorkersOptions{Count: 2, Rings: 2},
		func(int, *call) { done <- struct{}{} })
	f("submit, wake, run", func() {
		mustSubmit(t, workers, 0, item)
		<-done
	})
	mustClose(t, workers)
}
