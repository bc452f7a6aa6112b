package result

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Comparison is what came out.
type Comparison struct {
	Plan      string       `json:"plan"`
	Reference string       `json:"reference"`
	Rounds    int          `json:"rounds"`
	Seconds   float64      `json:"seconds_per_run"`
	Warmup    float64      `json:"warmup_seconds"`
	Cases     []CaseResult `json:"cases"`
}

// CaseResult holds the rows of one load.
type CaseResult struct {
	Name string      `json:"name"`
	Rows []RowResult `json:"rows"`
}

// RowResult holds the runs of one server under one load. The ratios are of CPU time and of
// messages per second to the reference's in the same round.
type RowResult struct {
	Name        string `json:"name"`
	CPU         Spread `json:"server_cpu_us_per_call"`
	PerSecond   Spread `json:"calls_per_second"`
	P50         Spread `json:"p50_us"`
	P99         Spread `json:"p99_us"`
	RSS         Spread `json:"rss_bytes"`
	ClientShare Spread `json:"client_cpu_share"`
	OthersShare Spread `json:"others_cpu_share"`
	CPURatio    Spread `json:"cpu_ratio"`
	RateRatio   Spread `json:"rate_ratio"`
	Runs        []Load `json:"runs"`
	Fault       string `json:"fault,omitempty"` // the first run that failed; it is left out
}

// Summarize fills in what the runs of each row amount to.
func (c *CaseResult) Summarize(reference string) {
	at := slices.IndexFunc(c.Rows, func(r RowResult) bool { return r.Name == reference })
	cpu := func(r *Load) float64 { return r.Server.PerCall }
	rate := func(r *Load) float64 { return r.PerSecond }
	for i := range c.Rows {
		row := &c.Rows[i]
		row.CPU = SpreadOf(column(row, cpu))
		row.PerSecond = SpreadOf(column(row, rate))
		row.P50 = SpreadOf(column(row, func(r *Load) float64 { return r.Latency.Micros(50) }))
		row.P99 = SpreadOf(column(row, func(r *Load) float64 { return r.Latency.Micros(99) }))
		row.RSS = SpreadOf(column(row, func(r *Load) float64 {
			return float64(r.Server.After.RSS)
		}))
		row.ClientShare = SpreadOf(column(row, func(r *Load) float64 { return r.Client.Share }))
		row.OthersShare = SpreadOf(column(row, func(r *Load) float64 {
			return r.Client.OthersShare
		}))
		if at >= 0 {
			ref := &c.Rows[at]
			row.CPURatio = SpreadOf(Ratios(column(row, cpu), column(ref, cpu)))
			row.RateRatio = SpreadOf(Ratios(column(row, rate), column(ref, rate)))
		}
	}
}

func column(row *RowResult, of func(*Load) float64) []float64 {
	var out []float64
	for i := range row.Runs {
		out = append(out, of(&row.Runs[i]))
	}
	return out
}

// WriteTable prints c for people, without its host. Every cell is the median of the runs with
// min..max behind.
func (c *Comparison) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%d interleaved runs of %gs after %gs; ratios to %q, median of the rounds\n",
		c.Rounds, c.Seconds, c.Warmup, c.Reference)
	for _, cs := range c.Cases {
		fmt.Fprintf(w, "\n%s %s\n", c.Plan, cs.Name)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "server\tCPU us/call\tx ref\tcalls/s\tx ref\tp50 us\tp99 us\t"+
			"RSS MB\tclient CPU\tother CPU")
		for i := range cs.Rows {
			writeRow(t, &cs.Rows[i])
		}
		if err := t.Flush(); err != nil {
			return fmt.Errorf("cannot print the table: %w", err)
		}
	}
	return nil
}

func writeRow(w io.Writer, r *RowResult) {
	if len(r.Runs) == 0 {
		fmt.Fprintf(w, "%s\tnot measured: %s\n", r.Name, r.Fault)
		return
	}
	const mb = 1 << 20
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.2f\t%.0f\t%.0f\t%.1f\t%.0f%%\t%.0f%%\n", r.Name,
		r.CPU.format("%.2f"), r.CPURatio.format("%.2f"), r.PerSecond.format("%.0f"),
		r.RateRatio.Median, r.P50.Median, r.P99.Median, r.RSS.Median/mb,
		100*r.ClientShare.Median, 100*r.OthersShare.Median)
	if r.Fault != "" {
		fmt.Fprintf(w, "\tafter %d runs: %s\n", len(r.Runs), r.Fault)
	}
}

func (s Spread) format(verb string) string {
	return fmt.Sprintf(verb+" ["+verb+".."+verb+"]", s.Median, s.Min, s.Max)
}
