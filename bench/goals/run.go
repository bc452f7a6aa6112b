package goals

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/result"
)

// Options say what is measured.
type Options struct {
	Bench  []string  // the command of bench: what goes before a scenario's name
	Dir    string    // where the results go, one file a source and goals.json
	Only   []string  // names of sources; none: all
	Rounds int       // of each comparison and repeated scenario, default 5
	Out    io.Writer // progress
}

// Run measures and returns every goal; those whose source was not run say so. Its error is about
// results that could not be written, or an unknown source; a source that fails leaves its goals
// unmeasured, with the reason.
func Run(ctx context.Context, opt Options) (*result.File, error) {
	f := &result.File{
		Format: result.Format, Scenario: "goals", Host: result.DescribeHost(),
		About: "the figures that mcploop has to reach", Began: time.Now().UTC(),
	}
	runs, err := chosen(&opt)
	if err != nil {
		return f, err
	}
	if err := os.MkdirAll(opt.Dir, 0o755); err != nil { //nolint:gosec // results are for everybody
		return f, fmt.Errorf("cannot make a place for the results: %w", err)
	}
	found := earlier(&opt)
	for _, s := range runs {
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(opt.Out, "== %s: %s\n", s.name, s.about)
		found[s.name] = measure(ctx, &opt, s)
		if err := found[s.name].err; err != nil {
			fmt.Fprintf(opt.Out, "== %s: %v\n", s.name, err)
		}
	}
	for _, g := range all() {
		f.Goals = append(f.Goals, g.judge(found[g.source]))
	}
	f.Seconds = time.Since(f.Began).Seconds()
	return f, errors.Join(ctx.Err(), f.Write(filepath.Join(opt.Dir, "goals.json")))
}

// earlier returns what lies in opt.Dir of sources that are not run now.
func earlier(opt *Options) map[string]*outcome {
	found := map[string]*outcome{}
	for _, s := range sources(opt.Rounds) {
		o := &outcome{command: s.command()}
		for i := range s.repeats {
			f, err := result.Read(s.file(opt.Dir, i))
			if err != nil {
				break // it was never run, or is run now
			}
			o.files = append(o.files, f)
		}
		if len(o.files) > 0 {
			found[s.name] = o
		}
	}
	return found
}

// chosen returns the sources that opt names.
func chosen(opt *Options) ([]source, error) {
	list := append([]source{{name: scanSource, about: "the scanner alone"}},
		sources(opt.Rounds)...)
	if len(opt.Only) == 0 {
		return list, nil
	}
	var names []string
	for _, s := range list {
		names = append(names, s.name)
	}
	for _, name := range opt.Only {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("cannot measure %q: there is %s", name,
				strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(list, func(s source) bool {
		return !slices.Contains(opt.Only, s.name)
	}), nil
}

// outcome is what a source came to.
type outcome struct {
	command string
	files   []*result.File
	values  []float64 // of scanSource
	err     error
}

func measure(ctx context.Context, opt *Options, s source) *outcome {
	if s.name == scanSource {
		values, err := scanMicros(opt.Rounds)
		return &outcome{command: "bench goals --only scan", values: values, err: err}
	}
	o := &outcome{command: s.command()}
	for i := range s.repeats {
		name := s.file(opt.Dir, i)
		if err := runOnce(ctx, opt, s, name); err != nil {
			o.err = err
			return o
		}
		f, err := result.Read(name)
		if err != nil {
			o.err = err
			return o
		}
		o.files = append(o.files, f)
	}
	return o
}

// runOnce runs the command with its result in the file name. A run whose steps are not all good
// exits with 1 and has a result all the same: the goals look at their own steps.
func runOnce(ctx context.Context, opt *Options, s source, name string) error {
	args := slices.Concat(opt.Bench[1:], s.args[:1], []string{"-json", name}, s.args[1:])
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot remove an earlier result: %w", err)
	}
	cmd := exec.CommandContext(ctx, opt.Bench[0], args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Stdout, cmd.Stderr = opt.Out, opt.Out
	if err := cmd.Run(); err != nil {
		if _, missing := os.Stat(name); missing != nil {
			return fmt.Errorf("cannot run %q: %w", strings.Join(cmd.Args, " "), err)
		}
	}
	return nil
}

// judge fills in what was measured of g; o is nil when its source was not run.
func (g *goal) judge(o *outcome) result.Goal {
	out := g.Goal
	if o == nil {
		return out
	}
	out.Command = o.command
	values, err := o.values, o.err
	for i := 0; err == nil && i < len(o.files); i++ {
		var v []float64
		v, err = g.values(o.files[i])
		values = append(values, v...)
	}
	if err == nil && len(values) == 0 {
		err = errors.New("nothing was measured")
	}
	if err != nil {
		out.Note = err.Error()
		return out
	}
	spread := result.SpreadOf(values)
	out.Value = &spread
	return out
}

// words splits a command at its spaces.
func words(command string) []string { return strings.Fields(command) }
