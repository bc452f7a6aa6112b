package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

// report is a line that a worker prints. One of its members is set.
type report struct {
	Waits  bool           `json:"waits,omitempty"` // for a line "go" on standard input
	Sample *result.Sample `json:"sample,omitempty"`
	Load   *result.Load   `json:"load,omitempty"`
	State  *load.State    `json:"state,omitempty"` // an order was carried out, the next may come
	Error  string         `json:"error,omitempty"`
}

// task is the first line that a worker reads.
type task struct {
	Load  load.Options `json:"load"`
	Crowd bool         `json:"crowd,omitempty"` // it holds a crowd and waits for orders
}

// workerHeap is how much a worker may allocate before anything is collected.
const workerHeap = 1 << 30

// restCollector keeps the collector from running beside the load: with 15,000 connections it takes
// 25 ms of a worker's only core every few seconds, which would be the server's p99.
func restCollector() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(workerHeap)
}

// Worker reads its task, one line of JSON, from in, makes the load and prints what it comes to
// on out. Before the first call and after the last answer it waits for a line from in. It is for
// processes that a Fleet started.
func Worker(ctx context.Context, in io.Reader, out io.Writer) error {
	restCollector()
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("cannot read the options of the load: %w", err)
	}
	t := task{Load: load.DefaultOptions()}
	if err := json.Unmarshal(line, &t); err != nil {
		return fmt.Errorf("cannot read the task %q: %w", line, err)
	}
	o, reports := t.Load, json.NewEncoder(out)
	o.Stderr = os.Stderr
	if t.Crowd {
		return keep(ctx, o, lines, reports)
	}
	wait := func() error {
		if err := reports.Encode(report{Waits: true}); err != nil {
			return err
		}
		_, err := lines.ReadBytes('\n')
		return err
	}
	res, err := load.Run(ctx, o, load.Hooks{
		Ready: wait, Done: wait,
		// A sample that gets lost is no harm.
		Sample: func(s result.Sample) { _ = reports.Encode(report{Sample: &s}) },
	})
	if err != nil {
		return reports.Encode(report{Error: err.Error()})
	}
	return reports.Encode(report{Load: &res})
}
