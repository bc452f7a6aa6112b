package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// trial is what lets a call be sent, and how it is judged.
type trial struct {
	passes
	spent time.Duration // of the time for the whole call, before this try
	again bool          // the second and last try
}

// try lets a call through. Without a connection, or when it may not pass, c is answered and the
// connection is nil.
func (u *Upstream) try(w *waiting) (trial, *client.Client) {
	p, err := u.guard.admit(w.item.use, w.item.Name)
	if err == nil {
		if live := u.pickFor(w); live != nil {
			return trial{passes: p}, live
		}
		u.guard.settle(p, verdictNone, nil)
		err = u.unavailable()
	}
	u.failUnsent(w.caller, err)
	w.caller.Release()
	w.giveBack()
	return trial{}, nil
}

// pickFor returns the connection that a call goes to; nil: there is none.
func (u *Upstream) pickFor(w *waiting) *client.Client {
	if w.lease != nil {
		return w.lease.live.Load()
	}
	return u.pick(w.caller)
}

// failUnsent answers a call that is not carried over.
func (u *Upstream) failUnsent(c Caller, err error) {
	u.count.unsent.Add(1)
	u.count.failed.Add(1)
	c.Fail(err)
}

// left is what is left of the time for the whole call.
func (f *forward) left() time.Duration {
	return f.item.up.opt.Timeout - f.spent - f.live.Mux().Age(&f.Call)
}

// judged ends the passes of f. unusable says what is wrong with the result, if anything is.
func (f *forward) judged(a client.Answer, unusable error) {
	g := f.item.up.guard
	v := judge(a)
	if errors.Is(a.Err, context.DeadlineExceeded) || // our own time for the call was shorter
		unusable != nil && !errors.Is(unusable, client.ErrInputRequired) &&
			!errors.Is(unusable, errTask) {
		v = verdictFailed
	}
	g.settle(f.passes, v, f.live)
	switch refusal := refusalIn(a.Err); {
	case refusal != nil && f.busy(refusal.Status):
		g.delay(refusal.RetryAfter)
	case f.busy(a.Status):
		g.delay(a.RetryAfter)
	}
}

// busy: with these a server says when to ask again (RFC 9110, 10.2.3; RFC 6585, 4). Who has asked
// too often with credentials of its own has done so for itself alone.
func (f *forward) busy(status int) bool {
	return status == 503 || status == 429 && f.Identity == nil
}

// unsent ends a call that Start refused.
func (f *forward) unsent(err error) {
	u := f.item.up
	u.guard.settle(f.passes, verdictNone, f.live)
	f.leave(err)
	if h := f.ends(); h != nil { // there was a question just then
		h.done(client.Answer{Err: err})
		return
	}
	if f.lease == nil && f.retry(err, true) {
		return
	}
	u.count.failed.Add(1)
	f.caller.Fail(u.fault(err))
	f.caller.Release()
}

// goesOn has a call sent once more, if a says that it may be.
func (f *forward) goesOn(a client.Answer) bool {
	u := f.item.up
	switch {
	case f.sessionLost(a):
		u.park(f)
	case f.headersWrong(a):
		u.parkUntilListed(f)
	default:
		return a.Err != nil && f.retry(a.Err, false)
	}
	return true
}

// headersWrong tells whether the upstream wants arguments repeated in headers that its list did not
// name when it was asked for. It has run nothing (2026-07-28, basic/transports/streamable-http).
func (f *forward) headersWrong(a client.Answer) bool {
	return a.Error != nil && !f.again && f.method == mcp.MethodToolsCall &&
		errorCode(a.Error) == codec.ErrHeaderMismatch.Code
}

// parkUntilListed keeps f until the lists were asked for once more.
func (u *Upstream) parkUntilListed(f *forward) {
	u.hold(f, f.left(), client.ErrTimeout)
	u.guard.lists.ask(u.doubt)
}

// resend sends f once more on c, within what is left of its time.
func (f *forward) resend(c *client.Client) {
	u, left := f.item.up, f.left()
	if left <= 0 || f.caller.Ended() {
		f.giveUp(client.ErrTimeout)
		return
	}
	p, err := u.guard.admit(f.use, f.item.Name)
	if err != nil {
		f.leave(nil)
		u.count.failed.Add(1)
		f.caller.Fail(err)
		f.caller.Release()
		return
	}
	next := newForward()
	next.lease = f.lease
	next.Sound, next.Name = f.Sound, f.Name
	f.item.fill(next, f.caller, c, f.method, f.Params, f.version, f.token)
	next.trial = trial{passes: p, spent: u.opt.Timeout - left, again: true}
	next.Timeout = left
	next.capabilities, next.Capabilities, next.Party = f.capabilities, f.Capabilities, f.Party
	next.becomes = f.becomes
	next.hearLogs(f.level)
	next.begin()
}

// giveUp answers a call that is not sent again, and ends its lease.
func (f *forward) giveUp(err error) {
	u := f.item.up
	f.leave(nil)
	if f.caller.Ended() {
		u.count.cancelled.Add(1)
	} else {
		u.count.failed.Add(1)
		f.caller.Fail(u.fault(err))
	}
	f.caller.Release()
}
