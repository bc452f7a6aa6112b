package client

import (
	"errors"
	"strings"
	"testing"
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
		c.began = 1
		id, err := tab.put(c, nil, func(uint64) {})
		if err != nil {
			t.Fatal(err)
		}
		if sign > 0 {
			c.sign.Store(int64(sign) + 1)
		}
		why := tab.overdue(id, int64(age)+1)
		switch {
		case want == "" && why != nil, want != "" && !errors.Is(why, ErrTimeout),
			want != "" && !strings.Contains(why.Error(), want):
			t.Errorf("age %v, sign %v: got %v, want %q", age, sign, why, want)
		}
		if why == nil && !c.expiry.Stop() {
			t.Errorf("age %v, sign %v: nobody looks again", age, sign)
		}
		tab.take(id)
		if tab.overdue(id, int64(time.Hour)) != nil {
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
