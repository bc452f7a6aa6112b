package scenario

import (
	"context"
	"fmt"
	"time"
)

// closedLoop calls as fast as answers come.
func closedLoop() Scenario {
	return Scenario{
		Name:  "closed",
		About: "calls in a closed loop: each connection sends its next call when an answer came",
		Run: func(ctx context.Context, r *Run) error {
			o := r.options()
			o.Rate = 0
			_, err := r.load(ctx, "closed", o)
			return err
		},
	}
}

// openLoop calls at a fixed rate, whatever the server does.
func openLoop() Scenario {
	return Scenario{
		Name: "open",
		About: "calls at a fixed rate, whatever the server does; latency from the moment at " +
			"which each was due",
		Preset: func(s *Settings) { s.Rate = 10_000; s.Depth = 16 },
		Run: func(ctx context.Context, r *Run) error {
			if r.Rate <= 0 {
				return fmt.Errorf("cannot run an open loop at a rate of %g: give --rate", r.Rate)
			}
			_, err := r.load(ctx, fmt.Sprintf("%g calls/s", r.Rate), r.options())
			return err
		},
	}
}

// burst sends many calls at the same moment, again and again.
func burst() Scenario {
	return Scenario{
		Name:  "burst",
		About: "an open loop whose calls come in bursts: --burst calls due at the same moment",
		Preset: func(s *Settings) {
			s.Rate, s.Burst, s.Connections, s.Depth = 10_000, 1000, 100, 16
		},
		Run: func(ctx context.Context, r *Run) error {
			if r.Rate <= 0 || r.Burst < 1 {
				return fmt.Errorf("cannot make bursts of %d calls at %g calls a second: "+
					"give --burst and --rate", r.Burst, r.Rate)
			}
			every := time.Duration(float64(r.Burst) / r.Rate * float64(time.Second))
			_, err := r.load(ctx, fmt.Sprintf("%d calls every %v", r.Burst, every), r.options())
			return err
		},
	}
}

// payload makes calls of growing size.
func payload() Scenario {
	return Scenario{
		Name:  "payload",
		About: "a closed loop with calls of 120 B, 1 KiB, 10 KiB, 100 KiB and 1 MB",
		Preset: func(s *Settings) {
			s.Connections, s.Duration, s.Warmup = 16, 3*time.Second, time.Second
		},
		Run: func(ctx context.Context, r *Run) error {
			for _, size := range []int{120, 1 << 10, 10 << 10, 100 << 10, 1_000_000} {
				o := r.options()
				o.Rate, o.Bytes = 0, size
				if _, err := r.load(ctx, fmt.Sprintf("%d B", size), o); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
