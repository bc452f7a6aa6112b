package pages

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mcploop/mcploop/bench/result"
)

// cores are those that the scaling law is asked about.
func cores() []int { return []int{2, 4, 8, 16, 32} }

// writeLoops writes what a comparison of one loop with two (reference: one) says about more.
func writeLoops(b *bytes.Buffer, f *result.File) error {
	c := f.Comparison
	if c == nil {
		return errors.New("it compares nothing")
	}
	b.WriteString("| load | CPU of a call, two loops / one |")
	for _, n := range cores() {
		fmt.Fprintf(b, " %d |", n)
	}
	b.WriteString("\n|---|---|")
	for range cores() {
		b.WriteString("---|")
	}
	b.WriteByte('\n')
	for i := range c.Cases {
		for j := range c.Cases[i].Rows {
			r := &c.Cases[i].Rows[j]
			if r.Name == c.Reference || len(r.Runs) == 0 {
				continue
			}
			fmt.Fprintf(b, "| %s | %s |", c.Cases[i].Name, r.CPURatio.Text())
			for _, n := range cores() {
				least, _ := result.Speedup(n, r.CPURatio.Max)
				_, most := result.Speedup(n, r.CPURatio.Min)
				fmt.Fprintf(b, " %.1f to %.1f |", least, most)
			}
			b.WriteByte('\n')
		}
	}
	source(b, f)
	return nil
}
