package scenario

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Scenario is a way to load a server.
type Scenario struct {
	Name  string
	About string // one line
	// Preset changes the defaults of the flags; nil leaves them.
	Preset func(*Settings)
	// Takes tells about how long all of it takes; nil: one step.
	Takes func(*Settings) time.Duration
	// Run makes the load, step by step. Its error is about a run that could not be made; what was
	// measured wrongly stands in the steps.
	Run func(context.Context, *Run) error
}

// All returns every scenario in the order in which they are listed.
func All() []Scenario {
	return append([]Scenario{
		closedLoop(), openLoop(), burst(), payload(), churn(), ramp(), ladder(rungs(), heldShare),
		mixed(), overload(), slow(), soak(), idle(), listen(),
		neighbours(), lists(),
	}, workloads()...)
}

// Find returns the scenario of that name.
func Find(name string) (Scenario, error) {
	var names []string
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("cannot run scenario %q: there is %s", name,
		strings.Join(names, ", "))
}
