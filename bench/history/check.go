package history

import "fmt"

// Violation is one promise that was not kept. Rule is the promise: "N1" exactly one outcome,
// "N3" run at most once, "N4" replay without gap and double, "N5" order, "N8" isolation.
type Violation struct {
	Rule, Client, Text string
}

func (v Violation) String() string { return v.Rule + " " + v.Client + ": " + v.Text }

// checker is the state of one Check, for one client.
type checker struct {
	client   string
	requests map[string]*request
	order    []string // ids, as they were sent
	streams  map[string]*stream
	values   map[string]*value
	cut      map[int]bool
	found    []Violation
}

type request struct {
	sent     Event
	outcomes int
	failed   bool
	progress int
	notes    int
	resumed  bool
	must     []string // of Read: the values whose Append was acknowledged before
}

type stream struct {
	last int
	id   string // of the request that the stream belongs to
}

// value is one appended value. It may be in a Read from when it was sent.
type value struct{ acknowledged bool }

// Check returns every violation in events, which must be complete: all clients have ended.
func Check(events []Event) []Violation {
	clients := map[string]*checker{}
	var names []string
	for _, e := range events {
		c := clients[e.Client]
		if c == nil {
			c = &checker{
				client: e.Client, requests: map[string]*request{}, streams: map[string]*stream{},
				values: map[string]*value{}, cut: map[int]bool{},
			}
			clients[e.Client] = c
			names = append(names, e.Client)
		}
		c.see(e)
	}
	var found []Violation
	for _, name := range names {
		clients[name].finish()
		found = append(found, clients[name].found...)
	}
	return found
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
	case Marked:
		c.mark(e)
	case Resumed:
		if r := c.requests[e.ID]; r != nil {
			r.resumed = true
		}
	case Cut:
		c.cut[e.Conn] = true
		if e.Calm {
			c.fault("N8", "connection %d was cut, and nobody cut it", e.Conn)
		}
	}
}

func (c *checker) send(e Event) {
	r := &request{sent: e}
	switch e.Op {
	case Append:
		c.values[e.Value] = &value{}
	case Read:
		for text, v := range c.values {
			if v.acknowledged {
				r.must = append(r.must, text)
			}
		}
	}
	c.requests[e.ID] = r
	c.order = append(c.order, e.ID)
}

func (c *checker) outcome(e Event) {
	r := c.requests[e.ID]
	if r == nil {
		c.fault("N1", "an answer to %s, which it never sent", e.ID)
		return
	}
	if r.outcomes++; r.outcomes > 1 {
		c.fault("N1", "request %s has %d outcomes", e.ID, r.outcomes)
		return
	}
	if e.Kind == Failed {
		r.failed = true
		if r.sent.Calm {
			c.fault("N8", "request %s failed", e.ID)
		}
		return
	}
	if e.Key != c.client || e.Value != r.sent.Value {
		c.fault("N1", "request %s was answered with %q of %q; want %q of its own",
			e.ID, e.Value, e.Key, r.sent.Value)
		return
	}
	switch r.sent.Op {
	case Append:
		c.values[e.Value].acknowledged = true
	case Read:
		c.read(r, e.Values)
	case Emit:
		if e.Notes != r.sent.Notes || r.notes != r.sent.Notes {
			c.fault("N5", "request %s: %d progress notifications before an answer that claims %d; "+
				"want %d", e.ID, r.notes, e.Notes, r.sent.Notes)
		}
	}
}

// read checks that every acknowledged value is there, once, and no value that nobody appended.
func (c *checker) read(r *request, got []string) {
	seen := map[string]int{}
	for _, text := range got {
		if seen[text]++; seen[text] == 2 {
			c.fault("N3", "request %s: %q was appended twice", r.sent.ID, text)
		}
		if c.values[text] == nil {
			c.fault("N1", "request %s: read %q, which it never appended", r.sent.ID, text)
		}
	}
	for _, text := range r.must {
		if seen[text] == 0 {
			c.fault("N5", "request %s does not see %q, acknowledged before", r.sent.ID, text)
		}
	}
}

func (c *checker) note(e Event) {
	r := c.requests[e.ID]
	switch {
	case r == nil:
		c.fault("N1", "progress of %s, which it never sent", e.ID)
		return
	case r.outcomes > 0:
		c.fault("N5", "progress of %s after its outcome", e.ID)
	case e.Progress <= r.progress:
		c.fault("N5", "progress of %s went from %d to %d", e.ID, r.progress, e.Progress)
	case e.Progress != r.progress+1:
		c.fault("N5", "progress of %s skips from %d to %d", e.ID, r.progress, e.Progress)
	}
	r.progress = e.Progress
	r.notes++
}

// mark checks the number of a stream's event. A stream may begin with its priming event, 0, or
// with 1. ID is the request whose stream the client reads.
func (c *checker) mark(e Event) {
	s := c.streams[e.Stream]
	if s == nil {
		s = &stream{last: max(e.Number-1, -1), id: e.ID}
		if e.Number > 1 {
			c.fault("N4", "stream %s begins with event %d", e.Stream, e.Number)
		}
		c.streams[e.Stream] = s
	}
	switch {
	case s.id != e.ID:
		c.fault("N4", "event %d of stream %s, which is that of %s, came for %s",
			e.Number, e.Stream, s.id, e.ID)
	case e.Number <= s.last:
		c.fault("N4", "stream %s: event %d came again", e.Stream, e.Number)
	case e.Number != s.last+1:
		c.fault("N4", "stream %s: event %d follows %d", e.Stream, e.Number, s.last)
	}
	s.last = max(s.last, e.Number)
}

// finish looks for what never came. A request whose connection was cut may stay without an
// outcome, unless the client could ask for the rest of its stream.
func (c *checker) finish() {
	for _, id := range c.order {
		r := c.requests[id]
		excused := c.cut[r.sent.Conn] && !r.resumed
		if r.outcomes == 0 && !excused {
			rule := "N1"
			if r.resumed {
				rule = "N4"
			}
			c.fault(rule, "request %s has no outcome", id)
		}
	}
}
