package session

import (
	"fmt"
	"time"
)

const (
	defaultMax       = 100_000
	defaultIdleTTL   = 30 * time.Minute
	defaultEvictIdle = 30 * time.Second
	maxLimit         = 10_000_000
)

// Options are the limits of a Store.
type Options struct {
	// Max is how many sessions there may be: 1 to 10,000,000, default 100,000. When
	// it is reached Create ends the one that is idle longest.
	Max int
	// MaxPerPrincipal is the same for each principal; default as Max. The anonymous
	// principal "" counts as one.
	MaxPerPrincipal int
	// IdleTTL is how long a session may be idle until Sweep ends it; default 30 min.
	IdleTTL time.Duration
	// EvictIdle is how long a session must have been idle until Create may end it
	// in favour of a new one; default 30 s, at most IdleTTL. It keeps a flood of new
	// sessions from driving out those at work.
	EvictIdle time.Duration
	// Shards of the table: a power of two from 1 to 4096, default 256.
	Shards int
	// Now is a monotonic clock in nanoseconds; it may be coarse. Default: the
	// system's, which costs more than the rest of Get.
	Now func() int64
	// OnEnd is called once for each session that ended, without a lock held, on the
	// goroutine that ended it: the one of Sweep, Delete, Close or, for an evicted
	// session, Create. Calls may still be in flight, except for idle and evicted.
	OnEnd func(*Session, Reason)
}

func (o Options) withDefaults() Options {
	if o.Max == 0 {
		o.Max = defaultMax
	}
	if o.MaxPerPrincipal == 0 || o.MaxPerPrincipal > o.Max {
		o.MaxPerPrincipal = o.Max
	}
	if o.IdleTTL == 0 {
		o.IdleTTL = defaultIdleTTL
	}
	if o.EvictIdle == 0 {
		o.EvictIdle = defaultEvictIdle
	}
	o.EvictIdle = min(o.EvictIdle, o.IdleTTL)
	if o.Now == nil {
		start := time.Now()
		o.Now = func() int64 { return int64(time.Since(start)) }
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Max < 1 || o.Max > maxLimit:
		return fmt.Errorf("Max is %d; use 1 to %d", o.Max, maxLimit)
	case o.MaxPerPrincipal < 1:
		return fmt.Errorf("MaxPerPrincipal is %d; use 1 to Max", o.MaxPerPrincipal)
	case o.IdleTTL < 0:
		return fmt.Errorf("IdleTTL is %s; use a positive time", o.IdleTTL)
	case o.EvictIdle < 0:
		return fmt.Errorf("EvictIdle is %s; use a positive time", o.EvictIdle)
	}
	return nil
}
