package session

import (
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
