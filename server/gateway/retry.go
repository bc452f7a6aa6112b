package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
)

// budget bounds what is sent once more to a share of what was sent.
type budget struct {
	mu     sync.Mutex // guards the rest
	seen   uint64     // calls that have paid in
	tokens int64      // in hundredths of a call
}

// budgetMax is how many calls may be sent again at once after a long calm.
const budgetMax = 100

// take takes one call out, of percent of all calls so far, if it is there.
func (b *budget) take(calls uint64, percent int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+int64(calls-b.seen)*int64(percent), budgetMax*100)
	b.seen = calls
	if b.tokens < 100 {
		return false
	}
	b.tokens -= 100
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
	if f.again || u.opt.RetryPercent < 0 || !harmless(err, unsent, f.item.twice) {
		return false
	}
	pause := jitter(retryPause)
	if f.left() <= pause {
		return false
	}
	if !u.guard.budget.take(u.count.calls.Load(), u.opt.RetryPercent) {
		u.guard.count.unretried.Add(1)
		return false
	}
	u.guard.count.retried.Add(1)
	time.AfterFunc(pause, f.tryAgain)
	return true
}

// tryAgain is the second try: at once where there is a connection, else when there is another one.
func (f *forward) tryAgain() {
	u := f.item.up
	if live := u.pick(f.caller); live != nil && !ended(live) {
		f.resend(live)
		return
	}
	u.park(f)
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
