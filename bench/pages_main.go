package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"

	"github.com/mcploop/mcploop/bench/pages"
)

// pagesMain rewrites the tables of the documentation from the result files.
func pagesMain(_ context.Context, args []string, out, errOut io.Writer) error {
	fs := flag.NewFlagSet("bench pages", flag.ContinueOnError)
	fs.SetOutput(errOut)
	dir := fs.String("results", filepath.Join("bench", "results"), "`directory` of the results")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return errors.New("cannot update pages: give their files")
	}
	for _, page := range fs.Args() {
		changed, err := pages.Update(page, *dir)
		if err != nil {
			return err
		}
		if changed {
			fmt.Fprintln(out, page)
		}
	}
	return nil
}
