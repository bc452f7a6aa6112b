package result

import (
	"time"
)

// sampleLoad is a load of calls calls whose latencies are 1 to 1,000 us, evenly.
func sampleLoad(conns int, calls uint64, seconds float64) *Load {
	l := &Load{
		Transport: "tcp", Era: "modern", Conns: conns, Depth: 1, Processes: 1, Rate: 100,
		CallBytes: 120, ReplyBytes: 80, Seconds: seconds, Calls: calls,
		Refusals: map[string]uint64{},
		Latency:  NewHistogram(), Refusal: NewHistogram(),
		Timeline: []Sample{
			{At: -1, Calls: 10, Conns: conns, P50: 10, P99: 20, Max: 30, RSS: 1 << 20, CPU: 0.1},
			{At: 0, Calls: 20, Conns: conns, P50: 11, P99: 21, Max: 31, RSS: 2 << 20, CPU: 0.2},
		},
		Server: ServerUse{
			CPUSeconds: 0.5, Source: "a test", Before: Memory{RSS: 1 << 20},
			After: Memory{RSS: 3 << 20},
		},
	}
	for i := range int64(1000) {
		l.Latency.Record((i + 1) * 1000)
	}
	l.Derive()
	return l
}

// sampleFile has something of everything.
func sampleFile() *File {
	f := &File{
		Format: Format, Scenario: "open", About: "a test",
		Host: Host{
			Name: "host", Kernel: "6.1", CPU: "cpu", Cores: 2, Go: "go1.26", Commit: "abc",
			Command: "bench open", Date: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC),
		},
		Server:   Server{Target: "127.0.0.1:1", PID: 7, Command: "serve", Cores: 2},
		Settings: map[string]string{"rate": "100", "json": "a.json"},
		Began:    time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), Seconds: 3,
		Steps: []Step{
			{Name: "one", Load: sampleLoad(10, 1000, 2), Measures: []Measure{
				{"resumed", "ms", 3, Less},
			}},
			{Name: "two", Measures: []Measure{{"streams", "", 5, Neither}}},
		},
		Goals: []Goal{{
			Name: "speed", Work: "calls", Unit: "x", Better: Less, Limit: 1, Aim: 0.9,
			Value: &Spread{0.8, 0.7, 0.9}, Command: "bench goals",
		}},
		Warnings: []string{"it rained"},
	}
	c := CaseResult{Name: "C=1", Rows: []RowResult{
		{Name: "ref", Runs: []Load{*sampleLoad(1, 100, 1), *sampleLoad(1, 110, 1)}},
		{Name: "us", Runs: []Load{*sampleLoad(1, 200, 1), *sampleLoad(1, 190, 1)}},
		{Name: "dead", Fault: "it fell over"},
	}}
	c.Summarize("ref")
	f.Comparison = &Comparison{Plan: "tcp", Reference: "ref", Rounds: 2, Cases: []CaseResult{c}}
	return f
}
