package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/bench/result"
)

// TestPagesAreFresh wants the pages to say what the results say: `make pages` writes them.
func TestPagesAreFresh(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("got %v, %v, want the documentation", pages, err)
	}
	for _, page := range append(pages, "../../README.md") {
		old, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text, err := Render(string(old), "../results")
		if err != nil {
			t.Errorf("%s: %v", page, err)
		} else if text != string(old) {
			t.Errorf("%s is not what the results say; run make pages", page)
		}
	}
}

func put(t *testing.T, dir, day string, limit float64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, day), 0o755); err != nil {
		t.Fatal(err)
	}
	f := result.File{
		Format: result.Format, Scenario: "idle",
		Goals: []result.Goal{{
			Name: "a", Work: "some work", Unit: "KB", Better: result.Less, Limit: limit,
			Value: &result.Spread{Median: 1.5, Min: 1, Max: 2}, Command: "bench x",
		}},
		Steps: []result.Step{
			{Name: "held", Measures: []result.Measure{{Name: "each", Unit: "KB", Value: 0.71}}},
			{Name: "bad", Fault: "server has ended"},
		},
		Comparison: &result.Comparison{Reference: "one", Cases: []result.CaseResult{{
			Name: "few",
			Rows: []result.RowResult{
				{Name: "one", Runs: []result.Load{
					{CallBytes: 100, ReplyBytes: 10, Latency: result.NewHistogram()},
				}},
				{
					Name: "two", Runs: []result.Load{{Latency: result.NewHistogram()}},
					CPURatio: result.Spread{Median: 1.1, Min: 1.1, Max: 1.1},
				},
				{Name: "dead", Fault: "would not start"},
			},
		}}},
	}
	if err := f.Write(filepath.Join(dir, day, "x.json")); err != nil {
		t.Fatal(err)
	}
}

func TestRender(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "2026-01-02", 1)
	put(t, dir, "2026-11-02", 2)
	f := func(kind string, wants ...string) {
		t.Helper()
		page := "before\n<!-- bench x " + kind + " -->\nold\n<!-- bench end -->\nafter\n"
		got, err := Render(page, dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(wants, "before\n<!--", "-->\nafter\n") {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %s, want %q in it", kind, got, want)
			}
		}
		again, err := Render(got, dir)
		if err != nil || again != got || strings.Contains(got, "old") {
			t.Errorf("%s: got %s, then %s, %v", kind, got, again, err)
		}
	}
	f("goals", "| some work | at most 2 KB |  | 1.50 [1..2] KB | pass |")
	f("goals", "- `bench x`\n")
	f("verdicts", "| some work | at most 2 KB | 1.50 [1..2] KB | pass |\n<!--")
	f("steps", "| held | each | 0.710 KB |", "| bad | not valid | server has ended |")
	f("comparison", "few, reference one", "| dead | not measured: would not start |")
	f("loops", "| few | 1.10 | 1.8 to 1.8 |", "0.6 to 7.8 |\n")
	f("wire", "| one | 100 B | 10 B | 15.2 in, 8 out Mbit/s |")
	for _, bad := range []string{
		"<!-- bench x goals -->\nno end\n", "<!-- bench y goals -->\n<!-- bench end -->\n",
		"<!-- bench x poem -->\n<!-- bench end -->\n",
	} {
		if got, err := Render(bad, dir); err == nil {
			t.Errorf("got %q of %q, want an error", got, bad)
		}
	}
}
