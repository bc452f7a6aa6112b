package goals

import (
	"fmt"
	"slices"

	"github.com/mcploop/mcploop/bench/result"
)

// goal is a figure and where its values are found.
type goal struct {
	result.Goal
	source string
	values func(*result.File) ([]float64, error)
}

// cpuRatio takes row's server CPU a call over another's, round by round.
func cpuRatio(name, work, source, at, row, over string, limit, aim float64) goal {
	return goal{
		Goal: result.Goal{
			Name: name, Work: work, Unit: "x", Better: result.Less, Limit: limit, Aim: aim,
		},
		source: source,
		values: func(f *result.File) ([]float64, error) { return ratiosOf(f, at, row, over) },
	}
}

// cheaper takes how many times the CPU of row another needs, round by round.
func cheaper(name, work, source, at, row, other string, limit, aim float64) goal {
	g := cpuRatio(name, work, source, at, other, row, limit, aim)
	g.Better = result.More
	return g
}

// measured takes a measure of a scenario's step.
func measured(
	name, work, source, step, measure, unit string, better result.Better, limit, aim float64,
) goal {
	return goal{
		Goal: result.Goal{
			Name: name, Work: work, Unit: unit, Better: better, Limit: limit, Aim: aim,
		},
		source: source,
		values: func(f *result.File) ([]float64, error) {
			v, err := measureOf(f, step, measure)
			return []float64{v}, err
		},
	}
}

func ratiosOf(f *result.File, at, row, over string) ([]float64, error) {
	if f.Comparison == nil {
		return nil, fmt.Errorf("the result of %s compares nothing", f.Scenario)
	}
	cases := f.Comparison.Cases
	i := slices.IndexFunc(cases, func(c result.CaseResult) bool { return c.Name == at })
	if i < 0 {
		return nil, fmt.Errorf("no case %q was run", at)
	}
	cpu := func(name string) ([]float64, error) {
		rows := cases[i].Rows
		j := slices.IndexFunc(rows, func(r result.RowResult) bool { return r.Name == name })
		if j < 0 {
			return nil, fmt.Errorf("no row %q was run", name)
		}
		var out []float64
		for k := range rows[j].Runs {
			out = append(out, rows[j].Runs[k].Server.PerCall)
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("row %q: %s", name, rows[j].Fault)
		}
		return out, nil
	}
	a, err := cpu(row)
	if err != nil {
		return nil, err
	}
	b, err := cpu(over)
	return result.Ratios(a, b), err
}

func measureOf(f *result.File, step, measure string) (float64, error) {
	for i := range f.Steps {
		s := &f.Steps[i]
		if s.Name != step {
			continue
		}
		if s.Fault != "" {
			return 0, fmt.Errorf("step %q: %s", step, s.Fault)
		}
		for _, m := range s.All() {
			if m.Name == measure {
				return m.Value, nil
			}
		}
		return 0, fmt.Errorf("step %q has no measure %q", step, measure)
	}
	return 0, fmt.Errorf("no step %q was run", step)
}
