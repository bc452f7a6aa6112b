package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/bench/result"
)

// table has a column for each step and a row for each measure.
type table struct {
	Steps []string
	Rows  []tableRow
}

type tableRow struct {
	Name   string
	Better result.Better
	Cells  []string
	Head   bool // describes the load, not what came of it
	Fault  bool
}

// newTable returns nil when there are no steps.
func newTable(steps []result.Step) *table {
	if len(steps) == 0 {
		return nil
	}
	t := &table{}
	for i := range steps {
		t.Steps = append(t.Steps, steps[i].Name)
	}
	t.describe(steps)
	for i := range steps {
		for _, m := range steps[i].All() {
			row := t.row(m.Name, len(steps))
			row.Better = m.Better
			row.Cells[i] = human(m.Value, m.Unit)
		}
	}
	faults := make([]string, len(steps))
	for i := range steps {
		faults[i] = steps[i].Fault
	}
	if strings.Join(faults, "") != "" {
		t.Rows = append(t.Rows, tableRow{Name: "not valid", Cells: faults, Fault: true})
	}
	return t
}

// row returns the row of that name, at the end when it is new.
func (t *table) row(name string, steps int) *tableRow {
	at := slices.IndexFunc(t.Rows, func(r tableRow) bool { return r.Name == name && !r.Head })
	if at < 0 {
		at = len(t.Rows)
		t.Rows = append(t.Rows, tableRow{Name: name, Cells: make([]string, steps)})
	}
	return &t.Rows[at]
}

// describe adds what the loads were.
func (t *table) describe(steps []result.Step) {
	lines := []struct {
		name string
		of   func(*result.Load) string
	}{
		{"transport", func(l *result.Load) string { return l.Transport + ", " + l.Era }},
		{"connections", func(l *result.Load) string { return count(l.Conns) }},
		{"calls in flight on each", func(l *result.Load) string { return count(l.Depth) }},
		{"offered", func(l *result.Load) string {
			if l.Rate > 0 {
				return human(l.Rate, "calls/s")
			}
			return "closed loop"
		}},
		{"request and answer", func(l *result.Load) string {
			return human(float64(l.CallBytes), "B") + ", " + human(float64(l.ReplyBytes), "B")
		}},
		{"client processes", func(l *result.Load) string { return count(l.Processes) }},
		{"measured", func(l *result.Load) string { return human(l.Seconds, "s") }},
		{"good answers", func(l *result.Load) string { return count(int(l.Calls)) }},
	}
	for _, line := range lines {
		row := tableRow{Name: line.name, Cells: make([]string, len(steps)), Head: true}
		some := false
		for i := range steps {
			if l := steps[i].Load; l != nil {
				row.Cells[i], some = line.of(l), true
			}
		}
		if some {
			t.Rows = append(t.Rows, row)
		}
	}
}

func count(n int) string { return result.Grouped(fmt.Sprint(n)) }

// human prints a value with its unit as people read it: 1,234 us is 1.23 ms.
func human(v float64, unit string) string {
	number := func(v float64) string { return result.Grouped(result.Number(v)) }
	abs := max(v, -v)
	switch unit {
	case "us":
		switch {
		case abs >= 1e6:
			return number(v/1e6) + " s"
		case abs >= 1e3:
			return number(v/1e3) + " ms"
		}
		return number(v) + " µs"
	case "us/call":
		return number(v) + " µs/call"
	case "B", "KB":
		units := []string{"B", "KB", "MB", "GB"}
		if unit == "KB" {
			units = units[1:]
		}
		for len(units) > 1 && abs >= 1024 {
			v, abs, units = v/1024, abs/1024, units[1:]
		}
		return number(v) + " " + units[0]
	case "/s":
		return number(v) + "/s"
	}
	return strings.TrimSpace(number(v) + " " + unit)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
