package shard

import (
	"fmt"
	"runtime"
)

const workersMax = 1 << 20

func (o WorkersOptions) withDefaults() WorkersOptions {
	cores := runtime.GOMAXPROCS(0)
	if o.Count == 0 {
		o.Count = 64 * cores
	}
	if o.Slots == 0 {
		o.Slots = 10_000
	}
	if o.Rings == 0 {
		o.Rings = min(cores, max(o.Slots, 1))
	}
	if o.WarnPercent == 0 {
		o.WarnPercent = 75
	}
	if o.RejectPercent == 0 {
		o.RejectPercent = 95
	}
	return o
}

func (o WorkersOptions) validate() error {
	in := func(name string, value, low, high int) error {
		if value < low || value > high {
			return fmt.Errorf("%s is %d; use %d to %d", name, value, low, high)
		}
		return nil
	}
	for _, err := range []error{
		in("Count", o.Count, 1, workersMax),
		in("Slots", o.Slots, 1, slotsMax),
		in("Rings", o.Rings, 1, o.Slots),
		in("WarnPercent", o.WarnPercent, 1, 100),
		in("RejectPercent", o.RejectPercent, 1, 100),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}
