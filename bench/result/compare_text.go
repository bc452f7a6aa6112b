package result

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// warn says what makes the two sides differ besides the server.
func (d *Diff) warn(a, b []*File) {
	if len(a) == 0 || len(b) == 0 {
		return
	}
	say := func(what, x, y string) {
		if x != y {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%s differs: %q and %q", what, x, y))
		}
	}
	first := a[0]
	for i, f := range slices.Concat(a[1:], b) {
		x, y := &first.Host, &f.Host
		what := func(name string) string {
			if i < len(a)-1 {
				return "within A " + name
			}
			return name
		}
		say(what("scenario"), first.Scenario, f.Scenario)
		say(what("host"), x.Name, y.Name)
		say(what("kernel"), x.Kernel, y.Kernel)
		say(what("CPU"), x.CPU, y.CPU)
		say(what("number of cores"), fmt.Sprint(x.Cores), fmt.Sprint(y.Cores))
		say(what("congestion control"), x.TCP, y.TCP)
		say(what("Go"), x.Go, y.Go)
		say(what("number of the server's cores"), fmt.Sprint(first.Server.Cores),
			fmt.Sprint(f.Server.Cores))
		say(what("the server's GOMAXPROCS"), first.Server.Procs, f.Server.Procs)
		for _, name := range settingNames(first, f) {
			say(what("setting --"+name), first.Settings[name], f.Settings[name])
		}
	}
	for i, f := range slices.Concat(a, b) {
		side := "A"
		if i >= len(a) {
			side = "B"
		}
		for _, w := range f.Warnings {
			d.Warnings = append(d.Warnings, side+": "+w)
		}
	}
	slices.Sort(d.Warnings)
	d.Warnings = slices.Compact(d.Warnings)
}

// settingNames are the settings of both runs that may change what is measured: not where a
// server is to be found, nor where results go.
func settingNames(a, b *File) []string {
	names := map[string]bool{}
	for name := range a.Settings {
		names[name] = true
	}
	for name := range b.Settings {
		names[name] = true
	}
	for _, where := range []string{
		"json", "html", "bin", "url", "ws", "tcp", "unix", "pid", "metrics", "server-log",
	} {
		delete(names, where)
	}
	return slices.Sorted(maps.Keys(names))
}

// WriteText prints d for people.
func (d *Diff) WriteText(w io.Writer) error {
	writeSide(w, "A", d.A)
	writeSide(w, "B", d.B)
	part := ""
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range d.Rows {
		r := &d.Rows[i]
		if r.Part != part {
			part = r.Part
			fmt.Fprintf(t, "\n%s\n  measure\tA\tB\tchange\tverdict\n", part)
		}
		if r.Note != "" {
			fmt.Fprintf(t, "  %s\tyes\tno\t\t%s: %s\n", r.Name, r.Verdict, r.Note)
			continue
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", r.Name, withUnit(r.A, r.Unit),
			withUnit(r.B, r.Unit), r.ChangeText(), r.Verdict)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("cannot print the comparison: %w", err)
	}
	fmt.Fprintln(w)
	for _, name := range d.OnlyA {
		fmt.Fprintln(w, "only in A:", name)
	}
	for _, name := range d.OnlyB {
		fmt.Fprintln(w, "only in B:", name)
	}
	for _, warning := range d.Warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
	count := map[Verdict]int{}
	for i := range d.Rows {
		count[d.Rows[i].Verdict]++
	}
	fmt.Fprintf(w, "%d better, %d the same, %d within the spread of the runs, %d worse; "+
		"threshold %s%%\n", count[Improved], count[Unchanged], count[Unclear], count[Worsened],
		Number(100*d.Threshold))
	return nil
}

func writeSide(w io.Writer, name string, hosts []Host) {
	for i := range hosts {
		h := &hosts[i]
		fmt.Fprintf(w, "%s: commit %s, %s, %s\n", name, h.Commit,
			h.Date.Format("2006-01-02 15:04 MST"), h.Command)
	}
}

// ChangeText is the change as "+12.3%".
func (r *DiffRow) ChangeText() string {
	if r.Change == nil {
		if r.B.Median == 0 {
			return "0%"
		}
		return "from 0"
	}
	return fmt.Sprintf("%+.1f%%", 100**r.Change)
}

func withUnit(s Spread, unit string) string { return strings.TrimSpace(s.Text() + " " + unit) }
