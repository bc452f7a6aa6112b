package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/goals"
)

// goalsMain measures the goals and prints which are met; one that is not is an error.
func goalsMain(ctx context.Context, args []string, out, errOut io.Writer) error {
	fs := flag.NewFlagSet("bench goals", flag.ContinueOnError)
	fs.SetOutput(errOut)
	opt := goals.Options{Out: errOut}
	only := fs.String("only", "", "these `sources` alone, comma separated")
	today := filepath.Join("bench", "results", time.Now().UTC().Format(time.DateOnly))
	fs.StringVar(&opt.Dir, "dir", today, "`directory` of the results; what lies there counts")
	fs.IntVar(&opt.Rounds, "rounds", 5, "interleaved `runs` of every server")
	err := fs.Parse(args)
	if err != nil {
		return err
	}
	if *only != "" {
		opt.Only = strings.Split(*only, ",")
	}
	self, err := selfCommand("", args)
	if err != nil {
		return err
	}
	opt.Bench = self[:len(self)-1]
	f, err := goals.Run(ctx, opt)
	if len(f.Goals) == 0 {
		return err
	}
	f.Host.WriteText(out)
	missed, terr := f.WriteGoals(out)
	if missed > 0 {
		terr = errors.Join(terr, fmt.Errorf("%d of %d goals are not met", missed, len(f.Goals)))
	}
	return errors.Join(err, terr)
}
