//go:build !race

package gateway

import "testing"

func TestGuardDoesNotAllocate(t *testing.T) {
	g := testGuard(nil)
	use := g.newUsage()
	call := func() {
		if p, err := g.admit(use, "tool"); err == nil {
			g.settle(p, verdictGood, nil)
		}
	}
	if n := testing.AllocsPerRun(1000, call); n != 0 {
		t.Errorf("a call that succeeds: %v allocations, want 0", n)
	}
}
