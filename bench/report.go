package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// summarize fills in what the runs of each row amount to.
func summarize(c *CaseResult, reference string) {
	at := slices.IndexFunc(c.Rows, func(r RowResult) bool { return r.Name == reference })
	cpu := func(r *Result) float64 { return r.ServerMicros }
	rate := func(r *Result) float64 { return r.PerSecond }
	for i := range c.Rows {
		row := &c.Rows[i]
		row.CPU = spreadOf(column(row, cpu))
		row.PerSecond = spreadOf(column(row, rate))
		row.P50 = spreadOf(column(row, func(r *Result) float64 { return r.P50 }))
		row.P99 = spreadOf(column(row, func(r *Result) float64 { return r.P99 }))
		row.RSS = spreadOf(column(row, func(r *Result) float64 {
			return float64(r.MemoryAfter.RSS)
		}))
		row.ClientShare = spreadOf(column(row, func(r *Result) float64 { return r.ClientShare }))
		row.OthersShare = spreadOf(column(row, func(r *Result) float64 { return r.OthersShare }))
		if at >= 0 {
			ref := &c.Rows[at]
			row.CPURatio = spreadOf(ratios(column(row, cpu), column(ref, cpu)))
			row.RateRatio = spreadOf(ratios(column(row, rate), column(ref, rate)))
		}
	}
}

func column(row *RowResult, of func(*Result) float64) []float64 {
	var out []float64
	for i := range row.Runs {
		out = append(out, of(&row.Runs[i]))
	}
	return out
}

// WriteTable prints c for people. Every cell is the median of the runs with min..max behind.
func (c *Comparison) WriteTable(w io.Writer) error {
	h := &c.Host
	fmt.Fprintf(w, "%s\n%s, %s, %d cores, kernel %s, tcp %s, %s, commit %s, %s\n",
		h.Command, h.Name, h.CPU, h.Cores, h.Kernel, h.TCP, h.Go, h.Commit,
		h.Date.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(w, "%d interleaved runs of %gs after %gs; ratios to %q, median of the rounds\n",
		c.Rounds, c.Seconds, c.Warmup, c.Reference)
	for _, cs := range c.Cases {
		fmt.Fprintf(w, "\n%s %s\n", c.Plan, cs.Name)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "server\tCPU us/msg\tx ref\tmsg/s\tx ref\tp50 us\tp99 us\t"+
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

// WriteText prints r for people.
func (r *Result) WriteText(w io.Writer) {
	fmt.Fprintf(w, "%s (%s), %d connections, depth %d, %d threads, %.2f s\n",
		r.Transport, r.Era, r.Conns, r.Depth, r.Threads, r.Seconds)
	fmt.Fprintf(w, "  messages    %d (%.0f/s), call %d B, reply %d B\n",
		r.Messages, r.PerSecond, r.CallBytes, r.ReplyBytes)
	fmt.Fprintf(w, "  not good    %d errors, %d mismatches, %d closed, %d notices\n",
		r.Errors, r.Mismatches, r.Closed, r.Notices)
	fmt.Fprintf(w, "  latency us  p50 %.0f  p95 %.0f  p99 %.0f  p99.9 %.0f  max %.0f\n",
		r.P50, r.P95, r.P99, r.P999, r.Max)
	if r.CPUSource != "" {
		fmt.Fprintf(w, "  server CPU  %.3f us/message (user %.2f), %.0f%% of a core; by %s\n",
			r.ServerMicros, r.ServerUser, 100*r.ServerShare, r.CPUSource)
		fmt.Fprintf(w, "  server RSS  %.1f MB before, %.1f MB after\n",
			float64(r.MemoryBefore.RSS)/(1<<20), float64(r.MemoryAfter.RSS)/(1<<20))
	}
	fmt.Fprintf(w, "  client CPU  %.3f us/message, %.0f%% of a core, %d replies parsed in full\n",
		r.ClientMicros, 100*r.ClientShare, r.SlowChecks)
	fmt.Fprintf(w, "  other CPU   %.0f%% of a core, by everything else on the machine\n",
		100*r.OthersShare)
	if r.FirstFault != "" {
		fmt.Fprintf(w, "  first fault %s\n", r.FirstFault)
	}
}

// WriteText prints r for people.
func (r *IdleResult) WriteText(w io.Writer) {
	what := "open, one call each"
	if r.Abandon {
		what = "initialised and abandoned"
	}
	kb := func(b uint64) float64 { return float64(b) / 1024 }
	fmt.Fprintf(w, "%s, %d connections %s, %.1f s\n", r.Transport, r.Conns, what, r.Seconds)
	fmt.Fprintf(w, "  RSS KB      %.0f before, %.0f reached, %.0f at the end\n",
		kb(r.Before.RSS), kb(r.Reached.RSS), kb(r.Held.RSS))
	fmt.Fprintf(w, "  each        %.3f KB\n", r.PerConn/1024)
	if r.Abandon {
		fmt.Fprintf(w, "  left        %.3f of what it was before\n", r.Left)
	}
}
