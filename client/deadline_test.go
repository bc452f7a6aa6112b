package client

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcploop/mcploop/codec"
)

// TestDeadlines: which deadline has passed for a call of some age whose last sign came at some
// time, if any has.
func TestDeadlines(t *testing.T) {
	const s = time.Second
	f := func(c *Call, age, sign time.Duration, want string) {
		t.Helper()
		tab := table{max: 1}
		c.began, c.limit = 1, c.Timeout
		id, err := tab.put(c, nil, func(uint32) {})
		if err != nil {
			t.Fatal(err)
		}
		if sign > 0 {
			c.sign.Store(int64(sign) + 1)
		}
		found, why := tab.overdue(0, int64(age)+1)
		if found != id {
			t.Fatalf("looked at %d, want %d", found, id)
		}
		switch {
		case want == "" && why != nil, want != "" && !errors.Is(why, ErrTimeout),
			want != "" && !strings.Contains(why.Error(), want):
			t.Errorf("age %v, sign %v: got %v, want %q", age, sign, why, want)
		}
		if why == nil && !tab.slots[0].timer.Stop() {
			t.Errorf("age %v, sign %v: nobody looks again", age, sign)
		}
		tab.take(id)
		if _, why := tab.overdue(0, int64(time.Hour)); why != nil {
			t.Error("an answered call is overdue")
		}
	}
	all := func() *Call { return &Call{Timeout: 60 * s, FirstByte: 5 * s, BetweenBytes: 10 * s} }
	f(all(), 4*s, 0, "")
	f(all(), 5*s, 0, "nothing of an answer came within 5s")
	f(all(), 13*s, 4*s, "")
	f(all(), 14*s, 4*s, "nothing more of the answer came within 10s")
	f(all(), 59*s, 58*s, "")
	f(all(), 60*s, 59*s, "timed out")
	f(&Call{Timeout: 60 * s, BetweenBytes: 10 * s}, 50*s, 0, "")
	f(&Call{BetweenBytes: 10 * s}, 50*s, 0, "")
	f(&Call{BetweenBytes: 10 * s}, 50*s, 40*s, "nothing more")
	f(&Call{FirstByte: 10 * s, Timeout: 60 * s}, 50*s, 9*s, "")
	f(&Call{Timeout: s}, s, 0, "timed out")
}

// TestSlotTimer: calls that follow each other in a slot have one timer, which looks in time at each
// of them and at nobody else.
func TestSlotTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Mux{born: time.Now()}
		m.table.max = 1
		var mu sync.Mutex // guards looks and ended
		looks, ended := 0, ""
		look := func(index uint32) {
			mu.Lock()
			defer mu.Unlock()
			looks++
			if id, why := m.table.overdue(index, m.clock()); why != nil {
				c, _ := m.table.take(id)
				ended += c.Method
			}
		}
		begin := func(name string, d time.Duration) uint64 {
			c := &Call{Method: name, Timeout: d}
			m.begin(c)
			id, err := m.table.put(c, nil, look)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		after := func(d time.Duration, want string, wantLooks int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if ended != want || looks != wantLooks {
				t.Errorf("ended %q after %d looks, want %q after %d", ended, looks, want, wantLooks)
			}
		}
		m.table.take(begin("a", 10*time.Second))
		after(9*time.Second, "", 0)
		b := begin("b", 10*time.Second)
		after(9*time.Second, "", 1) // that of a, which finds b
		after(2*time.Second, "b", 2)
		m.table.take(begin("c", 10*time.Second))
		begin("d", time.Second)
		after(2*time.Second, "bd", 3)
		m.table.extend(begin("e", time.Second), 0, m.clock(), look)
		after(time.Hour, "bd", 4)
		m.table.extend(m.table.ids()[0], time.Second, m.clock(), look)
		after(2*time.Second, "bde", 5)
		begin("f", time.Second)
		m.table.close(ErrClosed)
		after(time.Hour, "bde", 5)
		if m.table.peek(b) != nil {
			t.Error("an ended call is in flight")
		}
	})
}

// TestRetryAfter: both forms, and what is neither.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "-1": 0, "soon": 0, "": 0, "99999999999": 0,
		"Fri, 27 Nov 2026 12:01:00 GMT": time.Minute, "Fri, 27 Nov 2020 12:01:00 GMT": 0,
	} {
		headers := []codec.Header{
			{Name: []byte("Date"), Value: []byte("3")},
			{Name: []byte("retry-after"), Value: []byte(value)},
		}
		if got := retryAfter(headers, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}
