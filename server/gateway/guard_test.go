package gateway

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/pool"
)

func testGuard(troubled func()) *guard {
	opt := Options{Name: "up"}.withDefaults()
	return newGuard(&opt, troubled)
}

// ends lets a call of use through and ends it so.
func (g *guard) ends(t *testing.T, use *usage, verdicts ...verdict) {
	t.Helper()
	for _, v := range verdicts {
		p, err := g.admit(use, "tool")
		if err != nil {
			t.Fatal(err)
		}
		g.settle(p, v, nil)
	}
}

func (g *guard) refuses(t *testing.T, use *usage, want upstreamData) {
	t.Helper()
	_, err := g.admit(use, "tool")
	var fault *mcp.Error
	if !errors.As(err, &fault) || fault.Data != want {
		t.Errorf("got %v %+v, want %+v", err, fault, want)
	}
}

func refused(state, item string, retryAfter int64) upstreamData {
	return upstreamData{Upstream: "up", State: state, Item: item, RetryAfter: retryAfter}
}

// TestGuardOfOneItem: what fails again and again is refused, and nothing else of its upstream is.
func TestGuardOfOneItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := testGuard(func() { t.Error("the upstream itself is in no trouble") })
		bad, good := g.newUsage(), g.newUsage()
		g.ends(t, bad, verdictFailed, verdictFailed, verdictFailed, verdictNone, verdictFailed,
			verdictFailed)
		g.refuses(t, bad, refused("open", "tool", 30_000))
		g.ends(t, good, verdictGood, verdictNone, verdictGood)
		time.Sleep(31 * time.Second)
		g.ends(t, bad, verdictGood, verdictGood, verdictGood)
		g.ends(t, bad, verdictFailed, verdictFailed, verdictFailed, verdictFailed, verdictGood)
		if n := g.count.itemsOpened.Load(); n != 1 || g.count.itemsRefused.Load() != 1 {
			t.Errorf("opened %d times, want once", n)
		}
	})
}

// TestGuardOfTheUpstream: failures of several items in a row are the upstream's.
func TestGuardOfTheUpstream(t *testing.T) {
	f := func(verdicts ...verdict) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			troubled := 0
			g := testGuard(func() { troubled++ })
			uses := []*usage{g.newUsage(), g.newUsage()}
			for i, v := range verdicts {
				g.ends(t, uses[i%2], v)
			}
			other := g.newUsage()
			g.refuses(t, other, refused("open", "", 30_000))
			if troubled != 1 {
				t.Errorf("told %d times", troubled)
			}
			time.Sleep(31 * time.Second)
			var probes []passes
			for range 3 {
				p, err := g.admit(other, "tool")
				if err != nil {
					t.Fatal(err)
				}
				probes = append(probes, p)
			}
			g.refuses(t, other, refused("half-open", "", 1000))
			for _, p := range probes {
				g.settle(p, verdictGood, nil)
			}
			g.ends(t, other, verdictGood)
		})
	}
	f(verdictFailed, verdictLost, verdictFailed, verdictLost, verdictFailed)
	f(verdictAway, verdictAway, verdictAway, verdictAway, verdictAway)
}

// TestGuardDelays: nothing is sent before the upstream wants it, or a breaker would let it.
func TestGuardDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := testGuard(nil)
		use := g.newUsage()
		g.delay(7 * time.Second)
		g.refuses(t, use, refused("delayed", "", 7000))
		time.Sleep(8 * time.Second)
		g.ends(t, use, verdictGood)
		g.delay(time.Hour)
		g.refuses(t, use, refused("delayed", "", 30_000))
		g.delay(0)
		g.refuses(t, use, refused("delayed", "", 30_000))
	})
}

// TestJudge: what counts against an upstream.
func TestJudge(t *testing.T) {
	refusal := func(status int) client.Answer {
		return client.Answer{Err: fmt.Errorf("no: %w", &client.HTTPError{Status: status})}
	}
	says := func(code int) client.Answer {
		return client.Answer{Error: fmt.Appendf(nil, `{"message":"no", "code":%d}`, code)}
	}
	failed := func(err error) client.Answer { return client.Answer{Err: fmt.Errorf("%w", err)} }
	for want, answers := range map[verdict][]client.Answer{
		verdictGood: {{Result: []byte("{}")}, says(-32602), says(-32601), says(42), says(-32002)},
		verdictNone: {
			refusal(429), refusal(401), refusal(403), refusal(404), refusal(400), says(-32603),
			says(-31000), failed(client.ErrOverloaded), failed(client.ErrClosed),
			{Status: 429, Error: []byte(`{"code":5}`)},
			failed(errors.New("any")),
		},
		verdictFailed: {
			failed(client.ErrTimeout), failed(client.ErrAnswer), failed(client.ErrTooLarge),
			refusal(500), refusal(501), refusal(302), refusal(307), refusal(408),
			{Status: 500, Error: []byte(`{"code":-32603}`)},
		},
		verdictLost: {failed(client.ErrGone)},
		verdictAway: {failed(client.ErrUnreachable), refusal(502), refusal(503), refusal(504)},
	} {
		for _, a := range answers {
			if got := judge(a); got != want {
				t.Errorf("%v %s: got %d, want %d", a.Err, a.Error, got, want)
			}
		}
	}
	for raw, want := range map[string]int{
		`{"code":1.5}`: 0, `{"code":"1"}`: 0, `{"code":99999999999999}`: 0, `{}`: 0, `5`: 0,
	} {
		if got := errorCode([]byte(raw)); got != want {
			t.Errorf("%s: got %d", raw, got)
		}
	}
}

// TestBudget: a tenth of the calls, and no more than a hundred at once after a long calm.
func TestBudget(t *testing.T) {
	var b budget
	taken := 0
	for calls := range uint64(100) {
		if b.take(calls+1, 10, -1, 0) {
			taken++
		}
	}
	if taken != 10 {
		t.Errorf("got %d of 100 calls again, want 10", taken)
	}
	taken = 0
	for range 1000 {
		if b.take(1_000_000, 10, -1, 0) {
			taken++
		}
	}
	if taken != budgetMax {
		t.Errorf("got %d at once, want %d", taken, budgetMax)
	}
	if b.take(2_000_000, 0, -1, 0) {
		t.Error("got one of none")
	}
}

// TestBudgetDefaults: a tenth of the calls, and ten beside them, of which one comes back each
// second.
func TestBudgetDefaults(t *testing.T) {
	opt := Options{}.withDefaults()
	var b budget
	f := func(when string, calls uint64, now time.Duration, want int) {
		t.Helper()
		taken := 0
		for b.take(calls, opt.RetryPercent, opt.RetryReserve, int64(now)) {
			taken++
		}
		if taken != want {
			t.Errorf("%s: got %d, want %d", when, taken, want)
		}
	}
	f("at first", 0, 0, 10)
	f("a second later", 0, time.Second, 1)
	f("after 100 calls", 100, time.Second, 10)
	f("after both", 200, 4*time.Second, 13)
	f("a long time later", 200, time.Hour, 10)
}

// TestBudgetReserve: what the calls do not pay for, until it is gone; it comes back, one a second.
func TestBudgetReserve(t *testing.T) {
	var b budget
	now := int64(1)
	many := func() (taken int) {
		for range 50 {
			if b.take(0, 10, 5, now) {
				taken++
			}
		}
		return taken
	}
	if got := many(); got != 5 {
		t.Errorf("got %d at first, want 5", got)
	}
	sum := 0
	for range 3000 {
		now += int64(time.Millisecond)
		sum += many()
	}
	if sum != 3 {
		t.Errorf("got %d in 3 s, want 3", sum)
	}
	if now += int64(time.Hour); many() != 5 {
		t.Error("an hour later it was not 5")
	}
	if !b.take(10, 10, 5, now) || b.take(10, 10, 5, now) {
		t.Error("ten calls did not pay for one")
	}
}

// TestMayRunTwice: what a tool says of itself, and what is no definition.
func TestMayRunTwice(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"annotations":{"readOnlyHint":true}}`:                         true,
		`{"annotations":{"idempotentHint":true,"readOnlyHint":false}}`:  true,
		`{"annotations":{"idempotentHint":false,"readOnlyHint":false}}`: false,
		`{"annotations":{"destructiveHint":false}}`:                     false,
		`{"annotations":{"readOnlyHint":"yes"}}`:                        false,
		`{"readOnlyHint":true}`:                                         false,
		`{}`:                                                            false,
		`[]`:                                                            false,
	} {
		if got := mayRunTwice([]byte(raw)); got != want {
			t.Errorf("%s: got %v", raw, got)
		}
	}
	lost, away := fmt.Errorf("%w", client.ErrGone), fmt.Errorf("%w", client.ErrUnreachable)
	if !harmless(away, false, false) || !harmless(lost, false, true) ||
		harmless(lost, false, false) || !harmless(lost, true, false) ||
		harmless(client.ErrTimeout, true, true) {
		t.Error("what may be sent again is wrong")
	}
}

// TestPacer: a storm costs one look a second, and its last message is not lost.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pacer{pause: listPause}
		var mu sync.Mutex // guards looks
		var looks []time.Duration
		began := time.Now()
		look := func() {
			mu.Lock()
			defer mu.Unlock()
			looks = append(looks, time.Since(began))
		}
		for range 25 { // 2.4 seconds
			for range 100 {
				p.ask(look)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		p.ask(look)
		mu.Lock()
		defer mu.Unlock()
		want := []time.Duration{
			0, time.Second, 2 * time.Second, 3 * time.Second, 62*time.Second + 500*time.Millisecond,
		}
		if !slices.Equal(looks, want) {
			t.Errorf("got looks at %v, want %v", looks, want)
		}
	})
}

// TestGuardOfTheOnlyItem: an upstream with one bad tool is not in trouble itself.
func TestGuardOfTheOnlyItem(t *testing.T) {
	g := testGuard(func() {})
	use := g.newUsage()
	g.ends(t, use, verdictFailed, verdictFailed, verdictFailed, verdictFailed, verdictFailed)
	if use.breaker.State() != pool.BreakerOpen || g.whole.State() != pool.BreakerClosed {
		t.Errorf("got %v and %v", use.breaker.State(), g.whole.State())
	}
}
