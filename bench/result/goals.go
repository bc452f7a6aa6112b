package result

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Verdict is "pass", "FAIL", "not measured" or "not run".
func (g *Goal) Verdict() string {
	switch {
	case g.Value == nil && g.Command == "":
		return "not run"
	case g.Value == nil:
		return "not measured"
	case g.Met():
		return "pass"
	}
	return "FAIL"
}

// Wanted prints what g has to reach, as "at most 1.10 x".
func (g *Goal) Wanted() string {
	word := "at most"
	if g.Better == More {
		word = "at least"
	}
	return fmt.Sprintf("%s %s %s", word, Number(g.Limit), g.Unit)
}

// Measured prints what was measured, with its spread.
func (g *Goal) Measured() string {
	if g.Value == nil {
		return ""
	}
	return g.Value.Text() + " " + g.Unit
}

// WriteGoals prints the table of goals for people and returns how many were missed or not
// measured.
func (f *File) WriteGoals(w io.Writer) (missed int, err error) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "goal\twork\twanted\taim\tmeasured\tverdict")
	for i := range f.Goals {
		g := &f.Goals[i]
		aim := ""
		if g.Aim != 0 {
			aim = Number(g.Aim)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", g.Name, g.Work, g.Wanted(), aim, g.Measured(),
			g.Verdict())
		if !g.Met() {
			missed++
		}
	}
	if err := t.Flush(); err != nil {
		return missed, fmt.Errorf("cannot print the goals: %w", err)
	}
	for i := range f.Goals {
		if g := &f.Goals[i]; g.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", g.Name, g.Note)
		}
	}
	return missed, nil
}
