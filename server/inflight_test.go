package server

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Calls are found by their ids, few or many, in whatever order they end.
func TestInflight(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int{1, 3, indexFrom, indexFrom + 1, 300} {
		f, open := &inflight{}, map[string]*Call{}
		for step := range 10 * most {
			id := fmt.Sprint(rng.IntN(2 * most))
			f.mu.Lock()
			found, _ := f.find(hashOf([]byte(id)), []byte(id))
			f.mu.Unlock()
			if found != open[id] {
				t.Fatalf("%d at most, step %d: found %p, want %p", most, step, found, open[id])
			}
			switch c := open[id]; {
			case c != nil && rng.IntN(3) > 0:
				f.remove(c)
				f.remove(c) // once more does nothing
				delete(open, id)
			case len(open) < most || c != nil:
				fresh := &Call{id: []byte(id)}
				if added := f.add(fresh); added != (c == nil) {
					t.Fatalf("%d at most, step %d: added %v a second time", most, step, added)
				}
				if c == nil {
					open[id] = fresh
				}
			}
			if n := f.len(); n != len(open) {
				t.Fatalf("%d at most, step %d: %d calls, want %d", most, step, n, len(open))
			}
		}
		for _, c := range open {
			f.remove(c)
		}
		if f.open != nil || f.index != nil {
			t.Errorf("%d at most: something is left when no call is", most)
		}
	}
}
