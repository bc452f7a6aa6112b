package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
	"github.com/mcploop/mcploop/client"
)

// neighbours looks at what the clients of a gateway's good upstreams notice of a bad one.
func neighbours() Scenario {
	return Scenario{
		Name: "neighbours",
		About: "a gateway: calls of --tool, calm first, then while others call --trigger, a " +
			"tool of an upstream that --control, a URL, makes hung, crashing and flooding in turn",
		Preset: func(s *Settings) { s.Load = 20 },
		Takes:  func(s *Settings) time.Duration { return 6 * (s.Warmup + s.Duration) },
		Run:    runNeighbours,
	}
}

// badCallers is how many calls of the bad upstream are in flight.
const badCallers = 32

func runNeighbours(ctx context.Context, r *Run) error {
	o := r.options()
	if !o.OverHTTP() || r.Trigger == "" || r.Control == "" {
		return errors.New("cannot look at a bad neighbour: give --url, --trigger and --control")
	}
	if err := r.gentle(ctx, &o); err != nil {
		return err
	}
	calm, err := r.load(ctx, "calm", o)
	if err != nil {
		return err
	}
	for _, state := range []string{"hung", "crashing", "flooding"} {
		if err := r.beside(ctx, state, o, calm); err != nil {
			return err
		}
	}
	after, err := r.load(ctx, "afterwards", o)
	if after != nil {
		r.last().Add("p99 against calm", "x", overCalm(after, calm), result.Less)
	}
	return err
}

// beside makes the load o while the upstream is in that state and has callers of its own.
func (r *Run) beside(ctx context.Context, state string, o load.Options, calm *result.Load) error {
	if err := r.control(ctx, state); err != nil {
		return err
	}
	bad, stop := context.WithCancel(ctx)
	defer stop()
	var made, good atomic.Int64
	var all sync.WaitGroup
	for range badCallers {
		all.Go(func() { callBad(bad, "http://"+o.Addr+o.Path, r.Trigger, &made, &good) })
	}
	l, err := r.load(ctx, state, o)
	stop()
	all.Wait()
	if err != nil {
		return err
	}
	ratio := overCalm(l, calm)
	r.last().Add("p99 against calm", "x", ratio, result.Less)
	r.last().Add("calls of the bad one", "", float64(made.Load()), result.Neither)
	r.last().Add("of these answered", "", float64(good.Load()), result.Neither)
	r.last().Verdict = fmt.Sprintf("p99 %s times the calm one beside %d calls of what is %s",
		result.Number(ratio), made.Load(), state)
	return r.control(ctx, "well")
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

// callBad calls the tool until ctx ends, one call after the other, and after a failure a little
// later, as an agent would.
func callBad(ctx context.Context, url, tool string, made, good *atomic.Int64) {
	c, err := client.Connect(ctx, client.Options{URL: url})
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }() // what is in flight was given up
	for ctx.Err() == nil {
		made.Add(1)
		result, err := c.Call(ctx, tool, map[string]string{"message": "bad"})
		if err == nil && !result.IsError {
			good.Add(1)
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}
