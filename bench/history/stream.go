package history

import "slices"

type stream struct {
	last int
	id   string // of the request that the stream belongs to, or Push
}

// ear is how the client is told of changes of its list.
type ear struct {
	began bool
	deaf  bool   // the stream broke and was not resumed yet
	id    string // of the subscription; "" in the legacy era
	conn  int
	owed  []Event        // Appends that were sent since it was told last
	heard map[string]int // by upstreams, mostly "": how often it was told
	made  map[string]int // and how many changes it made
}

// begin: changes are told from now on, under another subscription.
func (a *ear) begin(e Event) {
	a.began, a.deaf, a.id, a.conn, a.owed = true, false, e.ID, e.Conn, nil
}

// owes: an Append is sent, of which it must be told.
func (a *ear) owes(e Event) {
	a.made[e.Upstream]++
	if e.Upstream == "" || e.Calm {
		a.owed = append(a.owed, e)
	}
}

// place checks that what belongs to a request came on the request's own stream.
func (c *checker) place(e Event, what string) {
	if e.On != "" && e.On != e.ID {
		c.fault("N4", "%s %s came on the stream of %s", what, e.ID, e.On)
	}
}

// note checks that progress grows by one, and ends with the call.
func (c *checker) note(e Event) {
	r := c.requests[e.ID]
	if r == nil {
		c.fault("N1", "progress of %s, which it never sent", e.ID)
		return
	}
	c.place(e, "progress of")
	switch {
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

// logged checks that log messages come in order, each right behind the progress that it goes
// with, and only when they were asked for.
func (c *checker) logged(e Event) {
	r := c.requests[e.ID]
	if r == nil || e.Key != c.client {
		c.fault("N1", "a log message of %s of %q, which it never sent", e.ID, e.Key)
		return
	}
	c.place(e, "a log message of")
	switch {
	case r.sent.Logs == 0:
		c.fault("N1", "request %s asked for no log messages, and got %d", e.ID, e.Progress)
	case r.outcomes > 0:
		c.fault("N5", "log message %d of %s after its outcome", e.Progress, e.ID)
	case e.Progress != r.logs+1:
		c.fault("N5", "log message %d of %s follows %d", e.Progress, e.ID, r.logs)
	case e.Progress != r.progress:
		c.fault("N5", "log message %d of %s follows progress %d", e.Progress, e.ID, r.progress)
	}
	r.logs = e.Progress
}

// told checks a notice that a list has changed. Several changes may be told as one, so that there
// are at most as many notices as changes; but a gateway tells when something may have changed.
func (c *checker) told(e Event) {
	switch {
	case e.Value != c.client:
		c.fault("N8", "was told of the list of %q", e.Value)
	case !c.ear.began || e.ID != c.ear.id:
		c.fault("N1", "was told of a change under %q, which it did not subscribe to", e.ID)
	case e.On != "" && e.On != Push:
		c.fault("N4", "was told of a change on the stream of %s", e.On)
	}
	up := e.Upstream
	c.ear.owed = slices.DeleteFunc(c.ear.owed, func(o Event) bool { return o.Upstream == up })
	c.ear.heard[up]++
	if heard, made := c.ear.heard[up], c.ear.made[up]; heard > made && up == "" {
		c.fault("N4", "was told of %d changes, and made %d", heard, made)
	}
}

// unheard looks for changes that were never told.
func (c *checker) unheard() {
	if !c.ear.began || c.ear.deaf {
		return
	}
	for _, e := range c.ear.owed {
		if r := c.requests[e.ID]; r.outcomes > 0 && !r.failed {
			c.fault("N4", "was never told of the change by request %s", e.ID)
		}
	}
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
