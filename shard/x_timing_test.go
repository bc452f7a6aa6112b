package shard

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

func BenchmarkRingSameGoroutine(b *testing.B) {
	r := mustRing[int](b, 1024)
	b.ReportAllocs()
	for b.Loop() {
		r.TryPush(1)
		r.TryPop()
	}
}

func BenchmarkRingBatchSameGoroutine(b *testing.B) {
	r := mustRing[int](b, 1024)
	dst := make([]int, 64)
	b.ReportAllocs()
	for b.Loop() { // one op = 64 items
		for i := range dst {
			r.TryPush(i)
		}
		r.PopBatch(dst)
	}
}

func BenchmarkRingProducers(b *testing.B) {
	f := func(producers int) {
		b.Run(strconv.Itoa(producers), func(b *testing.B) {
			r := mustRing[int](b, 1024)
			b.ReportAllocs()
			var wg sync.WaitGroup
			for p := range producers {
				wg.Go(func() { pushEvery(r, p, b.N, producers) })
			}
			dst := make([]int, 256)
			for got := 0; got < b.N; {
				n := r.PopBatch(dst)
				if got += n; n == 0 {
					runtime.Gosched()
				}
			}
			wg.Wait()
		})
	}
	f(1)
	f(2)
	f(8)
}

func pushEvery(r *Ring[int], from, to, step int) {
	for i := from; i < to; i += step {
		for !r.TryPush(i) {
			runtime.Gosched()
		}
	}
}

func BenchmarkTableGet(b *testing.B) {
	const n = 15_000
	table := mustTable[uint64, int](b, 0, HashUint64)
	for i := range uint64(n) {
		table.Put(i, int(i))
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for k := uint64(0); pb.Next(); k = (k + 7919) % n {
			if _, ok := table.Get(k); !ok {
				panic("BUG: a key is missing")
			}
		}
	})
}

func BenchmarkTableGetString(b *testing.B) {
	table := mustTable[string, int](b, 0, HashString)
	keys := make([]string, 15_000)
	for i := range keys {
		keys[i] = "session-" + strconv.Itoa(i)
		table.Put(keys[i], i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i = (i + 7919) % len(keys) {
			table.Get(keys[i])
		}
	})
}

func BenchmarkTablePutDelete(b *testing.B) {
	table := mustTable[uint64, int](b, 0, HashUint64)
	var next atomic.Uint64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for k := next.Add(1) << 32; pb.Next(); k++ {
			table.Put(k, 1)
			table.Delete(k)
		}
	})
}

func BenchmarkWorkersRoundTrip(b *testing.B) {
	done := make(chan struct{}, 1)
	p := mustWorkers(b, WorkersOptions{Count: 2, Rings: 1},
		func(int, int) { done <- struct{}{} })
	b.ReportAllocs()
	for b.Loop() {
		mustSubmit(b, p, 0, 0)
		<-done
	}
	mustClose(b, p)
}

func BenchmarkWorkersThroughput(b *testing.B) {
	p := mustWorkers(b, WorkersOptions{Count: 8, Rings: 2}, func(int, int) {})
	b.ReportAllocs()
	var hint atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for mine := int(hint.Add(1)); pb.Next(); {
			for p.Submit(mine, 0) != nil {
				runtime.Gosched()
			}
		}
	})
	mustClose(b, p)
}
