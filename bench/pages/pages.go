package pages

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/bench/result"
)

var (
	begin = regexp.MustCompile(`^<!-- bench ([\w.-]+) (\w+) -->$`)
	end   = "<!-- bench end -->"
)

// Update rewrites the blocks of the file page from the results below dir and reports whether that
// changed it.
func Update(page, dir string) (changed bool, err error) {
	old, err := os.ReadFile(page)
	if err != nil {
		return false, fmt.Errorf("cannot read the page: %w", err)
	}
	text, err := Render(string(old), dir)
	if err != nil {
		return false, fmt.Errorf("cannot update %s: %w", page, err)
	}
	if text == string(old) {
		return false, nil
	}
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil { //nolint:gosec // a page
		return false, fmt.Errorf("cannot write the page: %w", err)
	}
	return true, nil
}

// Render returns text with its blocks made anew from the results below dir.
func Render(text, dir string) (string, error) {
	var out strings.Builder
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); i++ {
		out.WriteString(lines[i])
		m := begin.FindStringSubmatch(strings.TrimSuffix(lines[i], "\n"))
		if m == nil {
			continue
		}
		stop := slices.IndexFunc(lines[i:], func(l string) bool {
			return strings.TrimSuffix(l, "\n") == end
		})
		if stop < 0 {
			return "", fmt.Errorf("block %q has no line %q", lines[i], end)
		}
		block, err := blockOf(m[1], m[2], dir)
		if err != nil {
			return "", err
		}
		out.WriteString(block)
		i += stop
		out.WriteString(lines[i])
	}
	return out.String(), nil
}

// blockOf returns the block of that kind, made of the newest result of that name.
func blockOf(name, kind, dir string) (string, error) {
	days, err := filepath.Glob(filepath.Join(dir, "*", name+".json"))
	if err != nil || len(days) == 0 {
		return "", errors.Join(fmt.Errorf("cannot find a result %q below %s", name, dir), err)
	}
	slices.Sort(days) // their directories are dates
	f, err := result.Read(days[len(days)-1])
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	write, ok := map[string]func(*bytes.Buffer, *result.File) error{
		"goals": writeGoals, "verdicts": writeVerdicts, "comparison": writeComparison,
		"steps": writeSteps, "loops": writeLoops, "wire": writeWire,
	}[kind]
	if !ok {
		return "", fmt.Errorf("cannot make a block %q: "+
			"it is goals, verdicts, comparison, steps, loops or wire", kind)
	}
	if err := write(&b, f); err != nil {
		return "", fmt.Errorf("cannot make the block %q of %q: %w", kind, name, err)
	}
	return b.String(), nil
}

// source says where figures come from, as every figure of ours does.
func source(b *bytes.Buffer, f *result.File) {
	h := &f.Host
	fmt.Fprintf(b, "\n`%s`, %.0f s, commit %s, %s, %d cores, kernel %s, %s, %s\n",
		h.Command, f.Seconds, h.Commit, h.CPU, h.Cores, h.Kernel, h.Go,
		h.Date.Format("2006-01-02"))
	for _, w := range f.Warnings {
		fmt.Fprintf(b, "\n- %s\n", w)
	}
}

// writeVerdicts is writeGoals without the commands.
func writeVerdicts(b *bytes.Buffer, f *result.File) error {
	b.WriteString("| work | wanted | measured | |\n|---|---|---|---|\n")
	for i := range f.Goals {
		g := &f.Goals[i]
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", g.Work, g.Wanted(), g.Measured(), g.Verdict())
	}
	return nil
}

func writeGoals(b *bytes.Buffer, f *result.File) error {
	b.WriteString("| work | wanted | aim | measured | |\n|---|---|---|---|---|\n")
	for i := range f.Goals {
		g := &f.Goals[i]
		aim := ""
		if g.Aim != 0 {
			aim = result.Number(g.Aim)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", g.Work, g.Wanted(), aim, g.Measured(),
			g.Verdict())
	}
	b.WriteString("\nEach was measured by a command of its own, whose result file names commit, " +
		"host, date and\nduration; a goal that was not run has none:\n\n")
	seen := map[string]bool{}
	for i := range f.Goals {
		if c := f.Goals[i].Command; c != "" && !seen[c] {
			seen[c] = true
			fmt.Fprintf(b, "- `%s`\n", c)
		}
	}
	return nil
}

func writeComparison(b *bytes.Buffer, f *result.File) error {
	c := f.Comparison
	if c == nil {
		return errors.New("it compares nothing")
	}
	for i := range c.Cases {
		fmt.Fprintf(b, "\n%s, reference %s:\n\n| server | CPU us/call | x reference | calls/s | "+
			"p50 us | p99 us |\n|---|---|---|---|---|---|\n", c.Cases[i].Name, c.Reference)
		for j := range c.Cases[i].Rows {
			r := &c.Cases[i].Rows[j]
			if len(r.Runs) == 0 {
				fmt.Fprintf(b, "| %s | not measured: %s | | | | |\n", r.Name, r.Fault)
				continue
			}
			fmt.Fprintf(b, "| %s | %s | %s | %.0f | %.0f | %.0f |\n", r.Name, r.CPU.Text(),
				r.CPURatio.Text(), r.PerSecond.Median, r.P50.Median, r.P99.Median)
		}
	}
	source(b, f)
	return nil
}

func writeSteps(b *bytes.Buffer, f *result.File) error {
	fmt.Fprintf(b, "| %s | measure | figure |\n|---|---|---|\n", f.Scenario)
	for i := range f.Steps {
		s := &f.Steps[i]
		name := s.Name
		for _, m := range s.All() {
			fmt.Fprintf(b, "| %s | %s | %s %s |\n", name, m.Name, result.Number(m.Value), m.Unit)
			name = ""
		}
		if s.Fault != "" {
			fmt.Fprintf(b, "| %s | not valid | %s |\n", name, s.Fault)
		}
	}
	source(b, f)
	return nil
}
