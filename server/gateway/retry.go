package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
)

// budget bounds what is sent once more to a share of what was sent, and a reserve: the first calls
// of an upstream, and those of one that is seldom called, have no others that pay for them.
type budget struct {
	mu     sync.Mutex // guards the rest
	seen   uint64     // calls that have paid in
	tokens int64      // in hundredths of a call
	lent   int64      // of the reserve, in hundredths of a call
	at     int64      // by guard.clock, when lent was right
}

const (
	budgetMax   = 100                   // so many calls may be sent again at once after a long calm
	reserveBack = 10 * time.Millisecond // in which a hundredth of a call comes back to the reserve
)

// take takes one call out, of percent of all calls so far or else of the reserve, if it is there.
// now is by guard.clock.
func (b *budget) take(calls uint64, percent, reserve int, now int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+int64(calls-b.seen)*int64(percent), budgetMax*100)
	b.seen = calls
	if b.tokens >= 100 {
		b.tokens -= 100
		return true
	}
	back := (now - b.at) / int64(reserveBack)
	b.lent, b.at = max(0, b.lent-back), b.at+back*int64(reserveBack)
	if b.lent+100 > int64(reserve)*100 {
		return false
	}
	b.lent += 100
	return true
}

// mayRunTwice tells whether the definition of a tool says that another run changes nothing.
func mayRunTwice(definition []byte) bool {
	said := codec.Find(definition, "annotations")
	return string(codec.Find(said, "readOnlyHint")) == "true" ||
		string(codec.Find(said, "idempotentHint")) == "true"
}

// harmless tells whether a call that failed so may be sent once more: nothing of it was sent, or
// its connection went and running it twice changes nothing.
func harmless(err error, unsent, twice bool) bool {
	lost := errors.Is(err, client.ErrGone)
	return errors.Is(err, client.ErrUnreachable) || lost && (unsent || twice)
}

// retryPause is the time between a failure and the second try, 25 % more or less: long enough for a
// server that restarts, short enough for who waits.
const retryPause = 100 * time.Millisecond

// retry has f sent once more, if that is harmless, in time and within the budget. unsent: it never
// left.
func (f *forward) retry(err error, unsent bool) bool {
	u := f.item.up
	if f.again || !harmless(err, unsent, f.item.twice) {
		return false
	}
	pause := u.affords(f.left())
	if pause == 0 {
		return false
	}
	time.AfterFunc(pause, func() { f.tryAgain(err) })
	return true
}

// affords returns the time after which one more call may be sent once more, of which so much is
// left of its time; 0: it may not.
func (u *Upstream) affords(left time.Duration) time.Duration {
	percent, g := u.opt.RetryPercent, u.guard
	pause := jitter(retryPause)
	if percent < 0 || left <= pause {
		return 0
	}
	if !g.budget.take(u.count.calls.Load(), percent, u.opt.RetryReserve, g.clock()) {
		g.count.unretried.Add(1)
		return 0
	}
	g.count.retried.Add(1)
	return pause
}

// Whose connection is lost, and who then waits for another one, hears within a second that there is
// none: these and retryPause come to less.
const (
	attemptSoon = 500 * time.Millisecond // the next attempt is worth waiting for
	restartSoon = 850 * time.Millisecond // in which it must have succeeded
)

// tryAgain is the second try: at once where there is a connection, else when there is another one,
// if that is soon: an upstream that crashes again and again is not waited for. err is how the first
// one ended, and the answer if there is no second one.
func (f *forward) tryAgain(err error) {
	u := f.item.up
	if live := u.pick(f.caller); live != nil && !ended(live) {
		f.resend(live)
		return
	}
	if g := u.gateOf(f.caller); g != nil && g.left() > attemptSoon {
		f.giveUp(err)
		return
	}
	long := f.left()
	if errors.Is(err, client.ErrGone) {
		long = restartSoon
	}
	u.parkFor(f, long, err)
}

// gateOf returns what spaces the attempts of the instance that a client's call goes to; nil: there
// is none.
func (u *Upstream) gateOf(c Caller) *gate {
	if u.opt.Share == ShareAll {
		return u.shared[0].gate
	}
	if own := u.tenants.of(c.Owner(u.opt.Share == ShareSession)); own != nil {
		return own.gate
	}
	return nil
}

// ended tells whether the connection that all calls share is no more.
func ended(c *client.Client) bool {
	select {
	case <-c.Gone():
		return true
	default:
		return false
	}
}
