package gateway

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/pool"
)

// guard keeps the trouble of one upstream from costing its callers more than it must: what has
// failed again and again is refused at once, and what is safe is tried once more, if not too often.
// Its methods are safe for concurrent use. While all is well they take no lock.
type guard struct {
	opt    *Options
	name   string
	whole  *pool.Breaker       // of the upstream
	each   pool.BreakerOptions // of the breakers of its items
	born   time.Time
	resume atomic.Int64          // by clock: nothing is sent before, as the upstream wants; 0: now
	failed atomic.Pointer[usage] // whose call failed last; nil: one succeeded since
	lostOn atomic.Pointer[client.Client]
	budget budget
	lists  pacer
	floods pacer              // of lines in the log
	uses   map[itemKey]*usage // by the upstream's own names
	count  guardCounters
}

type guardCounters struct {
	opened, refused           atomic.Uint64 // of the upstream's breaker
	itemsOpened, itemsRefused atomic.Uint64 // of those of its items
	delayed                   atomic.Uint64 // refused before the time that the upstream has named
	retried, unretried        atomic.Uint64
	over                      atomic.Int64 // items of the last lists that were too many
}

// usage is what is known of the calls of one item, whatever its definition changes to.
type usage struct {
	breaker *pool.Breaker
	lostOn  atomic.Pointer[client.Client]
}

// newGuard makes the guard of an upstream; opt is kept. troubled is called when its breaker opens.
func newGuard(opt *Options, troubled func()) *guard {
	g := &guard{
		opt: opt, name: opt.Name, born: time.Now(), uses: map[itemKey]*usage{},
		lists: pacer{pause: listPause}, floods: pacer{pause: floodPause},
	}
	settings := pool.BreakerOptions{
		Failures: max(0, opt.BreakerFailures), OpenFor: opt.BreakerOpenFor,
		Probes: opt.BreakerProbes,
	}
	whole := settings
	whole.Changed = func(to pool.BreakerState) {
		if to == pool.BreakerOpen {
			g.count.opened.Add(1)
			troubled()
		}
	}
	g.whole = pool.NewBreaker(&whole)
	g.each = settings
	g.each.Changed = func(to pool.BreakerState) {
		if to == pool.BreakerOpen {
			g.count.itemsOpened.Add(1)
		}
	}
	return g
}

// usageOf returns what is known of an item, by the upstream's name for it. Called by one goroutine
// at a time, as forget is.
func (g *guard) usageOf(kind mcp.Kind, own string) *usage {
	key := itemKey{kind, own}
	use := g.uses[key]
	if use == nil {
		use = g.newUsage()
		g.uses[key] = use
	}
	return use
}

// forget drops what is known of items that are not offered.
func (g *guard) forget(offered map[itemKey]*Item) {
	if len(g.uses) == len(offered) {
		return
	}
	clear(g.uses)
	for _, i := range offered {
		g.uses[itemKey{i.Kind, i.own}] = i.use
	}
}

// tooMany takes note of how many items a list has above Options.ListMax.
func (u *Upstream) tooMany(over int) {
	if was := u.guard.count.over.Swap(int64(over)); over > 0 && was != int64(over) {
		u.host.Log.Warn("upstream offers too much; the rest is left out, or raise list_max",
			"upstream", u.opt.Name, "list_max", u.opt.ListMax, "left_out", over)
	}
}

func (g *guard) newUsage() *usage { return &usage{breaker: pool.NewBreaker(&g.each)} }

// stats adds what the guard has counted.
func (g *guard) stats(s *Stats) {
	n := &g.count
	s.Retried, s.Unretried, s.Delayed = n.retried.Load(), n.unretried.Load(), n.delayed.Load()
	s.Opened, s.Refused = n.opened.Load(), n.refused.Load()
	s.ItemsOpened, s.ItemsRefused = n.itemsOpened.Load(), n.itemsRefused.Load()
	s.Breaker, s.Over = g.whole.State(), int(n.over.Load())
}

// clock is monotonic, in nanoseconds, and never 0.
func (g *guard) clock() int64 { return int64(time.Since(g.born)) + 1 }

// passes are those of one call; both are ended by settle.
type passes struct {
	use         *usage
	item, whole pool.Pass
}

// admit lets a call of an item through, or returns the error that its client gets: at once, with
// when to try again. name is what clients call the item by.
func (g *guard) admit(use *usage, name string) (passes, error) {
	if at := g.resume.Load(); at != 0 {
		if left := time.Duration(at - g.clock()); left > 0 {
			g.count.delayed.Add(1)
			return passes{}, g.refusal(codec.ErrOverloaded.Code, stateDelayed, "", left,
				fmt.Sprintf("has too much to do and wants no call for another %v", rounded(left)))
		}
		g.resume.CompareAndSwap(at, 0)
	}
	item, err := use.breaker.Allow()
	if err != nil {
		g.count.itemsRefused.Add(1)
		return passes{}, g.broken(err, name)
	}
	whole, err := g.whole.Allow()
	if err != nil {
		item.Done(pool.Uncounted)
		g.count.refused.Add(1)
		return passes{}, g.broken(err, "")
	}
	return passes{use, item, whole}, nil
}

// stateDelayed is the state of an upstream that has said when it wants to be asked again.
const stateDelayed = "delayed"

// broken is the refusal of a breaker; item is "" for the upstream's own.
func (g *guard) broken(err error, item string) error {
	var open *pool.OpenError
	if !errors.As(err, &open) {
		return err
	}
	what := "it"
	if item != "" {
		what = fmt.Sprintf("%q", item)
	}
	return g.refusal(codec.ErrUpstream.Code, open.State.String(), item, open.RetryAfter,
		fmt.Sprintf("is not asked: calls of %s failed %d times in a row; its circuit breaker is "+
			"%s, try again in %v", what, g.opt.BreakerFailures, open.State,
			rounded(open.RetryAfter)))
}

func (g *guard) refusal(
	code int, state, item string, after time.Duration, text string,
) *mcp.Error {
	return &mcp.Error{
		Code: code, Message: fmt.Sprintf("upstream %q %s", g.name, text),
		Data: upstreamData{
			Upstream: g.name, State: state, Item: item,
			RetryAfter: max(1, after.Milliseconds()),
		},
	}
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// delay has nothing sent before the upstream wants it. What it may ask for is bounded by the time
// for which a breaker opens.
func (g *guard) delay(after time.Duration) {
	if after = min(after, g.opt.BreakerOpenFor); after > 0 {
		g.resume.Store(g.clock() + int64(after))
	}
}

// settle ends the passes of a call. live is the connection that it was sent on.
func (g *guard) settle(p passes, v verdict, live *client.Client) {
	switch v {
	case verdictGood:
		p.item.Done(pool.Succeeded)
		p.whole.Done(pool.Succeeded)
		if g.failed.Load() != nil {
			g.failed.Store(nil)
		}
		return
	case verdictLost:
		// All calls of a connection are lost at once; that is one failure of each item.
		if live != nil && live.Gone() != nil && p.use.lostOn.Swap(live) == live {
			v = verdictNone
		}
	case verdictAway:
		p.item.Done(pool.Uncounted)
		p.whole.Done(pool.Failed)
		return
	}
	if v == verdictNone {
		p.item.Done(pool.Uncounted)
		p.whole.Done(pool.Uncounted)
		return
	}
	p.item.Done(pool.Failed)
	p.whole.Done(g.ofWhole(p, v, live))
}

// ofWhole says what the failure of one item's call means for the upstream. Failures in a row of one
// item are its own, and its breaker ends them; those of several are the upstream's.
func (g *guard) ofWhole(p passes, v verdict, live *client.Client) pool.Outcome {
	other := g.failed.Swap(p.use) != p.use
	if v == verdictLost && live != nil && live.Gone() != nil && g.lostOn.Swap(live) == live {
		other = false // the same loss
	}
	if other || p.whole.Probe() {
		return pool.Failed
	}
	return pool.Uncounted
}
