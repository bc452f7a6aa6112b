package scenario

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
)

func TestIdle(t *testing.T) {
	f := func(name string, change func(*Settings), command ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			file := run(t, options(t, idle(), func(s *Settings) {
				s.Connections, s.Processes, s.Depth = 40, 2, 4
				change(s)
			}, command...))
			if len(file.Steps) != 4 {
				t.Fatalf("got %d states, want 4", len(file.Steps))
			}
			for i := range file.Steps {
				s := &file.Steps[i]
				if measure(s, "open") != 40 || measure(s, "errors") != 0 ||
					measure(s, "memory") <= 0 || measure(s, "before") <= 0 {
					t.Errorf("%s: got %+v", s.Name, s.Measures)
				}
			}
		})
	}
	tcp, web, path := free(t), free(t), filepath.Join(t.TempDir(), "s")
	f("fake", func(s *Settings) { s.TCP = fake.Lines(t, "tcp", nil) })
	f("real", func(s *Settings) { s.TCP = tcp }, real(t, "tcp")...)
	f("real unix", func(s *Settings) { s.Unix = path }, real(t, "unix")...)
	f("real http", func(s *Settings) { s.URL = "http://" + web }, real(t, "http")...)
	f("real http, legacy", func(s *Settings) { s.URL, s.Era = "http://"+web, eraLegacy },
		real(t, "http")...)
	f("real ws", func(s *Settings) { s.WS = "ws://" + web }, real(t, "http")...)
}

func TestIdleOverSeveralServers(t *testing.T) {
	start := func() string {
		addr, command := free(t), real(t, "tcp")
		other := options(t, closedLoop(), func(s *Settings) { s.TCP = addr }, command...)
		target, err := aim(t.Context(), &other.Settings, command, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(target.stop)
		return addr
	}
	a, b := start(), start()
	before := func(addrs string) float64 {
		file := run(t, options(t, idle(), func(s *Settings) { s.TCP = addrs }))
		return measure(&file.Steps[0], "before")
	}
	before(a + "," + b) // their memory grows with the first connections
	both, alone := before(a+","+b+","+a), before(a)
	if both < 1.5*alone || both > 2.5*alone {
		t.Errorf("got %v MB of two servers, %v MB of one, want the sum, each once", both, alone)
	}
}

func TestIdleAbandonsSessions(t *testing.T) {
	web := free(t)
	file := run(t, options(t, idle(), func(s *Settings) {
		s.URL, s.Abandon = "http://"+web, true
	}, real(t, "http")...))
	if len(file.Steps) != 2 || measure(&file.Steps[1], "left") <= 0 {
		t.Errorf("got %+v", file.Steps)
	}
	_, err := Do(t.Context(), options(t, idle(), func(s *Settings) {
		s.TCP, s.Abandon = fake.Lines(t, "tcp", nil), true
	}))
	contains(t, fmt.Sprint(err), "only HTTP has them")
}

func TestIdleFindsWrongServers(t *testing.T) {
	f := func(want string, spoil fake.Spoiler) {
		t.Helper()
		file, err := Do(t.Context(), options(t, idle(), func(s *Settings) {
			s.TCP, s.Era = fake.Lines(t, "tcp", spoil), eraLegacy
		}))
		if err == nil || len(file.Steps) != 2 || file.Err() == nil {
			t.Errorf("got %v, %+v, want a fault of the second state", err, file.Steps)
			return
		}
		contains(t, fmt.Sprint(err), want)
	}
	// The first three calls are those of the probe, the next eight those before the crowd.
	after := func(spoil func(string) string) fake.Spoiler {
		return func(n int64, a string) string {
			if n <= 3+8 {
				return a
			}
			return spoil(a)
		}
	}
	f("first fault", after(func(string) string { return "" }))
	f("text is not", after(func(a string) string {
		return strings.Replace(a, `"text":"0`, `"text":"9`, 1)
	}))
}
