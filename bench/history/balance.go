package history

import (
	"fmt"
	"maps"
	"slices"
)

// Counters are what /metrics of a gateway says: values by names, labels included.
type Counters map[string]float64

// of is a counter of an upstream.
func (n Counters) of(upstream, name string) float64 {
	return n[fmt.Sprintf("mcploop_upstream_%s{upstream=%q}", name, upstream)]
}

// account is what clients know of the calls of one upstream: each was answered by it, or failed at
// the gateway, or nobody was left to see.
type account struct{ answered, failed, unseen float64 }

// Balance compares the counters of a gateway that is idle after the run with what its clients saw.
// All that was accepted has ended; what was counted for an upstream is what was answered, failed
// and cancelled; and each of these is what clients saw of it, but for those that they did not see.
func Balance(events []Event, n Counters) []Violation {
	var found []Violation
	fault := func(format string, args ...any) {
		found = append(found, Violation{"N2", "gateway", fmt.Sprintf(format, args...)})
	}
	ended := n["mcploop_calls_completed_total"] + n["mcploop_calls_cancelled_total"]
	if accepted := n["mcploop_calls_accepted_total"]; accepted != ended {
		fault("%v calls were accepted, %v ended", accepted, ended)
	}
	if left := n["mcploop_calls_in_flight"]; left != 0 {
		fault("%v calls are in flight for ever", left)
	}
	accounts := accountsOf(events)
	seen := 0.0
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		a := accounts[name]
		seen += a.answered + a.failed
		for _, gauge := range []string{"in_flight", "held"} {
			if left := n.of(name, gauge); left != 0 {
				fault("%v calls of %s are %s for ever", left, name, gauge)
			}
		}
		all := n.of(name, "calls_total") + n.of(name, "calls_unsent_total")
		failed := n.of(name, "calls_failed_total")
		answered := all - failed - n.of(name, "cancelled_total")
		for _, one := range []struct {
			what       string
			got, least float64
		}{
			{"calls of", all, a.answered + a.failed},
			{"calls that were answered by", answered, a.answered},
			{"calls that failed of", failed, a.failed},
		} {
			if one.got < one.least || one.got > one.least+a.unseen {
				fault("%v %s %s are counted; its clients saw %v, and did not see %v",
					one.got, one.what, name, one.least, a.unseen)
			}
		}
	}
	if done := n["mcploop_calls_completed_total"]; done < seen {
		fault("%v calls are counted as completed; clients saw %v", done, seen)
	}
	return found
}

// accountsOf adds up what became of the calls, by upstreams.
func accountsOf(events []Event) map[string]*account {
	b := books{
		accounts: map[string]*account{}, byID: map[entry]*call{}, byValue: map[entry]*call{},
	}
	for _, e := range events {
		switch {
		case e.Kind == Sent && e.Upstream != "":
			b.sent(e)
		case e.Kind == Answer || e.Kind == Failed || e.Kind == Asked:
			if c := b.byID[entry{e.Client, e.ID}]; c != nil {
				b.ends(c, e)
			}
		}
	}
	for _, c := range b.calls {
		a := b.accounts[c.sent.Upstream]
		switch {
		case !c.over:
			a.unseen++
		case c.outcome.Kind == Failed && c.outcome.Code != 0:
			a.failed++
		default:
			a.answered++
		}
	}
	return b.accounts
}

// books are calls whose ends are being looked for.
type books struct {
	accounts      map[string]*account
	calls         []*call
	byID, byValue map[entry]*call
}

// entry names a call of a client by an id or a value.
type entry struct{ client, name string }

type call struct {
	sent, outcome Event
	over          bool
}

// sent enters a request. One that brings the answer to a question of a legacy upstream is no call
// of its own: it takes the place of the one that has asked.
func (b *books) sent(e Event) {
	if b.accounts[e.Upstream] == nil {
		b.accounts[e.Upstream] = &account{}
	}
	id, value := entry{e.Client, e.ID}, entry{e.Client, e.Value}
	if before := b.byValue[value]; e.Resumes && !e.Modern && before != nil {
		b.byID[id] = before
		return
	}
	c := &call{sent: e}
	b.calls = append(b.calls, c)
	b.byID[id], b.byValue[value] = c, c
}

// ends takes an end of a call, or a question, which for a modern upstream is one.
func (b *books) ends(c *call, e Event) {
	a := b.accounts[c.sent.Upstream]
	switch {
	case e.Kind == Failed && e.Code == invalidParams: // it came too late; what it was for is over
		a.failed++
	case e.Kind == Asked && !c.sent.Modern:
	case e.Kind == Failed && e.Code == internalError: // of our door; the call was cancelled
	case e.Kind == Asked && !e.Final: // the gateway calls again with the answer
		a.answered++
	default:
		c.outcome, c.over = e, true
	}
}
