package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

// capacitySpan is how long capacity is measured at most.
const capacitySpan = 10 * time.Second

// capacity returns how many calls of o the server answers each second when every connection
// always has as many in flight as its depth says: a closed loop, which is a step of its own. It
// is the capacity of both, server and client, on this host.
func (r *Run) capacity(ctx context.Context, name string, o load.Options) (float64, error) {
	o.Rate, o.Span = 0, min(o.Span, capacitySpan)
	res, err := r.load(ctx, name, o)
	if err != nil {
		return 0, err
	}
	if err := res.Err(); err != nil {
		return 0, fmt.Errorf("cannot measure the capacity: %w", err)
	}
	return res.PerSecond, nil
}

// gentle sets the rate of o: the one that was given, or --load per cent of the capacity, which is
// measured for it; 0 stays a closed loop when --load is 0, too.
func (r *Run) gentle(ctx context.Context, o *load.Options) error {
	if o.Rate > 0 || r.Load <= 0 {
		return nil
	}
	peak, err := r.capacity(ctx, "capacity", *o)
	o.Rate = peak * r.Load / 100
	return err
}

// last returns the step that was measured last.
func (r *Run) last() *result.Step { return &r.File.Steps[len(r.File.Steps)-1] }
