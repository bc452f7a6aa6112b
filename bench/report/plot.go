package report

import (
	"math"

	"github.com/mcploop/mcploop/bench/result"
)

// filePlots are the data of one file's plots.
type filePlots struct {
	Curves   []curves  `json:"curves"`
	Timeline *timeline `json:"timeline,omitempty"`
}

// curves are latencies of several steps, or of several servers in one case.
type curves struct {
	Title string `json:"title"` // of the case; empty for steps
	// Tail is x of the percentiles: 1/(1-q), so that 10 is 90 % and 100 is 99 %.
	Tail   []float64 `json:"tail"`
	Bounds []float64 `json:"bounds"` // lower bounds of the histogram's bars, microseconds
	Series []curve   `json:"series"`
}

// curve is one of them; nil is where it has no point.
type curve struct {
	Name    string     `json:"name"`
	Micros  []*float64 `json:"us"`    // at each of Tail
	Percent []*float64 `json:"share"` // of the calls, in each bar
}

// timeline is all steps one after another, in seconds from the first sample.
type timeline struct {
	T     []float64  `json:"t"`
	Rate  []*float64 `json:"rate"`
	P99   []*float64 `json:"p99"`
	Conns []*float64 `json:"conns"`
	CPU   []*float64 `json:"cpu"`
	RSS   []*float64 `json:"rss"` // MB
	Marks []mark     `json:"marks"`
}

// mark is where a step begins, and where its measured time does, after the warm-up.
type mark struct {
	Name     string  `json:"name"`
	Begin    float64 `json:"begin"`
	Measured float64 `json:"measured"`
}

// named is a histogram to draw.
type named struct {
	name string
	h    *result.Histogram
}

func plotsOf(f *result.File) filePlots {
	p := filePlots{Timeline: timelineOf(f.Steps)}
	var list []named
	for i := range f.Steps {
		if l := f.Steps[i].Load; l != nil && l.Latency.Count() > 0 {
			list = append(list, named{f.Steps[i].Name, l.Latency})
		}
	}
	p.add("", list)
	if f.Comparison == nil {
		return p
	}
	for _, c := range f.Comparison.Cases {
		list = nil
		for _, r := range c.Rows {
			all := result.NewHistogram()
			for i := range r.Runs {
				all.Merge(r.Runs[i].Latency)
			}
			if all.Count() > 0 {
				list = append(list, named{r.Name, all})
			}
		}
		p.add(c.Name, list)
	}
	return p
}

func (p *filePlots) add(title string, list []named) {
	if len(list) == 0 {
		return
	}
	c := curves{Title: title, Series: make([]curve, len(list))}
	for i, n := range list {
		c.Series[i].Name = n.name
	}
	c.percentiles(list)
	c.histogram(list)
	p.Curves = append(p.Curves, c)
}

// pointsPerDecade is how many points a curve has between 90 % and 99 %.
const pointsPerDecade = 24

func (c *curves) percentiles(list []named) {
	most := int64(1)
	for _, n := range list {
		most = max(most, n.h.Count())
	}
	for i := 0; ; i++ {
		x := math.Pow(10, float64(i)/pointsPerDecade)
		if x > float64(most) {
			break
		}
		c.Tail = append(c.Tail, x)
		for s, n := range list {
			var y *float64
			// Beyond one in all calls there is nothing to be known.
			if x <= float64(n.h.Count()) {
				us := n.h.Micros(100 * (1 - 1/x))
				y = &us
			}
			c.Series[s].Micros = append(c.Series[s].Micros, y)
		}
	}
}

// barsPerDecade is how fine the histogram is.
const barsPerDecade = 16

func (c *curves) histogram(list []named) {
	bars := make([]map[int]int64, len(list))
	first, last := math.MaxInt, math.MinInt
	for s, n := range list {
		bars[s] = map[int]int64{}
		n.h.Each(func(low, high float64, count int64) {
			i := int(math.Floor(barsPerDecade * math.Log10(max(1, (low+high)/2))))
			first, last = min(first, i), max(last, i)
			bars[s][i] += count
		})
	}
	// One empty bar on each side lets the curves come down.
	for i := first - 1; i <= last+1; i++ {
		c.Bounds = append(c.Bounds, math.Pow(10, float64(i)/barsPerDecade))
		for s, n := range list {
			share := 100 * float64(bars[s][i]) / float64(n.h.Count())
			c.Series[s].Percent = append(c.Series[s].Percent, &share)
		}
	}
}

func timelineOf(steps []result.Step) *timeline {
	t := &timeline{}
	end := 0.0
	for i := range steps {
		l := steps[i].Load
		if l == nil || len(l.Timeline) < 2 {
			continue
		}
		end = t.step(steps[i].Name, l.Timeline, end)
	}
	if len(t.T) == 0 {
		return nil
	}
	return t
}

// step adds the samples of a step after begin and returns where it ends.
func (t *timeline) step(name string, samples []result.Sample, begin float64) float64 {
	// A sample tells of the second before it.
	offset := begin + 1 - samples[0].At
	if len(t.T) > 0 {
		t.add(begin+gap/2, nil, 1)
	}
	t.Marks = append(t.Marks, mark{name, begin, max(begin, offset)})
	t.add(begin+gap, &samples[0], 1)
	before := samples[0].At - 1
	for i := range samples {
		s := &samples[i]
		t.add(s.At+offset, s, s.At-before)
		before = s.At
	}
	return before + offset
}

// gap is between the lines of two steps, in seconds.
const gap = 1e-3

// add adds a point that tells of the span seconds before it; nil ends the lines.
func (t *timeline) add(at float64, s *result.Sample, span float64) {
	t.T = append(t.T, at)
	var rate, p99, conns, cpu, rss *float64
	if s != nil {
		rate, p99 = known(float64(s.Calls)/span, span > 0), known(s.P99, s.P99 > 0)
		conns = known(float64(s.Conns), true)
		cpu, rss = known(s.CPU, s.RSS > 0), known(float64(s.RSS)/(1<<20), s.RSS > 0)
	}
	t.Rate, t.P99, t.Conns = append(t.Rate, rate), append(t.P99, p99), append(t.Conns, conns)
	t.CPU, t.RSS = append(t.CPU, cpu), append(t.RSS, rss)
}

func known(v float64, ok bool) *float64 {
	if !ok || math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}
