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

// ofRow takes a value of each run of a row.
func ofRow(
	name, work, source, at, row, unit string, of func(*result.Load) float64, limit, aim float64,
) goal {
	return goal{
		Goal: result.Goal{
			Name: name, Work: work, Unit: unit, Better: result.Less, Limit: limit, Aim: aim,
		},
		source: source,
		values: func(f *result.File) ([]float64, error) {
			c, err := caseOf(f, at)
			if err != nil {
				return nil, err
			}
			return columnOf(c, row, of)
		},
	}
}

// slower takes a row's median latency less another's, round by round.
func slower(name, work, source, at, row, than string, limit float64) goal {
	g := ofRow(name, work, source, at, row, "us", p50, limit, 0)
	g.values = func(f *result.File) ([]float64, error) {
		c, err := caseOf(f, at)
		if err != nil {
			return nil, err
		}
		a, err := columnOf(c, row, p50)
		if err != nil {
			return nil, err
		}
		b, err := columnOf(c, than, p50)
		for i := range min(len(a), len(b)) {
			a[i] -= b[i]
		}
		return a[:min(len(a), len(b))], err
	}
	return g
}

func perCall(l *result.Load) float64 { return l.Server.PerCall }

func p50(l *result.Load) float64 { return l.Latency.Micros(50) }

func caseOf(f *result.File, at string) (*result.CaseResult, error) {
	if f.Comparison == nil {
		return nil, fmt.Errorf("the result of %s compares nothing", f.Scenario)
	}
	cases := f.Comparison.Cases
	i := slices.IndexFunc(cases, func(c result.CaseResult) bool { return c.Name == at })
	if i < 0 {
		return nil, fmt.Errorf("no case %q was run", at)
	}
	return &cases[i], nil
}

func columnOf(
	c *result.CaseResult, name string, of func(*result.Load) float64,
) ([]float64, error) {
	j := slices.IndexFunc(c.Rows, func(r result.RowResult) bool { return r.Name == name })
	if j < 0 {
		return nil, fmt.Errorf("no row %q was run", name)
	}
	var out []float64
	for k := range c.Rows[j].Runs {
		out = append(out, of(&c.Rows[j].Runs[k]))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("row %q: %s", name, c.Rows[j].Fault)
	}
	return out, nil
}

func ratiosOf(f *result.File, at, row, over string) ([]float64, error) {
	c, err := caseOf(f, at)
	if err != nil {
		return nil, err
	}
	a, err := columnOf(c, row, perCall)
	if err != nil {
		return nil, err
	}
	b, err := columnOf(c, over, perCall)
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
