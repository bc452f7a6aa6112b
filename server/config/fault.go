package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a Config.
type Fault struct {
	File string // "" when the Config was not read from a file
	Line int    // 1-based; 0 when unknown
	Path string // the key, such as limits.connections; "" for the file as a whole
	Text string // what is wrong, the value, and the cure
}

// Error returns "FILE:LINE: cannot use KEY: TEXT".
func (f *Fault) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
		b.WriteString(": ")
	}
	if f.Path != "" {
		fmt.Fprintf(&b, "cannot use %s: ", f.Path)
	}
	b.WriteString(f.Text)
	return b.String()
}

// Faults is everything that is wrong with a Config, in the order of the file.
type Faults []*Fault

// Error returns one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a *Fault.
func (f Faults) Unwrap() []error {
	errs := make([]error, len(f))
	for i, fault := range f {
		errs[i] = fault
	}
	return errs
}

// nearest returns the name that takes the fewest edits from got, or "" when all are too far
// to be a slip of the pen.
func nearest(got string, names []string) string {
	got = strings.ToLower(got)
	best, bestCost := "", max(2, len(got)/3)+1
	for _, name := range names {
		if cost := levenshtein(got, name, bestCost); cost < bestCost {
			best, bestCost = name, cost
		}
	}
	return best
}

// levenshtein counts the insertions, deletions and substitutions from a to b. It stops
// counting at limit.
func levenshtein(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
