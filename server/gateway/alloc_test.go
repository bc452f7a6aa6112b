//go:build !race

package gateway

import (
	"testing"

	"github.com/mcploop/mcploop/client"
)

func TestGuardDoesNotAllocate(t *testing.T) {
	g := testGuard(nil)
	use, answer := g.newUsage(), client.Answer{Result: []byte("{}")}
	call := func() {
		if p, err := g.admit(use, "tool"); err == nil {
			g.settle(p, judge(answer), nil)
			if refusalIn(answer.Err) != nil {
				t.Error("it was refused")
			}
		}
	}
	if n := testing.AllocsPerRun(1000, call); n != 0 {
		t.Errorf("a call that succeeds: %v allocations, want 0", n)
	}
}
