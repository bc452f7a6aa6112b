package goals

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/bench/result"
)

func TestGoalsHaveSources(t *testing.T) {
	names := map[string]bool{scanSource: true}
	for _, s := range sources(5) {
		if names[s.name] || s.repeats < 1 || len(s.args) == 0 {
			t.Errorf("source %q is there twice or has nothing to run", s.name)
		}
		names[s.name] = true
	}
	seen := map[string]bool{}
	for _, g := range all() {
		if !names[g.source] || seen[g.Name] || g.Limit < 0 || g.Better == result.Neither {
			t.Errorf("goal %+v has no source, no limit, or its name is taken", g.Goal)
		}
		seen[g.Name] = true
		if g.values == nil && g.source != scanSource {
			t.Errorf("goal %q has no values", g.Name)
		}
		aimed := g.Aim == 0 || (g.Better == result.More) == (g.Aim >= g.Limit)
		if !aimed {
			t.Errorf("goal %q aims at less than its limit", g.Name)
		}
	}
}

// comparison is a result in which a costs 2 and 4, b 1 and 1.
func comparison() *result.File {
	row := func(name string, costs ...float64) result.RowResult {
		r := result.RowResult{Name: name, Fault: "would not start"}
		for _, c := range costs {
			l := result.Load{Latency: result.NewHistogram()}
			l.Server.PerCall = c
			r.Runs = append(r.Runs, l)
		}
		return r
	}
	return &result.File{Format: result.Format, Comparison: &result.Comparison{
		Cases: []result.CaseResult{{Name: "few", Rows: []result.RowResult{
			row("a", 2, 4), row("b", 1, 1), row("dead"),
		}}},
	}}
}

func TestRatiosAreRoundByRound(t *testing.T) {
	g := cpuRatio("n", "w", "s", "few", "a", "b", 1, 0)
	got := g.judge(&outcome{command: "c", files: []*result.File{comparison()}})
	if got.Value == nil || *got.Value != (result.Spread{Median: 3, Min: 2, Max: 4}) || got.Met() {
		t.Errorf("got %+v, want 3 [2..4], not met", got)
	}
	g = cheaper("n", "w", "s", "few", "b", "a", 3, 0)
	if got := g.judge(&outcome{files: []*result.File{comparison()}}); !got.Met() {
		t.Errorf("got %+v, want a goal of at least 3 met", got)
	}
	for _, names := range [][3]string{{"many", "a", "b"}, {"few", "c", "b"}, {"few", "dead", "b"}} {
		g := cpuRatio("n", "w", "s", names[0], names[1], names[2], 1, 0)
		got := g.judge(&outcome{command: "c", files: []*result.File{comparison()}})
		if got.Met() || got.Note == "" || got.Verdict() != "not measured" {
			t.Errorf("%v: got %+v, want a reason why it was not measured", names, got)
		}
	}
}

func TestMeasuresOfSteps(t *testing.T) {
	f := &result.File{Steps: []result.Step{
		{Name: "held", Measures: []result.Measure{{Name: "each", Unit: "KB", Value: 0.7}}},
		{Name: "broken", Fault: "server has ended"},
	}}
	g := measured("n", "w", "s", "held", "each", "KB", result.Less, 0.8, 0)
	if got := g.judge(&outcome{files: []*result.File{f, f}}); !got.Met() {
		t.Errorf("got %+v, want it met", got)
	}
	for step, measure := range map[string]string{"held": "x", "broken": "each", "none": "each"} {
		g := measured("n", "w", "s", step, measure, "KB", result.Less, 0.8, 0)
		if got := g.judge(&outcome{files: []*result.File{f}}); got.Met() || got.Note == "" {
			t.Errorf("%s, %s: got %+v, want a reason", step, measure, got)
		}
	}
}

func TestRunMeasuresAndCountsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	if err := comparison().Write(filepath.Join(dir, "tcp.json")); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	opt := Options{
		Bench: []string{"/bin/false"}, Dir: dir, Only: []string{scanSource, "http"}, Rounds: 1,
		Out: &said,
	}
	f, err := Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{}
	for i := range f.Goals {
		verdicts[f.Goals[i].Name] = f.Goals[i].Verdict()
	}
	if v := verdicts["scan"]; v != "pass" && v != "FAIL" {
		t.Errorf("got %q for the scanner, want it measured", v)
	}
	if verdicts["http-16"] != "not measured" || verdicts["tcp-64-1"] != "not measured" {
		t.Errorf("got %v, want no figure of a command that failed or a case that is missing",
			verdicts)
	}
	if _, err := os.Stat(filepath.Join(dir, "goals.json")); err != nil {
		t.Error(err)
	}
	var table bytes.Buffer
	if missed, err := f.WriteGoals(&table); err != nil || missed == 0 {
		t.Errorf("got %d missed, %v", missed, err)
	}
	if !strings.Contains(table.String(), "cannot run") {
		t.Errorf("got %s, want it to say why", table.String())
	}
	opt.Only = []string{"nothing"}
	if _, err := Run(t.Context(), opt); err == nil {
		t.Error("an unknown source was run")
	}
}
