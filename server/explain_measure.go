package server

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mcploop/mcploop/mcp"
)

// measure adds how long the calls of the tools took that were found.
func (x *explainer) measure() {
	wanted := map[string]*Finding{} // by the name that they are measured under
	for i := range x.out.Found {
		f := &x.out.Found[i]
		if name := f.Names[mcpPath]; name != "" && f.Kind == mcp.KindTool.String() {
			wanted[name] = f
		}
	}
	if len(wanted) == 0 {
		return
	}
	var text bytes.Buffer
	x.s.set.WritePrometheus(&text)
	for name, buckets := range toolBuckets(text.String(), wanted) {
		f := wanted[name]
		f.Calls = buckets[len(buckets)-1].count
		f.P50Ms, f.P99Ms = quantile(buckets, 0.5)*1000, quantile(buckets, 0.99)*1000
	}
}

// bucket is a line of a histogram: so many values were at most so high.
type bucket struct {
	most  float64
	count uint64
}

// toolBuckets reads the histograms of tools out of what a scrape would get.
func toolBuckets(text string, wanted map[string]*Finding) map[string][]bucket {
	found := map[string][]bucket{}
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "mcploop_tool_duration_seconds_bucket{tool=")
		if !ok {
			continue
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			continue
		}
		name, err := strconv.Unquote(quoted)
		if err != nil || wanted[name] == nil {
			continue
		}
		var le string
		var n uint64
		if _, err := fmt.Sscanf(rest[len(quoted):], ",le=%q} %d", &le, &n); err != nil {
			continue
		}
		most, err := strconv.ParseFloat(le, 64)
		if err == nil {
			found[name] = append(found[name], bucket{most, n})
		}
	}
	return found
}

// quantile is the bound of the bucket that holds the share, in seconds.
func quantile(buckets []bucket, share float64) float64 {
	total := buckets[len(buckets)-1].count
	for i, b := range buckets {
		if float64(b.count) >= share*float64(total) {
			if i == len(buckets)-1 && i > 0 { // it has no bound
				return buckets[i-1].most
			}
			return b.most
		}
	}
	return 0
}

// closest are the names that take the fewest edits, or have what was asked for in them.
func closest(asked string, names []string) []string {
	type scored struct {
		name string
		cost int
	}
	low := strings.ToLower(asked)
	var all []scored
	for _, name := range names {
		cost := edits(low, strings.ToLower(name))
		if strings.Contains(strings.ToLower(name), low) {
			cost = min(cost, 2)
		}
		if cost <= max(2, len(asked)/2) {
			all = append(all, scored{name, cost})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(a.cost, b.cost) })
	var out []string
	for _, s := range all[:min(len(all), closestMax)] {
		out = append(out, s.name)
	}
	return out
}

// edits counts insertions, deletions and substitutions between two names.
func edits(a, b string) int {
	if len(a) > editsBytesMax || len(b) > editsBytesMax {
		return editsBytesMax
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
	return row[len(b)]
}

// editsBytesMax bounds the work: longer names are not compared.
const editsBytesMax = 256
