package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

// neighbours looks at what the clients of a gateway's good upstreams notice of a bad one.
func neighbours() Scenario {
	return Scenario{
		Name: "neighbours",
		About: "a gateway: calls of --tool of --parts upstreams, and as many as each of these " +
			"gets of --trigger, a tool of one more that --control, a URL, makes hung, flooding " +
			"and crashing in turn, a calm step before each; then with callers of it in a hurry",
		Preset: func(s *Settings) { s.Load = 20 },
		Takes:  func(s *Settings) time.Duration { return 9 * (s.Warmup + s.Duration) },
		Run:    runNeighbours,
	}
}

// The callers of the upstream that is well at first. They are there in every step and want the same
// of it in each, whether it answers, refuses or says nothing: one that hangs has callers who wait.
// Those in a hurry want many times as much.
const (
	badCallers = 32
	hurry      = 100 // calls a second that each of those in a hurry makes
)

func runNeighbours(ctx context.Context, r *Run) error {
	o := r.options()
	if !o.OverHTTP() || r.Trigger == "" || r.Control == "" || r.Parts == 0 {
		return errors.New(
			"cannot look at a bad neighbour: give --url, --parts, --trigger and --control")
	}
	if err := r.gentle(ctx, &o); err != nil {
		return err
	}
	// A breaker that a crash has opened stays open for longer than a step, so it comes last.
	even := o.Rate / float64(r.Parts)
	var calm []*result.Load
	for i, state := range []string{"hung", "flooding", "crashing"} {
		l, err := r.beside(ctx, fmt.Sprintf("calm %d", i+1), "well", o, even)
		if err != nil {
			return err
		}
		calm = append(calm, l)
		if _, err = r.beside(ctx, state, state, o, even); err != nil {
			return err
		}
	}
	_, err := r.beside(ctx, "crashing, callers in a hurry", "crashing", o, badCallers*hurry)
	if err == nil {
		err = r.control(ctx, "well")
	}
	r.judgeNeighbours(calm)
	return err
}

// beside makes the load o while the upstream is in that state and gets so many calls a second.
func (r *Run) beside(
	ctx context.Context, name, state string, o load.Options, rate float64,
) (*result.Load, error) {
	if err := r.control(ctx, state); err != nil {
		return nil, err
	}
	bad := o
	// Modern callers that leave have given up; legacy ones might come back for the answer, so that
	// those of one step would still be served in the next.
	bad.Transport, bad.Era = load.TransportHTTPModern, load.EraModern
	bad.Tool, bad.Parts, bad.Conns, bad.PID = r.Trigger, 0, badCallers, 0
	bad.Rate, bad.Span, bad.Warmup, bad.Patience = rate, o.Warmup+o.Span, 0, 0
	f := r.fleet()
	f.Processes = 1
	type outcome struct {
		load result.Load
		err  error
	}
	ended := make(chan outcome, 1)
	go func() {
		l, err := f.Run(ctx, bad)
		ended <- outcome{l, err}
	}()
	l, err := r.load(ctx, name, o)
	other := <-ended
	if err = errors.Join(err, other.err); err != nil {
		return nil, err
	}
	add := func(name string, n uint64) { r.last().Add(name, "", float64(n), result.Neither) }
	add("answered calls of the other", other.load.Calls)
	add("refused calls of the other", other.load.Refused)
	add("waiting calls of the other", other.load.Unsent+other.load.Lost)
	return l, nil
}

// judgeNeighbours adds to each step how many times the calm p99 it has: the mean of all calm steps.
func (r *Run) judgeNeighbours(calm []*result.Load) {
	var p99 float64
	for _, l := range calm {
		p99 += l.Latency.Micros(99) / float64(len(calm))
	}
	for i := range r.File.Steps {
		s := &r.File.Steps[i]
		if s.Name == "capacity" {
			continue
		}
		ratio := s.Load.Latency.Micros(99) / max(1, p99)
		s.Add("p99 against calm", "x", ratio, result.Less)
		s.Verdict = fmt.Sprintf("p99 %s times the calm one", result.Number(ratio))
	}
}

// control tells the bad upstream what to be.
func (r *Run) control(ctx context.Context, state string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Control+state, http.NoBody)
	if err != nil {
		return fmt.Errorf("cannot use --control: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("cannot reach --control: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("cannot make the upstream %s: it says %s", state, res.Status)
	}
	return nil
}
