package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/mcploop/mcploop/bench/report"
	"github.com/mcploop/mcploop/bench/result"
)

// newFlags makes the flags of a subcommand that reads result files.
func newFlags(name, files string, errOut io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("bench "+name, flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.Usage = func() {
		fmt.Fprintf(errOut, "usage: bench %s %s [flags]\n", name, files)
		fs.PrintDefaults()
	}
	return fs
}

// reportMain makes a page of HTML of result files.
func reportMain(_ context.Context, args []string, out, errOut io.Writer) error {
	fs := newFlags("report", "RESULT.json...", errOut)
	html := fs.String("html", "", "`file` of the page; empty: standard output")
	names, err := parseFiles(fs, args)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("no result given: bench report RESULT.json --html FILE")
	}
	files, err := readAll(names)
	if err != nil {
		return err
	}
	if *html == "" {
		return report.Write(out, files...)
	}
	return report.WriteFile(*html, files...)
}

// share is a flag of per cent.
type share float64

func (s *share) String() string { return strconv.FormatFloat(100*float64(*s), 'f', -1, 64) + "%" }

func (s *share) Set(text string) error {
	number, ok := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || !(v >= 0 && v < 1e6) {
		return errors.New("give a share like 10%")
	}
	*s = share(v / 100)
	return nil
}

// compareMain holds result B against result A; one that is worse is an error.
func compareMain(_ context.Context, args []string, out, errOut io.Writer) error {
	fs := newFlags("compare", "A.json[,A2.json...] B.json[,B2.json...]", errOut)
	threshold := share(0.1)
	fs.Var(&threshold, "threshold", "how much `worse` a measure may be")
	ignore := fs.String("ignore", "", "measures that are never called worse, as `max,p99.9`")
	to := fs.String("json", "", "also write the comparison to this `file`")
	names, err := parseFiles(fs, args)
	if err != nil {
		return err
	}
	if len(names) != 2 {
		return fmt.Errorf("cannot compare %d results: give A.json and B.json; several runs of one "+
			"side with commas", len(names))
	}
	a, err := readAll(strings.Split(names[0], ","))
	if err != nil {
		return err
	}
	b, err := readAll(strings.Split(names[1], ","))
	if err != nil {
		return err
	}
	d := result.Compare(a, b, float64(threshold))
	if *ignore != "" {
		d.Ignore(strings.Split(*ignore, ","))
	}
	if err := errors.Join(d.WriteText(out), writeJSON(*to, d)); err != nil {
		return err
	}
	if len(d.Rows) == 0 {
		return errors.New("nothing to compare: the results have no measure in common")
	}
	if n := len(d.Worse()); n > 0 {
		return fmt.Errorf("%d measures are worse by more than %s", n, &threshold)
	}
	return nil
}

// targetsMain fills the table of the mission's targets from results; one that is missed is an
// error.
func targetsMain(_ context.Context, args []string, out, errOut io.Writer) error {
	fs := newFlags("targets", "RESULT.json...", errOut)
	to := fs.String("json", "", "also write the table to this `file`")
	names, err := parseFiles(fs, args)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("no result given: bench targets RESULT.json")
	}
	files, err := readAll(names)
	if err != nil {
		return err
	}
	for _, f := range files {
		f.Host.WriteText(out)
	}
	fmt.Fprintln(out)
	targets := result.Targets(files)
	failed, err := result.WriteTargets(out, targets)
	if failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d targets are missed", failed, len(targets)))
	}
	return errors.Join(err, writeJSON(*to, targets))
}

// writeJSON writes v to the file name; an empty name writes nothing.
func writeJSON(name string, v any) error {
	if name == "" {
		return nil
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = os.WriteFile(name, append(b, '\n'), 0o644) //nolint:gosec // for everybody to read
	}
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", name, err)
	}
	return nil
}
