package result

import (
	"bytes"
	"strings"
	"testing"
)

// at returns a run of one step.
func at(l *Load) *File {
	return &File{
		Scenario: "open", Server: Server{Cores: 2}, Settings: map[string]string{},
		Steps: []Step{{Name: "step", Load: l}},
	}
}

func byName(targets []Target) map[string]Target {
	m := map[string]Target{}
	for _, t := range targets {
		m[t.Name] = t
	}
	return m
}

func verdicts(t *testing.T, got []Target, want map[string]Verdict) {
	t.Helper()
	m := byName(got)
	for name, v := range want {
		if m[name].Verdict != v {
			t.Errorf("%s: got %q (%g, %s), want %q", name, m[name].Verdict, m[name].Value,
				m[name].Note, v)
		}
	}
}

func TestTargetsSayNothingOfFewConnections(t *testing.T) {
	// Far better than any target, with one connection too few.
	l := sampleLoad(TargetConns-1, 10_000_000, 1)
	for _, row := range Targets([]*File{at(l)}) {
		if row.Verdict != NotMeasured || row.Measured() != "" ||
			!strings.Contains(row.Note, "the most were 14,999") {
			t.Errorf("got %+v, want it not measured, and why", row)
		}
	}
	for _, row := range Targets(nil) {
		if row.Verdict != NotMeasured || row.Note == "" {
			t.Errorf("got %+v of nothing", row)
		}
	}
}

func TestTargetsAreJudged(t *testing.T) {
	all := func(v Verdict) map[string]Verdict {
		m := map[string]Verdict{}
		for _, row := range Targets(nil) {
			m[row.Name] = v
		}
		return m
	}
	l := sampleLoad(TargetConns, 250_000, 1)
	f := at(l)
	f.Steps[0].Measures = []Measure{{"GC pause p99", "us", 900, Less}}
	verdicts(t, Targets([]*File{f}), all(Passed))
	if got := byName(Targets([]*File{f}))["throughput at 15,000 connections"]; got.Measured() !=
		"500,000 messages/s" || got.Wanted() != ">= 500,000 messages/s" {
		t.Errorf("got %q, wanted %q", got.Measured(), got.Wanted())
	}

	for name, want := range map[string]string{
		"connection success": "100 %", "error rate": "0 %", "CPU under peak load": "25 %",
		"latency p50": "0.500 ms",
	} {
		row := byName(Targets([]*File{f}))[name]
		if got := row.Measured(); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}

	l = sampleLoad(TargetConns, 249_000, 1)
	l.Unsent, l.Closed = 1000, 100
	l.Server.CPUSeconds, l.Server.After.RSS = 1.7, 4<<30
	for range 2000 {
		l.Latency.Record(2e9)
	}
	l.Derive()
	f = at(l)
	f.Steps[0].Measures = []Measure{{"GC pause p99", "ms", 100, Less}}
	verdicts(t, Targets([]*File{f}), all(Failed))
}

func TestTargetsTakeTheRightSteps(t *testing.T) {
	quiet, busy := sampleLoad(TargetConns, 1000, 1), sampleLoad(TargetConns, 200_000, 1)
	for range 2000 {
		busy.Latency.Record(60e6) // 60 ms
	}
	verdicts(t, Targets([]*File{at(quiet), at(busy)}), map[string]Verdict{
		"throughput at 15,000 connections": Failed, "latency p50": Failed, "latency p99": Passed,
	})
	// A closed loop has a throughput, and latencies that say nothing.
	closed := sampleLoad(TargetConns, 300_000, 1)
	closed.Rate = 0
	rows := Targets([]*File{at(closed)})
	verdicts(t, rows, map[string]Verdict{
		"throughput at 15,000 connections": Passed, "latency p50": NotMeasured,
		"CPU under peak load": NotMeasured, "GC pause p99": NotMeasured, "error rate": Passed,
	})
	if note := byName(rows)["latency p50"].Note; !strings.Contains(note, "closed loop") {
		t.Errorf("got %q, want it to tell of the closed loop", note)
	}
	// What went wrong counts, though the step is no measurement of speed.
	bad := at(sampleLoad(TargetConns, 300_000, 1))
	bad.Steps[0].Load.Mismatches, bad.Steps[0].Fault = 3000, "wrong"
	verdicts(t, Targets([]*File{bad}), map[string]Verdict{
		"throughput at 15,000 connections": NotMeasured, "error rate": Failed,
	})
	// An overload refuses on purpose.
	over := at(sampleLoad(TargetConns, 300_000, 1))
	over.Scenario = "overload"
	verdicts(t, Targets([]*File{over}), map[string]Verdict{"error rate": NotMeasured})
	// Memory as an idle run tells it, without a load.
	idle := &File{
		Scenario: "idle", Settings: map[string]string{"connections": "15000"},
		Steps: []Step{{Name: "idle", Measures: []Measure{{"each", "KB", 201, Less}}}},
	}
	verdicts(t, Targets([]*File{idle}), map[string]Verdict{"memory for each connection": Failed})
	// Without the server's process there is neither CPU nor memory.
	far := at(sampleLoad(TargetConns, 300_000, 1))
	far.Steps[0].Load.Server = ServerUse{}
	verdicts(t, Targets([]*File{far}), map[string]Verdict{
		"CPU under peak load": NotMeasured, "memory for each connection": NotMeasured,
	})
}

func TestTargetsTable(t *testing.T) {
	var out bytes.Buffer
	failed, err := WriteTargets(&out, Targets([]*File{at(sampleLoad(TargetConns, 1000, 1))}))
	if err != nil || failed != 1 {
		t.Errorf("got %d failed, %v, want the throughput alone", failed, err)
	}
	for _, want := range []string{"2,000 messages/s", "FAIL", "pass", "not measured", "open loop"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s\nwant it to contain %q", out.String(), want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "999": "999", "1000": "1,000", "1234567": "1,234,567", "-1234": "-1,234",
		"-123": "-123", "1234.5678": "1,234.5678", "": "",
	} {
		if got := Grouped(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
