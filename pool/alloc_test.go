//go:build !race

package pool

import "testing"

func TestNoAllocations(t *testing.T) {
	p := NewBytes(0)
	payload := make([]byte, 120)
	work := func() {
		b := p.Get()
		b.B = append(b.B, payload...)
		p.Put(b)
	}
	if n := testing.AllocsPerRun(1000, work); n != 0 {
		t.Errorf("get and put: %v allocations, want 0", n)
	}
	breaker := NewBreaker(&BreakerOptions{Failures: 5, Probes: 3})
	call := func() {
		if p, err := breaker.Allow(); err == nil {
			p.Done(Succeeded)
		}
	}
	if n := testing.AllocsPerRun(1000, call); n != 0 {
		t.Errorf("a breaker's call: %v allocations, want 0", n)
	}
}
