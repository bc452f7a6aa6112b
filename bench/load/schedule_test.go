package load

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestDueTimes(t *testing.T) {
	f := func(rate float64, burst int64, want ...int64) {
		t.Helper()
		p := schedule{begin: 1000, every: float64(time.Second) / rate, burst: burst}
		var got []int64
		for k := range int64(len(want)) {
			got = append(got, p.due(k)-p.begin)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%g/s in bursts of %d: got %v, want %v", rate, burst, got, want)
		}
	}
	f(1e9, 1, 0, 1, 2, 3)
	f(1e8, 3, 0, 0, 0, 30, 30, 30, 60)
	f(2, 1, 0, 5e8, 1e9)
	// An interval that is no whole number of nanoseconds does not add up to another rate.
	p := schedule{every: float64(time.Second) / 30_000, burst: 1}
	if got := p.due(30_000 * 3600); got != int64(time.Hour) {
		t.Errorf("got %d ns after an hour's calls, want %d", got, int64(time.Hour))
	}
}

func TestTickets(t *testing.T) {
	f := func(next int64, at, many int, want int64) {
		t.Helper()
		p := schedule{next: next}
		if got := p.ticket(at, many); got != want {
			t.Errorf("next %d, connection %d of %d: got %d, want %d", next, at, many, got, want)
		}
	}
	f(0, 0, 4, 0)
	f(0, 3, 4, 3)
	f(5, 0, 4, 8)
	f(5, 1, 4, 5)
	f(5, 2, 4, 6)
	f(8, 0, 4, 8)
	f(7, 0, 1, 7)
}

// planned returns an engine with connections that nothing is sent on, and its open loop planned.
func planned(t *testing.T, change func(*Options)) *engine {
	t.Helper()
	o := DefaultOptions()
	o.Addr, o.Conns, o.Rate = "127.0.0.1:1", 3, 1e9
	change(&o)
	e, err := newEngine(&o, -1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.close() })
	for i := range o.Conns {
		e.conns = append(e.conns, conn{
			at: int32(i), hs: e.wire.heads, answers: &e.answers, slots: make([]slot, o.Depth),
		})
		e.conns[i].reset([2]int{-1, -1}, -1, 0)
	}
	e.planCalls(time.Hour)
	e.plan.begin, e.plan.stop = 0, math.MaxInt64
	return e
}

// TestCallsGoByTurns: each connection gets every third call, in order, and what finds no slot
// waits with the moment at which it was due.
func TestCallsGoByTurns(t *testing.T) {
	e := planned(t, func(o *Options) { o.Depth = 2 })
	e.calling = true
	e.now = 9 // the calls 0 to 9 are due
	e.advance()
	if e.plan.next != 10 {
		t.Errorf("got call %d next, want 10", e.plan.next)
	}
	for i, want := range []int{4, 3, 3} {
		c := &e.conns[i]
		if c.behind != want {
			t.Errorf("connection %d: got %d behind, want %d", i, c.behind, want)
		}
		e.catchUp(c)
		if c.pending != 2 || c.behind != want-2 || c.ticket != int64(i+6) {
			t.Errorf("connection %d: got %d pending, %d behind, ticket %d", i, c.pending,
				c.behind, c.ticket)
		}
		due := []int64{c.slots[0].due, c.slots[1].due}
		slices.Sort(due)
		if !slices.Equal(due, []int64{int64(i), int64(i + 3)}) {
			t.Errorf("connection %d: got %v due, want its own calls", i, due)
		}
	}
	// What was not sent until the end counts, with what it had to wait.
	e.now = 1_000_009
	if got := e.unsent(); got != 4 {
		t.Errorf("got %d unsent, want 4", got)
	}
	if got := e.hists.call.Count(); got != 4 || e.hists.call.Max() < 1000 {
		t.Errorf("got %d latencies up to %g us, want 4 of 1000 us", got, e.hists.call.Max())
	}
	if got := e.unsent(); got != 0 {
		t.Errorf("got %d unsent the second time, want 0", got)
	}
}

// TestNothingIsDueAfterTheStop: an interrupted run has not offered what was still to come.
func TestNothingIsDueAfterTheStop(t *testing.T) {
	e := planned(t, func(o *Options) { o.Conns = 1 })
	e.calling, e.plan.stop, e.now = true, 5, 100
	e.advance()
	if e.plan.next != 5 || e.conns[0].behind != 5 {
		t.Errorf("got call %d next, %d behind, want 5", e.plan.next, e.conns[0].behind)
	}
	if at := e.nextEvent(); at != never {
		t.Errorf("got an event at %d, want none", at)
	}
}

func TestRampIsEven(t *testing.T) {
	p := schedule{rampBegin: 100, rampEvery: 10, rampConns: 3, rampLeft: 3}
	for _, want := range []int64{100, 110, 120} {
		if !p.growing() || p.rampDue() != want {
			t.Errorf("got %d, want %d", p.rampDue(), want)
		}
		p.rampLeft--
	}
	if p.growing() {
		t.Error("got more connections than there are")
	}
}

func TestSlots(t *testing.T) {
	e := planned(t, func(o *Options) { o.Conns, o.Depth = 1, 3 })
	c := &e.conns[0]
	c.base = 30
	send := func(inOrder bool) uint32 {
		t.Helper()
		n, ok := c.take(inOrder)
		if !ok {
			t.Fatal("got no slot")
		}
		c.next(n, e.wire, 0, nil)
		return n
	}
	seen := map[uint32]bool{}
	for range 3 {
		n := send(false)
		seen[n] = true
		if id := c.slots[n].id; id != idFirst+30+n {
			t.Errorf("slot %d: got id %d", n, id)
		}
	}
	if _, ok := c.take(false); ok || len(seen) != 3 {
		t.Errorf("got slots %v and one more", seen)
	}
	c.release(1, false)
	if n := send(false); n != 1 || c.slots[1].id != idFirst+30+1+3 {
		t.Errorf("got slot %d with id %d, want the free one and its next id", n, c.slots[n].id)
	}
	if _, s := c.slotOf(idFirst+31, 3); s != nil {
		t.Error("got a slot for an id that was answered")
	}
	if n, s := c.slotOf(idFirst+34, 3); s != &c.slots[1] || n != 1 {
		t.Errorf("got slot %d for an id that is outstanding, want 1", n)
	}
	// A new life: old ids are no answers to it.
	c.reset([2]int{-1, -1}, -1, 0)
	if _, s := c.slotOf(idFirst+34, 3); s != nil {
		t.Error("got a slot for an id of an earlier life")
	}
	c.slots[0].id = idFirst + idCount - 1
	for range 3 {
		if n := send(true); c.slots[n].id >= idFirst+idCount {
			t.Errorf("slot %d: got id %d, which has a digit more", n, c.slots[n].id)
		}
	}
}

func TestSlotsInOrderAreARing(t *testing.T) {
	e := planned(t, func(o *Options) { o.Conns, o.Depth = 1, 3 })
	c := &e.conns[0]
	var got []uint32
	for i := range 10 {
		n, ok := c.take(true)
		if !ok {
			t.Fatalf("call %d: got no slot", i)
		}
		c.next(n, e.wire, 0, nil)
		got = append(got, n)
		if i > 0 { // one stays in flight
			c.release(c.turn, true)
		}
	}
	if want := []uint32{0, 1, 2, 0, 1, 2, 0, 1, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("got slots %v, want %v", got, want)
	}
}
