package history

import (
	"fmt"
	"slices"
)

// Violation is one promise that was not kept. Rule is the promise: "N1" exactly one outcome,
// "N2" what was refused did not run, and counters balance, "N3" run at most once, "N4" replay
// without gap and double, and nothing on another's stream, "N5" order, "N8" isolation.
type Violation struct {
	Rule, Client, Text string
}

func (v Violation) String() string { return v.Rule + " " + v.Client + ": " + v.Text }

// checker is the state of one Check, for one client.
type checker struct {
	client   string
	recorded bool // what upstreams ran is in the history
	now      int  // the client's events so far
	requests map[string]*request
	order    []string // ids, as they were sent
	streams  map[string]*stream
	values   map[string]*value
	asks     map[string]*request // the last that brought the value of an Ask, or another one
	runs     map[string][]Event  // by the values
	cut      map[int]bool
	ear      ear
	found    []Violation
}

type request struct {
	sent     Event
	outcomes int
	failed   bool
	progress int
	notes    int
	logs     int
	resumed  bool
	unsure   bool
	gaveUp   bool
	outcome  *Event   // the first
	must     []string // of Read: the values whose Append was acknowledged before
}

// Check returns every violation in events, which must be complete: all clients have ended.
func Check(events []Event) []Violation {
	clients := map[string]*checker{}
	var names []string
	recorded := slices.ContainsFunc(events, func(e Event) bool { return e.Kind == Ran })
	for _, e := range events {
		c := clients[e.Client]
		if c == nil {
			c = newChecker(e.Client)
			c.recorded = recorded
			clients[e.Client] = c
			names = append(names, e.Client)
		}
		c.now++
		c.see(e)
	}
	var found []Violation
	for _, name := range names {
		clients[name].finish()
		found = append(found, clients[name].found...)
	}
	return found
}

func newChecker(client string) *checker {
	return &checker{
		client: client, requests: map[string]*request{}, streams: map[string]*stream{},
		values: map[string]*value{}, asks: map[string]*request{}, runs: map[string][]Event{},
		cut: map[int]bool{}, ear: ear{heard: map[string]int{}, made: map[string]int{}},
	}
}

func (c *checker) fault(rule, format string, args ...any) {
	c.found = append(c.found, Violation{rule, c.client, fmt.Sprintf(format, args...)})
}

func (c *checker) see(e Event) {
	switch e.Kind {
	case Sent:
		c.send(e)
	case Answer, Failed:
		c.outcome(e)
	case Note:
		c.note(e)
	case Logged:
		c.logged(e)
	case Told:
		c.told(e)
	case Marked:
		c.mark(e)
	case Resumed, Unsure:
		c.again(e)
	case GaveUp, Asked, Ran:
		c.passed(e)
	case Listening:
		c.ear.begin(e)
	case Deaf:
		c.ear.deaf = true
	case Cut:
		c.cutOff(e)
	}
}

func (c *checker) send(e Event) {
	r := &request{sent: e}
	if e.Upstream != "" {
		c.asks[e.Value] = r
	}
	switch e.Op {
	case Append:
		c.values[e.Value] = &value{sent: c.now}
		c.ear.owes(e)
	case Read:
		for text, v := range c.values {
			if v.acknowledged > 0 {
				r.must = append(r.must, text)
			}
		}
	}
	c.requests[e.ID] = r
	c.order = append(c.order, e.ID)
}

// outcome checks that an answer is the first one, its request's own, and on the right stream.
func (c *checker) outcome(e Event) {
	r := c.requests[e.ID]
	if r == nil {
		c.fault("N1", "an answer to %s, which it never sent", e.ID)
		return
	}
	c.place(e, "the answer to")
	if r.outcomes++; r.outcomes > 1 {
		c.fault("N1", "request %s has %d outcomes", e.ID, r.outcomes)
		return
	}
	r.outcome = &e
	if e.Kind == Failed {
		r.failed = true
		c.failed(r, e)
		return
	}
	if e.Key != c.client || e.Value != r.sent.Value {
		c.fault("N1", "request %s was answered with %q of %q; want %q of its own",
			e.ID, e.Value, e.Key, r.sent.Value)
		return
	}
	switch r.sent.Op {
	case Append:
		c.values[e.Value].acknowledged = c.now
		c.values[e.Value].place = e.Number
	case Read:
		c.read(r, e.Values)
	case Emit:
		if e.Notes != r.sent.Notes || r.notes != r.sent.Notes {
			c.fault("N5", "request %s: %d progress notifications before an answer that claims %d; "+
				"want %d", e.ID, r.notes, e.Notes, r.sent.Notes)
		}
		if r.logs != r.sent.Logs {
			c.fault("N5", "request %s: %d log messages before its answer; want %d",
				e.ID, r.logs, r.sent.Logs)
		}
	}
}

// again is about a request whose connection broke, but not all of it.
func (c *checker) again(e Event) {
	if e.ID == Push {
		c.ear.deaf = false
		return
	}
	r := c.requests[e.ID]
	if r == nil {
		return
	}
	r.resumed = r.resumed || e.Kind == Resumed
	r.unsure = r.unsure || e.Kind == Unsure
	if e.Kind == Unsure && e.Calm {
		c.fault("N8", "the POST of request %s was cut, and nobody cut it", e.ID)
	}
}

func (c *checker) cutOff(e Event) {
	if e.ID == Push || e.Conn == c.ear.conn {
		c.ear.deaf = true
	}
	if e.ID != Push {
		c.cut[e.Conn] = true
	}
	if e.Calm {
		c.fault("N8", "connection %d was cut, and nobody cut it", e.Conn)
	}
}

// finish looks for what never came. A request whose connection was cut may stay without an
// outcome, unless the client could ask for the rest of its stream.
func (c *checker) finish() {
	for _, id := range c.order {
		r := c.requests[id]
		c.unanswerable(r)
		excused := (c.cut[r.sent.Conn] || r.unsure || r.gaveUp) && !r.resumed
		if r.outcomes == 0 && !excused {
			rule := "N1"
			if r.resumed {
				rule = "N4"
			}
			c.fault(rule, "request %s has no outcome", id)
		}
	}
	c.unheard()
	if c.recorded {
		c.executions()
	}
}
