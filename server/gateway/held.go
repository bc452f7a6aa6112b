package gateway

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// held is a call at a legacy upstream that has asked its client something before it answers. A
// legacy client's own call waits meanwhile; that of a modern one has ended with input_required, and
// the call that comes back with the answer takes its place.
type held struct {
	up *Upstream
	f  *forward
	id string // what the client comes back with; 130 random bits

	mu        sync.Mutex // guards the rest; no method of a Caller is called under it
	client    recipient
	holds     bool // a question was taken for it
	away      bool // the client has been asked and has not come back
	rounds    int  // so many times
	expired   bool // it will not be waited for any more
	gathering bool // it will be asked in a moment
	over      bool // the call has ended, and nobody needs h any more
	timer     *time.Timer
	asks      map[string]question // that nobody has answered, by the keys that the client knows
	keys      int                 // so many were given out
	answer    *client.Answer      // of the upstream, while a modern client is away
}

// asksPerCall is how many requests each held call may have open, on average; what is more is
// refused.
const asksPerCall = 4

// question is one of asks.
type question struct {
	ask *client.Ask
	raw *mcp.RawInput
}

// recipient is whose call it is. caller is nil while a modern client is away.
type recipient struct {
	caller       Caller
	version      mcp.Version
	token        []byte
	capabilities []byte
}

// unheld stands in forward.held of a call that has ended without being held: it cannot be any more.
var unheld = &held{}

// hold has the client of f asked what the upstream wants to know. False: it is not asked, as f has
// ended, or for the reason named.
func (f *forward) hold(q question) (taken bool, fault *mcp.Error) {
	h := f.held.Load()
	if h == nil {
		fresh := &held{up: f.item.up, f: f, id: rand.Text(), asks: map[string]question{}}
		fresh.mu.Lock() // who ends f waits until it is known whether h holds it
		if f.held.CompareAndSwap(nil, fresh) {
			fresh.client = recipient{f.caller, f.version, f.token, f.capabilities}
			defer fresh.mu.Unlock()
			return fresh.ask(q)
		}
		h = f.held.Load()
	}
	if h == unheld {
		return false, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ask(q)
}

// ends is called by who answers f, once. It returns what holds f; nil: nothing does, or ever will.
func (f *forward) ends() *held {
	if f.held.CompareAndSwap(nil, unheld) {
		return nil // Fast path.
	}
	h := f.held.Load()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.holds {
		h.over = true
		return nil
	}
	return h
}

// cannot is why the client cannot be asked; nil: it can. h.mu is held.
func (h *held) cannot(raw *mcp.RawInput) *mcp.Error {
	missing := mcp.InputRequests{"": raw}.Missing(h.client.capabilities, h.client.version)
	if missing == nil {
		return nil
	}
	return &mcp.Error{
		Code:    codec.ErrMethodNotFound.Code,
		Message: "the client whose call this is cannot do " + raw.Method,
		Data:    map[string]any{"requiredCapabilities": missing},
	}
}

// ask is described with forward.hold. h.mu is held.
func (h *held) ask(q question) (taken bool, fault *mcp.Error) {
	if h.over {
		return false, nil
	}
	if fault := h.cannot(q.raw); fault != nil {
		return false, fault
	}
	if !h.holds {
		if fault := h.up.held.add(h); fault != nil {
			return false, fault
		}
		h.holds = true
	}
	h.keys++
	h.asks[fmt.Sprintf("%s-%d", q.raw.Method, h.keys)] = q
	if !h.away && !h.gathering {
		h.gathering = true
		time.AfterFunc(gatherFor, h.gathered)
	}
	return true, nil
}

// gatherFor is how long the first question waits for others, so that a person is asked once for all
// that a tool asks at the same time.
const gatherFor = 2 * time.Millisecond

// gathered asks the client.
func (h *held) gathered() {
	h.mu.Lock()
	h.gathering = false
	leave := h.leave()
	h.mu.Unlock()
	leave()
}

// leave sends the client away with all that is to be asked, unless it is away, or the call has
// ended. h.mu is held; what is returned is called behind it.
func (h *held) leave() func() {
	to := h.client
	if h.away || h.over || len(h.asks) == 0 {
		return func() {}
	}
	if !h.f.live.Mux().SetTimeout(&h.f.Call, 0) { // its answer is on its way to done
		return func() {}
	}
	h.away = true
	h.rounds++
	round := h.rounds
	h.timer = time.AfterFunc(h.up.opt.AskTimeout, func() { h.expire(round) })
	asked := &mcp.InputRequired{
		Relay: true, State: bridged{Held: h.id}, Requests: mcp.InputRequests{},
	}
	for key, q := range h.asks {
		asked.Requests[key] = q.raw
	}
	if to.version.Modern() { // what it points to ends with the call
		h.client = recipient{
			version: to.version, capabilities: bytes.Clone(to.capabilities),
		}
		return func() {
			to.caller.Keep() // what the upstream says meanwhile may still find it
			to.caller.RequireInput(asked)
			to.caller.Release()
		}
	}
	to.caller.Keep() // it may be answered before it is asked
	h.handOut(to)
	return func() {
		if to.caller.RequireInput(asked); to.caller.Ended() { // it cannot be asked
			h.f.CallEnded(errEnded)
		}
	}
}

// handOut notes the pages that a legacy client is about to be sent to. h.mu is held.
func (h *held) handOut(to recipient) {
	if !hasPages(to.version) {
		return
	}
	for _, q := range h.asks {
		h.up.pages.add(q.raw.Params, page{caller: to.caller, client: to.caller.Client()})
	}
}

// expire gives up a call whose client does not come back from a round.
func (h *held) expire(round int) {
	h.mu.Lock()
	if !h.away || h.over || h.rounds != round {
		h.mu.Unlock()
		return
	}
	if h.answer == nil {
		h.expired = true // its answer may be on its way to done
		h.mu.Unlock()
		h.f.live.Mux().Cancel(&h.f.Call, errNotAnswered) // and done ends it
		return
	}
	h.end()
	h.forsake()
	left := h.orphans()
	h.mu.Unlock()
	h.up.held.remove(h)
	h.up.askOthers(left)
}

// forsake forgets the answer that the client did not come back for. h.mu is held.
func (h *held) forsake() {
	if h.answer != nil {
		h.answer = nil
		h.up.count.cancelled.Add(1)
	}
}

// end is the end of h. h.mu is held.
func (h *held) end() {
	h.over = true
	if h.timer != nil {
		h.timer.Stop()
	}
}

// enter takes the client in, with its answers. False: nobody waits for it.
func (h *held) enter(c Caller, req *mcp.Request) bool {
	h.mu.Lock()
	if h.over || !h.away {
		answering := h.over && h.client.caller == c // which done does
		h.mu.Unlock()
		return answering
	}
	h.timer.Stop()
	h.away = false
	if before := h.client.caller; before != nil { // a legacy client's call, which runs again
		before.Release()
	}
	c.Keep()
	h.client = recipientOf(c, req)
	if a := h.answer; a != nil { // it did not wait
		h.answer = nil
		answered := h.take(req)
		h.end()
		left := h.orphans()
		h.mu.Unlock()
		h.send(answered)
		h.up.askOthers(left)
		h.up.held.remove(h)
		h.deliver(h.client, *a)
		return true
	}
	answered := h.take(req)
	h.f.live.Mux().SetTimeout(&h.f.Call, h.up.opt.Timeout)
	leave := h.leave()
	h.mu.Unlock()
	if !c.OnEnd(h.f) {
		h.f.CallEnded(errEnded)
	}
	h.send(answered)
	leave()
	return true
}

// take takes out of asks what the client has answered, or nobody wants to know any more. h.mu is
// held.
func (h *held) take(req *mcp.Request) (answered []func() error) {
	for key, q := range h.asks {
		if raw, ok := req.InputResponses[key]; ok {
			answered = append(answered, func() error { return q.ask.Answer(raw) })
		} else if raw, ok := req.InputRefusals[key]; ok {
			answered = append(answered, func() error { return q.ask.AnswerError(raw) })
		} else if q.ask.Context().Err() == nil {
			continue
		}
		delete(h.asks, key)
	}
	return answered
}

// send gives the upstream its answers. Most that cannot be sent are wanted no more, or their
// connection ends, which the call will say; one for which there is no room would be waited for.
func (h *held) send(answered []func() error) {
	for _, send := range answered {
		if err := send(); errors.Is(err, client.ErrOverloaded) {
			h.f.live.Mux().Cancel(&h.f.Call, err)
		}
	}
}

// orphans are questions that are open though the call has ended: they were not its own, but of
// another call of the same client. h.mu is held.
func (h *held) orphans() (left []question) {
	for _, q := range h.asks {
		if q.ask.Context().Err() == nil {
			left = append(left, q)
		}
	}
	clear(h.asks)
	return left
}

// askOthers asks through other calls that were in flight as the question came. Those that have
// begun since are not what it is about, whosever they are.
func (u *Upstream) askOthers(left []question) {
	for _, q := range left {
		u.ask(q)
	}
}

// done takes the upstream's answer. A modern client that is away gets it when it comes back.
func (h *held) done(a client.Answer) {
	h.mu.Lock()
	if h.over {
		h.mu.Unlock()
		return
	}
	to := h.client
	if to.caller == nil && a.Err == nil && !h.expired {
		a.Result, a.Error = bytes.Clone(a.Result), bytes.Clone(a.Error)
		h.answer = &a
		h.mu.Unlock()
		return
	}
	h.end()
	left, away := h.orphans(), h.away
	h.mu.Unlock()
	defer h.up.askOthers(left)
	if away { // a legacy client that comes back meanwhile finds it, see enter
		defer h.up.held.remove(h)
	} else {
		h.up.held.remove(h)
	}
	if to.caller == nil {
		h.up.count.failed.Add(1)
		return
	}
	h.deliver(to, a)
}

// deliver answers.
func (h *held) deliver(to recipient, a client.Answer) {
	u := h.up
	defer to.caller.Release()
	switch {
	case a.Err != nil && to.caller.Ended():
		u.count.cancelled.Add(1)
	case a.Err != nil:
		u.count.failed.Add(1)
		to.caller.Fail(u.fault(a.Err))
	case a.Error != nil:
		h.f.passError(to, a.Error)
	default:
		u.reply(h.f.method, to, a.Result)
	}
}

// recipient is whose call it is now.
func (f *forward) recipient() recipient {
	h := f.held.Load()
	if h == nil || h == unheld {
		return recipient{f.caller, f.version, f.token, f.capabilities}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.client
}

// recipientOf is who sends req.
func recipientOf(c Caller, req *mcp.Request) recipient {
	return recipient{
		caller: c, version: req.Version, token: bytes.Clone(req.Params.Token),
		capabilities: req.Capabilities,
	}
}
