package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/result"
)

// evil would be a script if a page took it for one.
const evil = `</script><script>evil()</script><img src=x onerror="evil()">`

func sampleLoad(conns int, micros float64, seconds int) *result.Load {
	l := &result.Load{
		Transport: "tcp", Era: "modern", Conns: conns, Depth: 4, Processes: 1, Rate: 20_000,
		CallBytes: 309, ReplyBytes: 200, Seconds: float64(seconds), Calls: uint64(20_000 * seconds),
		Latency: result.NewHistogram(), Refusal: result.NewHistogram(),
		Server: result.ServerUse{CPUSeconds: 0.4 * float64(seconds), Source: "a test"},
	}
	l.Server.After.RSS = 40 << 20
	random := rand.New(rand.NewPCG(1, uint64(micros)))
	for range 20_000 {
		l.Latency.Record(int64(micros * 1000 * (0.5 + random.ExpFloat64())))
	}
	for s := range seconds + 1 {
		l.Timeline = append(l.Timeline, result.Sample{
			At: float64(s), Calls: uint64(19_000 + random.IntN(2000)), Conns: conns,
			P50: micros, P99: micros * (4 + random.Float64()), Max: micros * 9,
			RSS: uint64(30+s) << 20, CPU: 0.35 + 0.1*random.Float64(),
		})
	}
	l.Derive()
	return l
}

// ladder is a run of three rungs that says something about the targets.
func ladder() *result.File {
	f := &result.File{
		Format: result.Format, Scenario: "ladder", About: "one rung after another",
		Host: result.Host{
			Name: "host", Kernel: "6.1 x86_64", TCP: "bbr", CPU: "some processor", Cores: 2,
			Go: "go1.26", Commit: "abc", Command: "mcploop bench ladder --tcp 127.0.0.1:1",
			Date: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC),
		},
		Server:   result.Server{Target: "127.0.0.1:1", PID: 7, Command: "serve", Cores: 2},
		Settings: map[string]string{"rate": "20000"},
		Began:    time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), Seconds: 30,
		Warnings: []string{"a client process used 93% of its core"},
	}
	f.Server.Loops = 2
	for i, conns := range []int{500, 5_000, 15_000} {
		f.Steps = append(f.Steps, result.Step{
			Name: fmt.Sprintf("%d connections", conns),
			Load: sampleLoad(conns, 100*float64(1+2*i), 10),
		})
	}
	return f
}

// peers is servers side by side, and goals.
func peers() *result.File {
	f := ladder()
	f.Scenario, f.Steps, f.Warnings = "peers", nil, nil
	row := func(name string, cpu float64) result.RowResult {
		r := result.RowResult{Name: name}
		for i := range 3 {
			l := sampleLoad(64, 100*cpu, 1)
			l.Server.CPUSeconds *= cpu + float64(i)/20
			l.Timeline = nil
			l.Derive()
			r.Runs = append(r.Runs, *l)
		}
		return r
	}
	c := result.CaseResult{Name: "C=64 P=1", Rows: []result.RowResult{
		row("mcploop", 1), row("another", 4), {Name: "dead", Fault: "it fell over"},
	}}
	c.Summarize("mcploop")
	f.Comparison = &result.Comparison{
		Plan: "http", Reference: "mcploop", Rounds: 3, Cases: []result.CaseResult{c},
	}
	f.Goals = []result.Goal{
		{
			Name: "calls", Work: "inline calls against an echo", Unit: "x", Better: result.Less,
			Limit: 1, Aim: 0.9, Value: &result.Spread{Median: 0.95, Min: 0.94, Max: 0.97},
			Command: "bench peers",
		},
		{
			Name: "goodput", Work: "under three times the load", Unit: "%", Better: result.More,
			Limit: 80, Value: &result.Spread{Median: 70, Min: 70, Max: 70},
			Command: "bench overload",
		},
		{Name: "cores", Work: "32 of them", Unit: "x", Limit: 1, Note: "this host has 2"},
	}
	return f
}

func render(t *testing.T, files ...*result.File) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, files...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReportHasEverything(t *testing.T) {
	got := render(t, ladder(), peers())
	for _, want := range []string{
		"some processor, 2 cores", "6.1 x86_64", "go1.26", "abc", "2026-11-27 12:00:00 UTC",
		"mcploop bench ladder --tcp 127.0.0.1:1", "30s", "a client process used 93% of its core",
		"serve (process 7, 2 cores, 2 loops)", "15000 connections", "20,000/s", "p99.9",
		"it fell over", "reference", "under three times the load", "this host has 2",
		"Leon Sorokin", "MIT",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for verdict, want := range map[string]int{"pass": 9, "fail": 2, "none": 2} {
		if n := strings.Count(got, `class="verdict `+verdict+`"`); n != want {
			t.Errorf("got %d verdicts %q, want %d", n, verdict, want)
		}
	}
}

func TestReportNeedsNoNetwork(t *testing.T) {
	got := render(t, ladder(), peers())
	loads := regexp.MustCompile(`(?i)\b(src|href)\s*=\s*["'](https?:)?//|url\(|@import|fetch\(`)
	if found := loads.FindString(got); found != "" {
		t.Errorf("the page wants something from elsewhere: %q", found)
	}
	if !strings.Contains(got, `content="default-src 'none'`) {
		t.Error("the page does not forbid itself to load things")
	}
}

func TestReportEscapes(t *testing.T) {
	f, p := ladder(), peers()
	for _, name := range []*string{
		&f.Scenario, &f.About, &f.Host.Name, &f.Host.Command, &f.Host.CPU, &f.Server.Target,
		&f.Server.Command, &f.Server.Name, &f.Steps[0].Name, &f.Steps[1].Fault, &f.Warnings[0],
		&f.Steps[0].Load.Transport,
		&p.Comparison.Plan, &p.Comparison.Cases[0].Name, &p.Comparison.Cases[0].Rows[1].Name,
		&p.Comparison.Cases[0].Rows[2].Fault, &p.Goals[0].Work, &p.Goals[0].Unit, &p.Goals[2].Note,
	} {
		*name = evil
	}
	f.Settings[evil] = evil
	f.Steps[0].Measures = []result.Measure{{Name: evil, Unit: evil, Value: 1, Better: evil}}
	got := render(t, f, p)
	for _, bad := range []string{"<script>evil", "<img", `onerror="`} {
		if at := strings.Index(got, bad); at >= 0 {
			t.Errorf("the page has %q: %q", bad, got[max(0, at-60):at+60])
		}
	}
}

func TestReportOfLittle(t *testing.T) {
	empty := &result.File{Format: result.Format, Scenario: "empty"}
	quiet := &result.File{Scenario: "idle", Steps: []result.Step{
		{Name: "idle", Measures: []result.Measure{{Name: "each", Unit: "KB", Value: 1}}},
		{Name: "failed", Fault: "it fell over"},
		{Name: "none", Load: &result.Load{Latency: result.NewHistogram()}},
	}}
	got := render(t, empty, quiet)
	if !strings.Contains(got, "1 KB") || strings.Contains(got, ">NaN") {
		t.Error("got no page of a run without a load")
	}
	name := filepath.Join(t.TempDir(), "r.html")
	if err := WriteFile(name, quiet); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(name); err != nil || !bytes.HasPrefix(b, []byte("<!doctype html>")) {
		t.Errorf("got %.40q, %v", b, err)
	}
	if err := WriteFile(filepath.Join(name, "below"), quiet); err == nil {
		t.Error("got no error for a file that cannot be made")
	}
}

func TestHuman(t *testing.T) {
	f := func(v float64, unit, want string) {
		t.Helper()
		if got := human(v, unit); got != want {
			t.Errorf("%g %s: got %q, want %q", v, unit, got, want)
		}
	}
	f(83.46, "us", "83.5 µs")
	f(1234, "us", "1.23 ms")
	f(2_500_000, "us", "2.50 s")
	f(1041.07, "us/call", "1,041 µs/call")
	f(144367.2, "/s", "144,367/s")
	f(200, "B", "200 B")
	f(102589, "B", "100 KB")
	f(0.88, "KB", "0.880 KB")
	f(47.83, "MB", "47.8 MB")
	f(0, "", "0")
	f(0.641, "", "0.641")
}
