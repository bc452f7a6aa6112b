package scenario

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

func TestChurn(t *testing.T) {
	f := func(name string, change func(*Settings), command ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			f := run(t, options(t, churn(), func(s *Settings) {
				s.Calls = 3
				change(s)
			}, command...))
			s := &f.Steps[0]
			lives, connect := measure(s, "lives"), measure(s, "connect p50")
			if lives <= 0 || connect <= 0 || measure(s, "life p50") < connect {
				t.Errorf("got %+v", s.Measures)
			}
			if l := s.Load; l.Calls < 2*l.Reconnects || l.Calls > 3*(l.Reconnects+8) {
				t.Errorf("got %d calls in %d lives, want 3 each", l.Calls, l.Reconnects)
			}
		})
	}
	tcp, web := free(t), free(t)
	f("fake", func(s *Settings) { s.TCP = fake.Lines(t, "tcp", nil) })
	f("http", func(s *Settings) { s.URL = "http://" + fake.HTTP(t, false, nil) })
	f("real", func(s *Settings) { s.TCP = tcp }, real(t, "tcp")...)
	f("real http", func(s *Settings) { s.URL = "http://" + web }, real(t, "http")...)
	f("real ws", func(s *Settings) { s.WS = "ws://" + web }, real(t, "http")...)
}

func TestChurnFindsWrongAnswers(t *testing.T) {
	f := func(want string, spoil func(string) string) {
		t.Helper()
		file, err := Do(t.Context(), options(t, churn(), func(s *Settings) {
			s.TCP, s.Era = fake.Lines(t, "tcp", late(spoil)), eraLegacy
			s.Duration = time.Minute
		}))
		if err != nil {
			t.Fatal(err)
		}
		contains(t, fmt.Sprint(file.Err()), want)
	}
	f("wrong replies", func(a string) string { return strings.Replace(a, `"id":1`, `"id":2`, 1) })
	f("ended", func(string) string { return "" })
}

func TestRamp(t *testing.T) {
	web := free(t)
	f := run(t, options(t, ramp(), func(s *Settings) {
		s.URL, s.Connections, s.Duration = "http://"+web, 100, 1100*time.Millisecond
	}, real(t, "http")...))
	s := &f.Steps[0]
	if s.Load.Connect.Count() != 100 || measure(s, "each") == -1 || measure(s, "connect p99") <= 0 {
		t.Errorf("got %d connects, %+v", s.Load.Connect.Count(), s.Measures)
	}
	// Half of the calls of a full crowd are due while it grows.
	if calls := s.Load.Calls; calls > 900 {
		t.Errorf("got %d of 1100 calls, want the rate to grow with the connections", calls)
	}
	if line := s.Load.Timeline; len(line) == 0 || line[0].Conns >= 100 || line[0].Conns < 10 {
		t.Errorf("got %+v, want a second of growth", line)
	}
	if measure(s, "first fault") != -1 || measure(s, "first refusal") != -1 {
		t.Errorf("got %+v, and nothing was refused", s.Measures)
	}
}

func TestRampTellsTheFirstRefusalAndFault(t *testing.T) {
	f := func(name string, spoil func(string) string) {
		t.Helper()
		file, err := Do(t.Context(), options(t, ramp(), func(s *Settings) {
			s.TCP, s.Era = fake.Lines(t, "tcp", late(spoil)), eraLegacy
		}))
		if err != nil {
			t.Fatal(err)
		}
		if s := &file.Steps[0]; measure(s, name) <= 0 || measure(s, "by then") == -1 {
			t.Errorf("%s: got %+v", name, s.Measures)
		}
	}
	f("first refusal", func(a string) string {
		id, _, _ := strings.Cut(a, ",")
		return id + `,"jsonrpc":"2.0","error":{"code":-31000,"message":"no"}}`
	})
	f("first fault", func(string) string { return "" })
}

func TestRampGoesOnWhereNobodyListens(t *testing.T) {
	o := load.DefaultOptions()
	o.Addr, o.Conns, o.Ramp, o.Rate = free(t), 5, time.Millisecond, 100
	o.Warmup, o.Span = 0, 10*time.Millisecond
	l, err := load.Run(t.Context(), o, load.Hooks{})
	if err != nil || l.Closed != 5 || l.Err() == nil {
		t.Errorf("got %d closed, %v, %v, want all five to be faults", l.Closed, l.Err(), err)
	}
	contains(t, l.FirstFault, "refused")
}

func TestLadder(t *testing.T) {
	f := func(rungs []rung, bound time.Duration, spoil fake.Spoiler) *result.File {
		t.Helper()
		addr := fake.Lines(t, "tcp", spoil)
		// Two of the lowest rung's calls are enough, of the highest millions a second are not.
		file, err := Do(t.Context(), options(t, ladder(rungs, 0.05), func(s *Settings) {
			s.TCP, s.Era, s.Bound, s.Warmup = addr, eraLegacy, bound, 0
		}))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	low := []rung{{2, 400}, {4, 800}}
	file := f(low, time.Minute, nil)
	if len(file.Steps) != 2 || measure(&file.Steps[1], "held") != 1 || file.Err() != nil {
		t.Errorf("got %+v, %v", file.Steps, file.Err())
	}
	if rate := file.Steps[1].Load.Rate; rate != 400 {
		t.Errorf("got %v calls/s for 800 messages/s, want half", rate)
	}
	file = f([]rung{{2, 400}, {4, 90e6}, {8, 100e6}}, time.Minute, nil)
	if len(file.Steps) != 2 || measure(&file.Steps[1], "held") != 0 {
		t.Errorf("got %+v, want an end at the second rung", file.Steps)
	}
	contains(t, fmt.Sprint(file.Warnings), "is not held")
	file = f(low, time.Nanosecond, nil)
	contains(t, fmt.Sprint(file.Warnings), "p99 is")
	file = f(low, time.Minute, func(n int64, a string) string {
		if n > 5 { // two calls after those of the probe
			return ""
		}
		return a
	})
	if file.Err() == nil || len(file.Steps) != 1 {
		t.Errorf("got %+v, want a fault at the first rung", file.Steps)
	}
	file = f([]rung{{2, 400}, {2, -400}}, time.Minute, nil)
	contains(t, fmt.Sprint(file.Warnings), "could not be made")
}
