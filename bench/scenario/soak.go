package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/bench/result"
)

// soak calls for a long time and looks for what grows.
func soak() Scenario {
	return Scenario{
		Name: "soak",
		About: "calls for minutes or days at --rate, or at --load per cent of the capacity, " +
			"measured first (0: closed loop): does memory grow, do descriptors leak?",
		Preset: func(s *Settings) {
			s.Connections, s.Depth, s.Duration = 1000, 4, 10*time.Minute
			s.Warmup = 10 * time.Second
		},
		Run: runSoak,
	}
}

func runSoak(ctx context.Context, r *Run) error {
	o := r.options()
	if err := r.gentle(ctx, &o); err != nil {
		return err
	}
	res, err := r.load(ctx, "soak", o)
	if res == nil {
		return err
	}
	step := r.last()
	step.Add("worst minute p99", "us", res.WorstMinute(), result.Less)
	judgeGrowth(step, r.File)
	return err
}

// settling is the part of the measured time that is left out of the trends: until then caches,
// pools and the collector's goal find their size.
const settling = 0.2

// What a server that does not leak may still rise by over the time that is looked at: the
// collector's heap swings by a part of itself.
const (
	noiseRSSBytes = 512 << 10
	noiseRSSPart  = 0.005
	noiseFDs      = 2.0
)

// judgeGrowth adds the trends of memory and descriptors to a step, in units of an hour, and says
// what they come to.
func judgeGrowth(step *result.Step, f *result.File) {
	var at, rss, fds []float64
	for _, s := range step.Load.Timeline {
		if s.At >= settling*step.Load.Seconds && s.At <= step.Load.Seconds && s.RSS > 0 {
			at = append(at, s.At/3600)
			rss, fds = append(rss, float64(s.RSS)), append(fds, float64(s.FDs))
		}
	}
	trend, ok := result.TrendOf(at, rss)
	if !ok {
		step.Verdict = "growth was not measured: the server's process is not known, or the time " +
			"was too short"
		return
	}
	hours := at[len(at)-1] - at[0]
	noise := max(noiseRSSBytes, noiseRSSPart*rss[0]) / hours
	const kb = 1 << 10
	step.Add("RSS slope", "KB/hour", trend.Slope/kb, result.Less)
	step.Add("RSS slope error", "KB/hour", trend.Error95/kb, result.Neither)
	step.Add("RSS slope noise", "KB/hour", noise/kb, result.Neither)
	grows := trend.Rises(noise)
	step.Add("RSS grows", "", truth(grows), result.Less)
	step.Verdict = "memory: " + growth(grows, trend, noise, kb, "KB")
	if fds[0] > 0 {
		trend, _ := result.TrendOf(at, fds)
		noise := noiseFDs / hours
		leaks := trend.Rises(noise)
		step.Add("descriptors slope", "/hour", trend.Slope, result.Less)
		step.Add("descriptors grow", "", truth(leaks), result.Less)
		step.Verdict += "; descriptors: " + growth(leaks, trend, noise, 1, "")
		grows = grows || leaks
	}
	if grows {
		f.Warn("the server grows: %s", step.Verdict)
	}
}

func growth(grows bool, t result.Trend, noise, unit float64, name string) string {
	verdict := "no growth"
	if grows {
		verdict = "GROWTH"
	}
	return fmt.Sprintf("%s (%s ± %s %s/hour, noise %s)", verdict, result.Number(t.Slope/unit),
		result.Number(t.Error95/unit), name, result.Number(noise/unit))
}
