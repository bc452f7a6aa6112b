package report

import (
	"fmt"

	"github.com/mcploop/mcploop/bench/result"
)

// barTable is one case of servers side by side.
type barTable struct {
	Plan, Name, Reference string
	Rows                  []barRow
}

type barRow struct {
	Name      string
	Reference bool
	CPU, Rate bar
	CPURatio  string
	RateRatio string
	P50, P99  string
	RSS       string
	Client    string
	Others    string
	Runs      int
	Fault     string
}

// bar is a spread as a drawing, in per cent of its column's width.
type bar struct {
	Text           string
	Range          string
	Mid, Low, Span float64
}

func newBarTable(c *result.Comparison, cs *result.CaseResult) barTable {
	t := barTable{Plan: c.Plan, Name: cs.Name, Reference: c.Reference}
	cpuMax, rateMax := 0.0, 0.0
	for i := range cs.Rows {
		cpuMax = max(cpuMax, cs.Rows[i].CPU.Max)
		rateMax = max(rateMax, cs.Rows[i].PerSecond.Max)
	}
	for i := range cs.Rows {
		r := &cs.Rows[i]
		t.Rows = append(t.Rows, barRow{
			Name: r.Name, Reference: r.Name == c.Reference, Runs: len(r.Runs), Fault: r.Fault,
			CPU: newBar(r.CPU, cpuMax), Rate: newBar(r.PerSecond, rateMax),
			CPURatio:  fmt.Sprintf("%.2f", r.CPURatio.Median),
			RateRatio: fmt.Sprintf("%.2f", r.RateRatio.Median),
			P50:       human(r.P50.Median, "us"), P99: human(r.P99.Median, "us"),
			RSS:    human(r.RSS.Median, "B"),
			Client: fmt.Sprintf("%.0f%%", 100*r.ClientShare.Median),
			Others: fmt.Sprintf("%.0f%%", 100*r.OthersShare.Median),
		})
	}
	return t
}

func newBar(s result.Spread, most float64) bar {
	b := bar{Text: human(s.Median, ""), Range: human(s.Min, "") + " to " + human(s.Max, "")}
	if most > 0 {
		b.Mid, b.Low, b.Span = 100*s.Median/most, 100*s.Min/most, 100*(s.Max-s.Min)/most
	}
	return b
}

// goalRow is a goal and what became of it.
type goalRow struct {
	Name, Work, Note, Command string
	Wanted, Aim               string
	Measured, Range           string
	Verdict                   result.Verdict
}

func newGoalRow(g *result.Goal) goalRow {
	row := goalRow{
		Name: g.Name, Work: g.Work, Note: g.Note, Command: g.Command,
		Wanted: "≤ " + human(g.Limit, g.Unit), Verdict: result.Verdict(g.Verdict()),
	}
	if g.Better == result.More {
		row.Wanted = "≥ " + human(g.Limit, g.Unit)
	}
	if g.Aim != 0 {
		row.Aim = human(g.Aim, g.Unit)
	}
	if v := g.Value; v != nil {
		row.Measured = human(v.Median, g.Unit)
		if v.Min != v.Max {
			row.Range = human(v.Min, g.Unit) + " to " + human(v.Max, g.Unit)
		}
	}
	return row
}
