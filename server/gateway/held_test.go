package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

var bothEras = []mcp.Version{mcp.LatestLegacy, mcp.LatestModern}

func questionOf(a *client.Ask) question {
	return question{ask: a, raw: &mcp.RawInput{Method: a.Method, Params: a.Params}}
}

// holdBy has f held by a question that its client is not asked before the test says so.
func (x *tester) holdBy(f *forward) *held {
	x.t.Helper()
	a := x.catches("q")
	h := &held{up: x.Upstream, f: f, id: "h", asks: map[string]question{}, gathering: true}
	h.client = f.recipient()
	f.held.Store(h)
	if taken, fault := f.hold(questionOf(a)); !taken {
		x.t.Fatal("it is not held", fault)
	}
	return h
}

func (x *tester) wantNoneHeld() {
	x.t.Helper()
	if n := x.held.len(); n != 0 {
		x.t.Errorf("%d are held, want none", n)
	}
}

// TestHeldIsAnsweredAsItsClientIsAsked: the answer of a call is on its way as its client is about
// to be asked something: it comes to the client for all that, and nothing else does.
func TestHeldIsAnsweredAsItsClientIsAsked(t *testing.T) {
	for _, v := range bothEras {
		x, c := startTester(t), newCaller(t, "Ada")
		f, id := x.begins(c, v)
		h := x.holdBy(f)
		reached, open := gated(f)
		x.answers(id)
		await(t, "the answer on its way", reached)
		h.gathered()
		close(open)
		c.wantAnswer()
		if len(c.asked) != 0 {
			t.Error("its client was asked")
		}
	}
}

// TestHeldClientComesBackAsItIsAnswered: a legacy client that has answered a question while its
// call is answered gets that answer, and no other.
func TestHeldClientComesBackAsItIsAnswered(t *testing.T) {
	x, c := startTester(t), newCaller(t, "Ada")
	f, id := x.begins(c, mcp.LatestLegacy)
	x.asks("q", "?")
	back := c.request(mcp.LatestLegacy, c.question())
	held := f.held.Load().id
	c.onReply.Store(func() { x.held.resume(x.Upstream, held, c, back) })
	x.answers(id)
	c.wantAnswer()
	x.untilNoneHeld()
	x.held.resume(x.Upstream, held, c, back)
	if len(c.outcome) != 0 {
		t.Errorf("it was answered again: %s", <-c.outcome)
	}
}

// TestHeldIsAnsweredBeforeItsClientIsAsked: what asks a legacy client does not touch a call that
// is another's by then.
func TestHeldIsAnsweredBeforeItsClientIsAsked(t *testing.T) {
	x, c := startTester(t), newCaller(t, "Ada")
	f, id := x.begins(c, mcp.LatestLegacy)
	h := x.holdBy(f)
	h.mu.Lock()
	ask := h.leave()
	h.mu.Unlock()
	x.answers(id)
	c.wantAnswer()
	x.untilNoneHeld()
	ask() // c fails the test
}

// TestAskOfACallThatHasEnded: a question that comes to a call as it ends goes to the next one that
// it may be for, if there is one; the call that ended is not touched.
func TestAskOfACallThatHasEnded(t *testing.T) {
	for _, v := range bothEras {
		x, first, second := startTester(t), newCaller(t, "Ada"), newCaller(t, "Ada")
		f, id := x.begins(first, v)
		_, other := x.begins(second, v)
		a := x.catches("q")
		if len(a.Among) != 2 {
			t.Fatalf("it is for one of %d calls, want 2", len(a.Among))
		}
		x.answers(id)
		first.wantAnswer()
		if taken, fault := f.hold(questionOf(a)); taken || fault != nil {
			t.Errorf("a call that has ended is held: %v %v", taken, fault)
		}
		x.asked(a)
		second.wantAsked()
		x.answers(other)
		if v.Modern() {
			continue // it is away
		}
		second.wantAnswer()
		x.wantHeard("has ended")
		if len(first.asked) != 0 {
			t.Error("the client of a call that has ended was asked")
		}
	}
}

// TestAskGoesOnToAnotherCall: a question that one call has taken, and that ends unanswered, is
// asked through another one that it may be for, and through no call that came later.
func TestAskGoesOnToAnotherCall(t *testing.T) {
	for _, left := range []bool{true, false} {
		x, bob := startTester(t), newCaller(t, "Bob")
		ada := []*caller{newCaller(t, "Ada"), newCaller(t, "Ada")}
		_, first := x.begins(ada[0], mcp.LatestLegacy)
		f, second := x.begins(ada[1], mcp.LatestLegacy)
		x.asks("q", "?")
		ada[0].wantAsked()
		if !left {
			f.live.Mux().Cancel(&f.Call, context.Canceled)
			await(t, "the end of the other call", ada[1].outcome)
		}
		x.begins(bob, mcp.LatestLegacy)
		x.answers(first)
		ada[0].wantAnswer()
		if left {
			ada[1].wantAsked()
			x.answers(second)
			ada[1].wantAnswer()
		}
		x.wantHeard(`"id":"q"`, "has ended")
		if len(bob.asked) != 0 {
			t.Error("another client was asked")
		}
		x.wantNoneHeld()
	}
}

// TestAskIsNotLost: questions come as one of the calls that they may be for ends, many times. Each
// is asked, and answered, once.
func TestAskIsNotLost(t *testing.T) {
	x := startTester(t)
	for round := range 300 {
		v := bothEras[round%2]
		calls := []*caller{newCaller(t, "Ada"), newCaller(t, "Ada")}
		_, first := x.begins(calls[0], v)
		_, second := x.begins(calls[1], v)
		a := x.catches(fmt.Sprint(round))
		go x.answers(first)
		x.asked(a) // not on the loop on which the answer comes
		var need *mcp.InputRequired
		var asked *caller
		select {
		case need = <-calls[0].asked:
			asked = calls[0]
		case need = <-calls[1].asked:
			asked = calls[1]
		}
		back := asked
		if v.Modern() {
			back = newCaller(t, "Ada")
		}
		if asked == calls[1] || v.Modern() {
			x.held.resume(x.Upstream, need.State.(bridged).Held, back, back.request(v, need))
			x.wantHeard(fmt.Sprintf("%q", fmt.Sprint(round)), `"cancel"`)
		}
		if asked == calls[0] {
			back.wantAnswer()
		} else {
			calls[0].wantAnswer()
			calls[1] = back
		}
		if asked == calls[0] && !v.Modern() { // it has ended: the other one is asked
			need = calls[1].question()
			x.held.resume(x.Upstream, need.State.(bridged).Held, calls[1],
				calls[1].request(v, need))
			x.wantHeard(fmt.Sprintf("%q", fmt.Sprint(round)), `"cancel"`)
		}
		x.answers(second)
		calls[1].wantAnswer()
	}
	x.untilNoneHeld()
}

// TestHeldExpiresAsItIsAnswered: an answer that comes as its client's time is over is kept for
// nobody.
func TestHeldExpiresAsItIsAnswered(t *testing.T) {
	x, c := startTester(t), newCaller(t, "Ada")
	f, id := x.begins(c, mcp.LatestModern)
	x.asks("q", "?")
	c.wantAsked()
	reached, open := gated(f)
	x.answers(id)
	await(t, "the answer on its way", reached)
	h := f.held.Load()
	h.expire(1)
	close(open)
	x.untilNoneHeld()
}

// TestHeldExpiresInItsRound: the time of one round that passes as the client comes back ends no
// later round.
func TestHeldExpiresInItsRound(t *testing.T) {
	x, c := startTester(t), newCaller(t, "Ada")
	f, id := x.begins(c, mcp.LatestModern)
	x.asks("q", "?")
	c.wantAsked()
	h, again := f.held.Load(), newCaller(t, "Ada")
	x.held.resume(x.Upstream, h.id, again, again.request(mcp.LatestModern, nil))
	need := again.question()
	h.expire(1)
	last := newCaller(t, "Ada")
	x.held.resume(x.Upstream, h.id, last, last.request(mcp.LatestModern, need))
	x.wantHeard(`"cancel"`)
	x.answers(id)
	last.wantAnswer()
	x.wantNoneHeld()
}

// TestHeldThatIsNotSent: a call that was held while it was sent, and could not be sent, fails.
func TestHeldThatIsNotSent(t *testing.T) {
	x, c := startTester(t), newCaller(t, "Ada")
	f, _ := x.begins(c, mcp.LatestLegacy)
	x.holdBy(f)
	f.unsent(errors.New("no room"))
	if got := await(t, "the failure", c.outcome); !strings.Contains(got, "no room") {
		t.Errorf("got %s", got)
	}
	x.wantNoneHeld()
}

// TestAskThatItsClientCannot: it is refused, and the call ends as if nobody had asked.
func TestAskThatItsClientCannot(t *testing.T) {
	x, c := startTester(t), newCaller(t, "Ada")
	f, id := x.begins(c, mcp.LatestLegacy)
	x.say(`"id":"q","method":"roots/list"`)
	x.wantHeard("cannot do roots/list", "-32601")
	x.answers(id)
	c.wantAnswer()
	if h := f.ends(); h != nil {
		t.Error("it is held")
	}
	x.wantNoneHeld()
}

// TestHeldWhoseAnswerCannotBeSent: a call whose upstream takes no more bytes fails at once, not
// when its time is over.
func TestHeldWhoseAnswerCannotBeSent(t *testing.T) {
	for _, v := range bothEras {
		x, c := startTester(t), newCaller(t, "Ada")
		f, _ := x.begins(c, v)
		h := x.holdBy(f)
		h.send([]func() error{func() error { return client.ErrOverloaded }})
		if got := await(t, "the failure", c.outcome); !strings.Contains(got, "too many calls") {
			t.Errorf("got %s", got)
		}
		x.wantNoneHeld()
	}
}
