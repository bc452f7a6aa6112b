//go:build !race

package load

import (
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
)

func TestCallAndCheckDoNotAllocate(t *testing.T) {
	o := DefaultOptions()
	o.Addr = "127.0.0.1:1"
	e, err := newEngine(&o, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	c := &conn{hs: e.wire.heads, slots: make([]slot, 1)}
	c.reset([2]int{-1, -1}, -1, 0)
	c.phase = phaseCalling
	putDigits(c.number.conn[:], 7)
	e.call(c, 0)
	reply, _ := fake.AnswerLine(e.out)
	line := []byte(reply + "\n")
	at := len(`{"id":`)
	text := len(`{"id":10000000,"result":{"content":[{"type":"text","text":"00007:`)
	allocs := testing.AllocsPerRun(1000, func() {
		s := c.slots[0]
		copy(line[at:], s.text[:])
		copy(line[text:], s.text[:])
		e.out = e.out[:0]
		if e.consume(c, line) != len(line) || c.phase != phaseCalling {
			t.Fatalf("reply %q was not taken: %v", line, e.fault)
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations a message, want 0", allocs)
	}
	if e.check.slow != 1 {
		t.Errorf("got %d replies parsed in full, want the first only", e.check.slow)
	}
}
