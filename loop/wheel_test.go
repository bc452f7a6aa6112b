package loop

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// idleLoop is a loop whose goroutine does not run: the test drives its clock.
func idleLoop(t *testing.T) *Loop {
	t.Helper()
	g := start(t, Options{Loops: 1, Tick: 10 * time.Millisecond})
	l := &Loop{group: g, opt: &g.opt, index: 99}
	if err := l.wheel.open(g.opt.Tick); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.wheel.close)
	return l
}

// advanceTo turns the wheel at each time that the timerfd would fire before ns.
func (l *Loop) advanceTo(ns int64) {
	for l.wheel.armed != 0 {
		at := l.now + int64(int32(l.wheel.armed-uint32(l.now/l.wheel.tick)))*l.wheel.tick
		at -= at % l.wheel.tick
		if at > ns {
			break
		}
		l.now = at
		l.turnWheel()
	}
	l.now = ns
}

func TestWheel(t *testing.T) {
	f := func(start int64) {
		l := idleLoop(t)
		l.now = start
		r := rand.New(rand.NewPCG(3, 4))
		fired := map[*Conn]int64{}
		h := &hooks{closed: func(c *Conn, _ error) { fired[c] = l.now }}
		want := map[*Conn]int64{}
		var conns []*Conn
		for range 500 {
			c := &Conn{h: h, loop: l, fd: -1, index: -1, own: ownOpen | ownLinger}
			l.register(c)
			l.group.live.Add(1)
			conns = append(conns, c)
		}
		set := func(c *Conn, d time.Duration) {
			c.own &^= ownLinger // expire of a lingering conn is just teardown
			c.SetDeadline(d)
			c.own |= ownLinger
			delete(want, c)
			if d > 0 {
				want[c] = l.now + int64(d)
			}
		}
		for range 2000 {
			c := conns[r.IntN(len(conns))]
			if fired[c] == 0 {
				spans := []time.Duration{0, 1, 3 * time.Millisecond, time.Second, time.Minute}
				set(c, spans[r.IntN(len(spans))]*time.Duration(1+r.IntN(9)))
			}
			l.advanceTo(l.now + r.Int64N(int64(20*time.Millisecond)))
		}
		l.advanceTo(l.now + int64(time.Hour))
		for c, at := range fired {
			if late := at - want[c]; want[c] == 0 || late < 0 || late > 2*l.wheel.tick {
				t.Errorf("start %d: fired %s after its deadline", start, time.Duration(late))
			}
			delete(want, c)
		}
		if len(want) != 0 || l.wheel.count != len(conns)-len(fired) && l.wheel.count != 0 {
			t.Errorf("start %d: %d did not fire, %d hang in the wheel", start, len(want),
				l.wheel.count)
		}
		for len(l.conns) > 0 {
			l.conns[0].teardown()
		}
	}
	f(0)
	f(12345)
	f((math.MaxUint32 - 500) * int64(10*time.Millisecond)) // ticks wrap around
}

// The clock of a busy loop may jump far; nothing is skipped and nothing loops.
func TestWheelJump(t *testing.T) {
	l := idleLoop(t)
	h := new(hooks)
	for i := range 2000 {
		c := &Conn{h: h, loop: l, fd: -1, index: -1, own: ownOpen}
		l.register(c)
		l.group.live.Add(1)
		c.SetDeadline(time.Duration(1+i) * time.Millisecond * 10)
		c.own |= ownLinger
	}
	l.now += int64(time.Hour)
	l.turnWheel()
	if n := h.closes.Load(); n != 2000 || l.wheel.count != 0 {
		t.Errorf("got %d expired and %d left, want 2000 and 0", n, l.wheel.count)
	}
}

func TestDeadline(t *testing.T) {
	g := start(t, Options{Loops: 1, Tick: 10 * time.Millisecond})
	h := &hooks{
		data: func(c *Conn, buf, out []byte) (int, []byte) {
			switch string(buf) {
			case "clear":
				c.SetDeadline(0)
			case "set":
				c.SetDeadline(50 * time.Millisecond)
			}
			return len(buf), append(out, "ok"...)
		},
		open:    func(c *Conn) { c.SetDeadline(time.Hour) },
		expired: func(_ *Conn, out []byte) []byte { return append(out, "bye"...) },
	}
	c := connect(t, serve(t, g, h))
	say := func(s string) {
		t.Helper()
		mustWrite(t, c, []byte(s))
		if got := mustRead(t, c, 2); string(got) != "ok" {
			t.Fatalf("got %q", got)
		}
	}
	say("set")
	say("clear")
	other := connect(t, serve(t, g, h)) // its deadline is later than the cleared one
	mustWrite(t, other, []byte("set"))
	if got := wantEOF(t, other); string(got) != "okbye" {
		t.Errorf("got %q", got)
	}
	_ = other.Close()
	if err := h.reason(t, 1); !errors.Is(err, ErrDeadline) {
		t.Errorf("Closed got %v, want %v", err, ErrDeadline)
	}
	say("set")
	if got := wantEOF(t, c); string(got) != "bye" {
		t.Errorf("got %q", got)
	}
}
