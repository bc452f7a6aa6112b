package bench

import (
	"errors"
	"flag"

	"github.com/mcploop/mcploop/bench/report"
	"github.com/mcploop/mcploop/bench/result"
)

// outputs are the files that a result goes to, besides the terminal.
type outputs struct{ json, html string }

// bind makes flags of o.
func (o *outputs) bind(fs *flag.FlagSet) {
	fs.StringVar(&o.json, "json", "", "also write the result to this `file`")
	fs.StringVar(&o.html, "html", "", "also write the report, a page of HTML, to this `file`")
}

// write writes f to each file that was asked for.
func (o *outputs) write(f *result.File) error {
	var errs []error
	if o.json != "" {
		errs = append(errs, f.Write(o.json))
	}
	if o.html != "" {
		errs = append(errs, report.WriteFile(o.html, f))
	}
	return errors.Join(errs...)
}

// parseFiles parses args, whose flags may stand before, between and after the files, and returns
// these.
func parseFiles(fs *flag.FlagSet, args []string) ([]string, error) {
	var files []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return files, nil
		}
		files = append(files, fs.Arg(0))
		args = fs.Args()[1:]
	}
}

// readAll reads result files.
func readAll(names []string) ([]*result.File, error) {
	var files []*result.File
	for _, name := range names {
		f, err := result.Read(name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}
