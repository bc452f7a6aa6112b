package session

import (
	"slices"
	"testing"
	"time"
)

const benchSessions = 15_000

func fill(b *testing.B) (st *Store, ids [][]byte) {
	st, _, _ = newStore(b, Options{OnEnd: func(*Session, Reason) {}})
	for range benchSessions {
		ids = append(ids, []byte(mustCreate(b, st, "alice").ID))
	}
	return st, ids
}

func BenchmarkGet(b *testing.B) {
	st, ids := fill(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i = (i + 7919) % benchSessions {
			if _, ok := st.Get(ids[i], "alice"); !ok {
				panic("BUG: a session is missing")
			}
		}
	})
}

// BenchmarkGetP99 times every lookup by itself, from several goroutines at once, and reports the
// 99th percentile. Two readings of the clock are in it.
func BenchmarkGetP99(b *testing.B) {
	st, ids := fill(b)
	all := make(chan []time.Duration, 64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var took []time.Duration
		for i := 0; pb.Next(); i = (i + 7919) % benchSessions {
			began := time.Now()
			if _, ok := st.Get(ids[i], "alice"); !ok {
				panic("BUG: a session is missing")
			}
			took = append(took, time.Since(began))
		}
		all <- took
	})
	b.StopTimer()
	var took []time.Duration
	for len(took) < b.N {
		took = append(took, <-all...)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
}

func BenchmarkGetBeginEnd(b *testing.B) {
	st, ids := fill(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i = (i + 7919) % benchSessions {
			s, _ := st.Get(ids[i], "alice")
			s.Begin()
			s.End()
		}
	})
}

// BenchmarkCreateFull opens sessions at the limit: each one evicts another.
func BenchmarkCreateFull(b *testing.B) {
	st, c, _ := newStore(b, Options{
		Max: benchSessions, EvictIdle: 1, OnEnd: func(*Session, Reason) {},
	})
	b.ReportAllocs()
	for b.Loop() {
		c.add(time.Microsecond)
		mustCreate(b, st, "alice")
	}
}

func BenchmarkCreateDelete(b *testing.B) {
	st, _, _ := newStore(b, Options{OnEnd: func(*Session, Reason) {}})
	b.ReportAllocs()
	for b.Loop() {
		st.Delete([]byte(mustCreate(b, st, "alice").ID), "alice")
	}
}
