package scenario

import (
	"strings"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/result"
)

// tenMinutes is a step of ten minutes whose memory and descriptors rise by so much an hour, and
// swing.
func tenMinutes(rssPerHour, fdsPerHour float64) (*result.Step, *result.File) {
	l := &result.Load{Seconds: 600}
	for i := range 600 {
		at := float64(i)
		swing := float64(i%7)*100e3 - 300e3
		if i < 60 {
			swing += 10e6 * (60 - at) / -60 // it fills its pools
		}
		l.Timeline = append(l.Timeline, result.Sample{
			At: at, RSS: uint64(50e6 + rssPerHour*at/3600 + swing),
			FDs: 1000 + int(fdsPerHour*at/3600) + i%2,
		})
	}
	return &result.Step{Name: "soak", Load: l}, &result.File{}
}

func TestSoakSaysWhatGrows(t *testing.T) {
	f := func(name string, rss, fds, wantRSS, wantFDs float64) {
		t.Helper()
		s, file := tenMinutes(rss, fds)
		judgeGrowth(s, file)
		if got := value(t, s, "RSS grows"); got != wantRSS {
			t.Errorf("%s: memory grows %v, want %v: %s", name, got, wantRSS, s.Verdict)
		}
		if got := value(t, s, "descriptors grow"); got != wantFDs {
			t.Errorf("%s: descriptors grow %v, want %v: %s", name, got, wantFDs, s.Verdict)
		}
		if warned := len(file.Warnings) > 0; warned != (wantRSS+wantFDs > 0) {
			t.Errorf("%s: got warnings %q", name, file.Warnings)
		}
	}
	f("calm", 0, 0, 0, 0)
	f("memory", 20e6, 0, 1, 0)
	f("descriptors", 0, 60, 0, 1)
	f("both", 20e6, 60, 1, 1)
	f("shrinks", -20e6, -60, 0, 0)
	s, file := tenMinutes(20e6, 0)
	judgeGrowth(s, file)
	if got := value(t, s, "RSS slope"); got < 18e3 || got > 21e3 {
		t.Errorf("got a slope of %v KB/hour, want about 19,500", got)
	}
}

func TestSoakRunsAtAShareOfTheCapacity(t *testing.T) {
	addr := fake.Lines(t, "tcp", nil)
	f := mustRun(t, "soak", func(s *Settings) { s.TCP, s.Load = addr, 50 })
	peak, soak := step(t, f, "capacity").Load, step(t, f, "soak")
	if got := soak.Load.Rate / peak.PerSecond; got < 0.49 || got > 0.51 {
		t.Errorf("got %v of the capacity offered, want half", got)
	}
	if value(t, soak, "worst minute p99") <= 0 {
		t.Error("got no worst minute")
	}
	if !strings.Contains(soak.Verdict, "too short") {
		t.Errorf("got verdict %q of a fraction of a second", soak.Verdict)
	}
	f = mustRun(t, "soak", func(s *Settings) { s.TCP, s.Load, s.Rate = addr, 50, 500 })
	if len(f.Steps) != 1 || f.Steps[0].Load.Rate != 500 {
		t.Errorf("got %d steps at %v/s, want one at 500", len(f.Steps), f.Steps[0].Load.Rate)
	}
	f = mustRun(t, "soak", func(s *Settings) { s.TCP, s.Load = addr, 0 })
	if len(f.Steps) != 1 || f.Steps[0].Load.Rate != 0 {
		t.Errorf("got %d steps at %v/s, want a closed loop", len(f.Steps), f.Steps[0].Load.Rate)
	}
}
