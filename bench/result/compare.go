package result

import (
	"cmp"
	"fmt"
	"slices"
)

// Verdict says what a comparison or a target came to.
type Verdict string

// What a figure of B is, seen from A.
const (
	Improved  Verdict = "better"
	Worsened  Verdict = "WORSE"
	Unchanged Verdict = "same"  // differs by no more than the threshold
	Unclear   Verdict = "noise" // differs by more, but the runs of both sides overlap
	Untold    Verdict = ""      // only describes the run
)

// Diff is what B is, measure by measure, seen from A.
type Diff struct {
	Threshold float64   `json:"threshold"` // 0.1 is 10 %
	A         []Host    `json:"a"`         // where the runs of each side were made
	B         []Host    `json:"b"`
	Rows      []DiffRow `json:"rows"`
	OnlyA     []string  `json:"only_a,omitempty"` // steps and measures without a partner
	OnlyB     []string  `json:"only_b,omitempty"`
	Warnings  []string  `json:"warnings,omitempty"`
}

// DiffRow is one measure of one step. With several runs a side has a spread, else its minimum
// and maximum are its value.
type DiffRow struct {
	Part    string   `json:"part"` // step, row of a case, or "goals"
	Name    string   `json:"name"`
	Unit    string   `json:"unit"`
	Better  Better   `json:"better,omitempty"`
	A       Spread   `json:"a"`
	B       Spread   `json:"b"`
	Change  *float64 `json:"change,omitempty"` // of the median: 0.1 is 10 % more; nil: A is 0
	Verdict Verdict  `json:"verdict,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Compare holds the runs of b against those of a. Several runs of the same on one side make a
// spread, as those of a plan have one already; overlapping spreads are never called better or
// worse. A step that is a measurement in a and none in b is worse.
func Compare(a, b []*File, threshold float64) *Diff {
	d := &Diff{Threshold: threshold}
	for _, f := range a {
		d.A = append(d.A, f.Host)
	}
	for _, f := range b {
		d.B = append(d.B, f.Host)
	}
	d.warn(a, b)
	as, bs := figuresOf(a), figuresOf(b)
	for _, part := range as.parts {
		d.part(part, as, bs)
	}
	for _, part := range bs.parts {
		if as.byPart[part] == nil {
			d.OnlyB = append(d.OnlyB, part)
		}
	}
	return d
}

// Worse returns the rows that are worse by more than the threshold.
func (d *Diff) Worse() []DiffRow {
	var out []DiffRow
	for i := range d.Rows {
		if d.Rows[i].Verdict == Worsened {
			out = append(out, d.Rows[i])
		}
	}
	return out
}

// Ignore lets measures of these names be what they are.
func (d *Diff) Ignore(names []string) {
	for i := range d.Rows {
		if r := &d.Rows[i]; r.Note == "" && slices.Contains(names, r.Name) {
			r.Verdict = Untold
		}
	}
}

// part compares what both sides have of one part of a run.
func (d *Diff) part(name string, as, bs *figures) {
	a, b := as.byPart[name], bs.byPart[name]
	switch {
	case b == nil:
		d.OnlyA = append(d.OnlyA, name)
		return
	case a.fault != "":
		d.Warnings = append(d.Warnings, fmt.Sprintf("A has a run that is no measurement: %s: %s",
			name, a.fault))
	case b.fault != "":
		d.Rows = append(d.Rows, DiffRow{
			Part: name, Name: "is a measurement", Verdict: Worsened, Note: b.fault,
		})
	}
	if len(a.list) == 0 || len(b.list) == 0 {
		return
	}
	for _, fa := range a.list {
		fb := b.find(fa.Name)
		if fb == nil {
			d.OnlyA = append(d.OnlyA, name+": "+fa.Name)
			continue
		}
		row := DiffRow{
			Part: name, Name: fa.Name, Unit: fa.Unit, Better: fa.Better,
			A: joined(fa.runs), B: joined(fb.runs),
		}
		row.judge(d.Threshold)
		d.Rows = append(d.Rows, row)
	}
	for _, fb := range b.list {
		if a.find(fb.Name) == nil {
			d.OnlyB = append(d.OnlyB, name+": "+fb.Name)
		}
	}
}

// judge fills in how much r changed and what that is.
func (r *DiffRow) judge(threshold float64) {
	a, b := r.A.Median, r.B.Median
	var beyond bool
	if a == 0 {
		beyond = b != 0
	} else {
		change := (b - a) / max(a, -a)
		r.Change = &change
		beyond = max(change, -change) > threshold
	}
	better := b < a
	if r.Better == More {
		better = b > a
	}
	switch overlap := r.A.Min <= r.B.Max && r.B.Min <= r.A.Max; {
	case r.Better == Neither:
		r.Verdict = Untold
	case !beyond:
		r.Verdict = Unchanged
	case overlap:
		r.Verdict = Unclear
	case better:
		r.Verdict = Improved
	default:
		r.Verdict = Worsened
	}
}

// figures are all measures of one side.
type figures struct {
	parts  []string // in the order of the files
	byPart map[string]*part
}

// part is a step, a row of a case or the goals, as all runs of a side have measured it.
type part struct {
	list  []*figure
	fault string // of the first run that is no measurement, whose figures are left out
}

type figure struct {
	Measure
	runs []Spread
}

func (p *part) find(name string) *figure {
	at := slices.IndexFunc(p.list, func(f *figure) bool { return f.Name == name })
	if at < 0 {
		return nil
	}
	return p.list[at]
}

func (p *part) add(name, unit string, better Better, s Spread) {
	f := p.find(name)
	if f == nil {
		f = &figure{Measure: Measure{Name: name, Unit: unit, Better: better}}
		p.list = append(p.list, f)
	}
	f.runs = append(f.runs, s)
}

func figuresOf(files []*File) *figures {
	all := &figures{byPart: map[string]*part{}}
	for _, f := range files {
		all.steps(f)
		all.comparison(f.Comparison)
		all.goals(f.Goals)
	}
	return all
}

func (all *figures) part(name string) *part {
	p := all.byPart[name]
	if p == nil {
		p = &part{}
		all.byPart[name] = p
		all.parts = append(all.parts, name)
	}
	return p
}

func (all *figures) steps(f *File) {
	times := map[string]int{}
	for i := range f.Steps {
		s := &f.Steps[i]
		name := s.Name
		if times[name]++; times[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, times[name])
		}
		p := all.part(name)
		if s.Fault != "" {
			p.fault = cmp.Or(p.fault, s.Fault)
			continue
		}
		for _, m := range s.All() {
			p.add(m.Name, m.Unit, m.Better, Spread{m.Value, m.Value, m.Value})
		}
	}
}

func (all *figures) comparison(c *Comparison) {
	if c == nil {
		return
	}
	for _, cs := range c.Cases {
		for i := range cs.Rows {
			r := &cs.Rows[i]
			p := all.part(c.Plan + " " + cs.Name + ", " + r.Name)
			if len(r.Runs) == 0 {
				p.fault = cmp.Or(p.fault, r.Fault, "no run was made")
				continue
			}
			p.add("server CPU", "us/call", Less, r.CPU)
			p.add("server CPU, x reference", "", Less, r.CPURatio)
			p.add("calls", "/s", More, r.PerSecond)
			p.add("calls, x reference", "", More, r.RateRatio)
			p.add("p50", "us", Less, r.P50)
			p.add("p99", "us", Less, r.P99)
			p.add("server memory", "MB", Less, r.RSS.times(1.0/(1<<20)))
			p.add("client cores", "", Neither, r.ClientShare)
			p.add("other cores", "", Neither, r.OthersShare)
		}
	}
}

func (all *figures) goals(goals []Goal) {
	for i := range goals {
		g := &goals[i]
		p := all.part("goal " + g.Name)
		if g.Value == nil {
			p.fault = cmp.Or(p.fault, g.Note, "not measured")
			continue
		}
		p.add(cmp.Or(g.Work, g.Name), g.Unit, g.Better, *g.Value)
	}
}

// joined is the spread of runs that have spreads themselves.
func joined(runs []Spread) Spread {
	medians := make([]float64, len(runs))
	low, high := runs[0].Min, runs[0].Max
	for i, s := range runs {
		medians[i] = s.Median
		low, high = min(low, s.Min), max(high, s.Max)
	}
	return Spread{SpreadOf(medians).Median, low, high}
}

func (s Spread) times(x float64) Spread { return Spread{s.Median * x, s.Min * x, s.Max * x} }
