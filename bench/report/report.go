package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/result"
)

//go:embed page.html page.css page.js uplot
var assets embed.FS

// page is what page.html shows.
type page struct {
	Title      string
	Style      template.CSS
	Plotter    template.JS // uPlot, its licence in front
	Script     template.JS
	Files      []section
	Targets    []result.Target
	TargetsMet int
	TargetsAll bool        // one of them at least was measured
	Plots      []filePlots // for the script, as JSON
}

// section is one file.
type section struct {
	ID       int
	Label    string // among the other files
	File     *result.File
	Facts    []fact
	Settings []fact
	Faults   []string
	Table    *table
	Plots    filePlots
	Cases    []barTable
	Goals    []goalRow
}

// fact is a name and a value.
type fact struct{ Name, Value string }

// Long reports whether f wants a line for itself.
func (f fact) Long() bool { return len(f.Value) > 60 }

// Write writes the page of files to w.
func Write(w io.Writer, files ...*result.File) error {
	t, err := template.ParseFS(assets, "page.html")
	if err != nil {
		return fmt.Errorf("cannot read the report's template: %w", err)
	}
	p, err := newPage(files)
	if err != nil {
		return err
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// WriteFile writes the page of files to the file name.
func WriteFile(name string, files ...*result.File) error {
	var b bytes.Buffer
	if err := Write(&b, files...); err != nil {
		return err
	}
	err := os.WriteFile(name, b.Bytes(), 0o644) //nolint:gosec // results are for everybody
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

func newPage(files []*result.File) (*page, error) {
	p := &page{Title: "mcploop bench"}
	var names []string
	loads := false
	for i, f := range files {
		if !slices.Contains(names, f.Scenario) {
			names = append(names, f.Scenario)
		}
		s := newSection(i, f)
		p.Files, p.Plots = append(p.Files, s), append(p.Plots, s.Plots)
		loads = loads || len(f.Steps) > 0
	}
	if len(names) < len(files) {
		for i := range p.Files {
			p.Files[i].Label += files[i].Began.UTC().Format(", 15:04:05")
		}
	}
	p.Title += " " + strings.Join(names, ", ")
	if loads {
		p.targets(files)
	}
	var text [4]string
	for i, name := range []string{
		"uplot/LICENSE", "uplot/uPlot.min.css", "uplot/uPlot.iife.min.js", "page.css",
	} {
		b, err := assets.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read a part of the report: %w", err)
		}
		text[i] = string(b)
	}
	script, err := assets.ReadFile("page.js")
	if err != nil {
		return nil, fmt.Errorf("cannot read the report's script: %w", err)
	}
	// These are ours, embedded at build time; nothing of a file is among them.
	p.Style = template.CSS(text[1] + text[3])                      //nolint:gosec // see above
	p.Plotter = template.JS("/*\n" + text[0] + "\n*/\n" + text[2]) //nolint:gosec // see above
	p.Script = template.JS(script)                                 //nolint:gosec // see above
	return p, nil
}

func (p *page) targets(files []*result.File) {
	p.Targets = result.Targets(files)
	for i := range p.Targets {
		p.TargetsAll = p.TargetsAll || p.Targets[i].Verdict != result.NotMeasured
		if p.Targets[i].Verdict == result.Passed {
			p.TargetsMet++
		}
	}
}

func newSection(id int, f *result.File) section {
	s := section{
		ID: id, Label: f.Scenario, File: f, Facts: facts(f),
		Table: newTable(f.Steps), Plots: plotsOf(f),
	}
	for i := range f.Steps {
		if step := &f.Steps[i]; step.Fault != "" {
			s.Faults = append(s.Faults, step.Name+": "+step.Fault)
		}
	}
	for _, name := range sortedKeys(f.Settings) {
		if f.Settings[name] != "" {
			s.Settings = append(s.Settings, fact{"--" + name, f.Settings[name]})
		}
	}
	for i := range f.Goals {
		s.Goals = append(s.Goals, newGoalRow(&f.Goals[i]))
	}
	if f.Comparison != nil {
		for i := range f.Comparison.Cases {
			s.Cases = append(s.Cases, newBarTable(f.Comparison, &f.Comparison.Cases[i]))
		}
	}
	return s
}

// facts say who was measured where, when and with what.
func facts(f *result.File) []fact {
	h, v := &f.Host, &f.Server
	var out []fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, fact{name, value})
		}
	}
	add("Command", h.Command)
	add("Server", v.Target)
	add("Server's name", strings.TrimSpace(v.Name+" "+v.Version))
	process := v.Command
	if v.PID > 0 {
		process = fmt.Sprintf("%s (process %d, %s)", v.Command, v.PID, serverCores(v))
	}
	add("Server's process", process)
	add("Host", fmt.Sprintf("%s, %s, %d cores", h.Name, h.CPU, h.Cores))
	add("Kernel", fmt.Sprintf("%s, TCP %s", h.Kernel, h.TCP))
	add("Client's Go", h.Go)
	add("Commit", h.Commit)
	add("Date", h.Date.UTC().Format("2006-01-02 15:04:05 MST"))
	add("Duration", time.Duration(f.Seconds*float64(time.Second)).Round(100*time.Millisecond).
		String())
	return out
}

func serverCores(v *result.Server) string {
	words := []string{fmt.Sprintf("%d cores", v.Cores)}
	if v.Procs != "" {
		words = append(words, "GOMAXPROCS "+v.Procs)
	}
	if v.Loops > 0 {
		words = append(words, fmt.Sprintf("%d loops", v.Loops))
	}
	return strings.Join(words, ", ")
}
