//go:build !race

package session

import "testing"

func TestNoAllocations(t *testing.T) {
	st, c, _ := newStore(t, Options{})
	s := mustCreate(t, st, "alice")
	id, unknown := []byte(s.ID), []byte("AAAAAAAAAAAAAAAAAAAAAAAA")
	f := func(name string, work func()) {
		t.Helper()
		if n := testing.AllocsPerRun(1000, work); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
	f("get", func() { c.add(1); st.Get(id, "alice") })
	f("get of an unknown id", func() { st.Get(unknown, "alice") })
	f("get of another principal's", func() { st.Get(id, "bob") })
	f("begin and end", func() { s.Begin(); s.End() })
	f("sweep of nothing", func() { st.Sweep() })
}
