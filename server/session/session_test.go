package session

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// clock is moved by hand.
type clock struct{ now atomic.Int64 }

func (c *clock) add(d time.Duration) { c.now.Add(int64(d)) }

// ends collects what OnEnd was told, in order.
type ends struct{ list []string }

func newStore(t testing.TB, opt Options) (*Store, *clock, *ends) {
	t.Helper()
	c, e := &clock{}, &ends{}
	opt.Now = c.now.Load
	if opt.OnEnd == nil {
		opt.OnEnd = func(s *Session, why Reason) {
			e.list = append(e.list, fmt.Sprint(s.State, " ", why))
		}
	}
	st, err := New(opt)
	if err != nil {
		t.Fatalf("New: %s", err)
	}
	return st, c, e
}

func mustCreate(t testing.TB, st *Store, principal string) *Session {
	t.Helper()
	s, err := st.Create(principal, "2025-11-25")
	if err != nil {
		t.Fatalf("Create(%q): %s", principal, err)
	}
	return s
}

func (e *ends) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(e.list, ", "); got != strings.Join(want, ", ") {
		t.Fatalf("ended: got %q, want %q", got, strings.Join(want, ", "))
	}
	e.list = nil
}

func TestOptions(t *testing.T) {
	f := func(opt Options, want string) {
		t.Helper()
		_, err := New(opt)
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	f(Options{}, "<nil>")
	f(Options{Max: -1}, "cannot make a session store: Max is -1; use 1 to 10000000")
	f(Options{MaxPerPrincipal: -2}, "MaxPerPrincipal is -2")
	f(Options{IdleTTL: -time.Second}, "IdleTTL is -1s")
	f(Options{EvictIdle: -time.Second}, "EvictIdle is -1s")
	f(Options{Shards: 3}, "table of 3 shards")
}

func TestIDs(t *testing.T) {
	st, _, _ := newStore(t, Options{})
	seen := map[string]bool{}
	var bitsSet [idLength][128]bool
	for range 20_000 {
		id := mustCreate(t, st, "").ID
		if seen[id] {
			t.Fatalf("id %q came twice", id)
		}
		seen[id] = true
		for i, c := range []byte(id) {
			if c < 0x21 || c > 0x7e {
				t.Fatalf("id %q has the byte %#x, want visible ASCII", id, c)
			}
			bitsSet[i][c] = true
		}
	}
	// Each of the 24 places takes all 64 letters: no place carries a counter, a
	// time or anything else that could be guessed.
	for i := range bitsSet {
		n := 0
		for _, is := range bitsSet[i] {
			if is {
				n++
			}
		}
		if n != 64 {
			t.Fatalf("place %d of the ids takes %d letters, want 64", i, n)
		}
	}
}

func TestGetBindsToThePrincipal(t *testing.T) {
	st, _, e := newStore(t, Options{})
	s := mustCreate(t, st, "alice")
	s.SetState("a")
	f := func(id, principal string, want bool) {
		t.Helper()
		got, ok := st.Get([]byte(id), principal)
		if ok != want || (ok && got != s) {
			t.Fatalf("Get(%q, %q): got %v, want %v", id, principal, ok, want)
		}
	}
	f(s.ID, "alice", true)
	f(s.ID, "bob", false)
	f(s.ID, "", false)
	f("", "alice", false)
	f(s.ID[1:], "alice", false)
	f(s.ID+"x", "alice", false)
	f(strings.ToUpper(s.ID), "alice", false)
	f(strings.Repeat("x", 64<<10), "alice", false)
	if st.Delete([]byte(s.ID), "bob") {
		t.Fatal("bob deleted the session of alice")
	}
	if !st.Delete([]byte(s.ID), "alice") || st.Delete([]byte(s.ID), "alice") {
		t.Fatal("Delete must work once")
	}
	f(s.ID, "alice", false)
	e.expect(t, "a deleted")
	if s.Begin() || !s.Ended() {
		t.Fatal("an ended session took a call")
	}
	s.End()
	if s.Principal != "alice" || s.Version != "2025-11-25" {
		t.Fatalf("got %q %q", s.Principal, s.Version)
	}
}

func TestSweepEndsIdleSessions(t *testing.T) {
	st, c, e := newStore(t, Options{IdleTTL: time.Minute})
	for _, name := range []string{"a", "b", "c"} {
		mustCreate(t, st, name).SetState(name)
		c.add(time.Second)
	}
	b := st.idle.heap[1]
	sweep := func(want int, ended ...string) {
		t.Helper()
		if got := st.Sweep(); got != want {
			t.Fatalf("Sweep: got %d, want %d", got, want)
		}
		e.expect(t, ended...)
	}
	c.add(50 * time.Second) // a 53 s, b 52 s, c 51 s idle
	sweep(0)
	if _, ok := st.Get([]byte(b.ID), b.Principal); !ok {
		t.Fatal("b is gone")
	}
	c.add(7 * time.Second)
	sweep(1, "a idle")
	c.add(2 * time.Second)
	sweep(1, "c idle")
	sweep(0)
	if _, ok := st.Get([]byte(b.ID), "b"); !ok || st.Len() != 1 {
		t.Fatalf("b is gone, or Len()=%d, want 1", st.Len())
	}
	c.add(time.Minute)
	sweep(1, "b idle")
	if n := st.principals.Len(); n != 0 || st.table.Len() != 0 {
		t.Fatalf("%d principals and %d sessions left, want none", n, st.table.Len())
	}
}

func TestCreateEvictsTheIdleOldest(t *testing.T) {
	st, c, e := newStore(t, Options{Max: 3, EvictIdle: 10 * time.Second})
	create := func(name string) *Session {
		t.Helper()
		s := mustCreate(t, st, name)
		s.SetState(name)
		c.add(time.Second)
		return s
	}
	a, b, d := create("a"), create("b"), create("d")
	if _, err := st.Create("x", ""); !errors.Is(err, ErrFull) {
		t.Fatalf("nobody is idle for 10 s yet: got %v, want ErrFull", err)
	}
	c.add(20 * time.Second)
	st.Get([]byte(a.ID), "a") // b is the oldest now
	c.add(time.Second)
	create("x")
	e.expect(t, "b evicted")
	d.Begin() // d would be next
	c.add(20 * time.Second)
	create("y")
	e.expect(t, "a evicted")
	c.add(20 * time.Second)
	create("z")
	e.expect(t, "x evicted")
	if !b.Ended() || d.Ended() || st.Len() != 3 {
		t.Fatalf("b ended %v, d ended %v, Len()=%d", b.Ended(), d.Ended(), st.Len())
	}
	want := Stats{Created: 6, Refused: 1, Ended: [reasonCount]uint64{ReasonEvicted: 3}}
	if got := st.Stats(); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

func TestPrincipalLimit(t *testing.T) {
	st, c, e := newStore(t, Options{Max: 10, MaxPerPrincipal: 2, EvictIdle: 10 * time.Second})
	mustCreate(t, st, "other").SetState("other")
	c.add(time.Second)
	first := mustCreate(t, st, "p")
	first.SetState("p1")
	c.add(time.Second)
	mustCreate(t, st, "p").SetState("p2")
	if _, err := st.Create("p", ""); !errors.Is(err, ErrPrincipalFull) {
		t.Fatalf("got %v, want ErrPrincipalFull", err)
	}
	c.add(20 * time.Second)
	first.Begin()
	first.End() // used: p2 is the older one
	mustCreate(t, st, "p")
	e.expect(t, "p2 evicted") // and not "other", which is idle longest
	if st.Len() != 3 {
		t.Fatalf("Len()=%d, want 3", st.Len())
	}
}

func TestBusySessionsStay(t *testing.T) {
	st, c, e := newStore(t, Options{Max: 1, IdleTTL: time.Minute, EvictIdle: time.Second})
	s := mustCreate(t, st, "")
	s.SetState("busy")
	for range 2 {
		if !s.Begin() {
			t.Fatal("Begin failed")
		}
	}
	s.End()
	for range 5 {
		c.add(time.Hour)
		if n := st.Sweep(); n != 0 {
			t.Fatalf("Sweep ended %d busy sessions", n)
		}
		if _, err := st.Create("", ""); !errors.Is(err, ErrFull) {
			t.Fatalf("got %v, want ErrFull", err)
		}
	}
	s.End()
	c.add(59 * time.Second)
	if n := st.Sweep(); n != 0 {
		t.Fatal("the idle time did not start at the end of the call")
	}
	c.add(time.Second)
	st.Sweep()
	e.expect(t, "busy idle")
}

func TestEndWithoutBegin(t *testing.T) {
	st, _, _ := newStore(t, Options{})
	f := func(ended bool) {
		t.Helper()
		defer func() {
			if got := recover(); got != "BUG: Session.End without Begin" {
				t.Fatalf("ended=%v: got %v", ended, got)
			}
		}()
		s := mustCreate(t, st, "")
		if ended {
			st.Delete([]byte(s.ID), "")
		}
		s.End()
	}
	f(false)
	f(true)
}

func TestSetLimits(t *testing.T) {
	st, c, _ := newStore(t, Options{Max: 10, EvictIdle: 10 * time.Second})
	for range 10 {
		mustCreate(t, st, "")
	}
	if err := st.SetLimits(-1, 0, 0); err == nil || st.Max() != 10 {
		t.Fatalf("got %v and Max()=%d, want an error and 10", err, st.Max())
	}
	if err := st.SetLimits(4, 0, time.Hour); err != nil {
		t.Fatalf("SetLimits: %s", err)
	}
	if n := st.Sweep(); n != 0 {
		t.Fatalf("Sweep ended %d sessions that had just begun", n)
	}
	c.add(10 * time.Second)
	if n := st.Sweep(); n != 6 || st.Len() != 4 {
		t.Fatalf("Sweep ended %d, Len()=%d; want 6 and 4", n, st.Len())
	}
	c.add(time.Hour)
	if n := st.Sweep(); n != 4 {
		t.Fatalf("Sweep ended %d, want 4", n)
	}
}

func TestClose(t *testing.T) {
	count := map[Reason]int{}
	st, _, _ := newStore(t, Options{OnEnd: func(_ *Session, why Reason) { count[why]++ }})
	for i := range 1000 {
		if s := mustCreate(t, st, fmt.Sprint(i%7)); i%3 == 0 {
			s.Begin()
		}
	}
	st.Close()
	if count[ReasonShutdown] != 1000 || st.Len() != 0 {
		t.Fatalf("ended %v, Len()=%d", count, st.Len())
	}
	if _, err := st.Create("", ""); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
	st.Close()
}

func TestReasonNames(t *testing.T) {
	f := func(r Reason, want string) {
		t.Helper()
		if got := r.String(); got != want {
			t.Fatalf("got %q want %q", got, want)
		}
	}
	f(ReasonIdle, "idle")
	f(ReasonEvicted, "evicted")
	f(ReasonDeleted, "deleted")
	f(ReasonShutdown, "shutdown")
	f(reasonCount, "unknown")
}
