package history

import "slices"

// The codes of a gateway's own answers, which name the upstream (docs/gateway.md, "A call").
const (
	overloaded = -31000 // not sent
	late       = -31001
	away       = -31002

	invalidParams = -32602 // a question's call has ended meanwhile
	internalError = -32603 // of a question that nobody can answer any more
)

// passed takes what is only known of requests that went through a gateway.
func (c *checker) passed(e Event) {
	switch e.Kind {
	case GaveUp:
		if r := c.requests[e.ID]; r != nil {
			r.gaveUp = true
		}
	case Asked:
		c.asked(e)
	case Ran:
		c.runs[e.Value] = append(c.runs[e.Value], e)
	}
}

// asked checks that a question came to the client whose call has it, while it waits.
func (c *checker) asked(e Event) {
	r := c.asks[e.Value]
	switch {
	case r == nil || r.sent.Op != Ask:
		c.fault("N8", "was asked about %q, which it did not call", e.Value)
		return
	case e.ID != "" && e.ID != r.sent.ID:
		c.fault("N1", "the question of request %s came as the answer to %s", r.sent.ID, e.ID)
		return
	case e.On != "" && e.On != r.sent.ID:
		c.fault("N4", "the question of request %s, for %s, came on the stream of %s", r.sent.ID,
			r.sent.Upstream, e.On)
	case r.outcomes > 0 && !e.Final:
		c.fault("N5", "a question of request %s after its outcome", r.sent.ID)
	}
	if !e.Final {
		return
	}
	if r.outcomes++; r.outcomes > 1 {
		c.fault("N1", "request %s has %d outcomes", r.sent.ID, r.outcomes)
		return
	}
	r.outcome = &e
}

// failed checks that a failure is one that may be, and says whose it is.
func (c *checker) failed(r *request, e Event) {
	sent := r.sent
	switch {
	case e.Code == internalError && sent.Upstream != "" && sent.Op == Ask: // see unanswerable
	case sent.Calm && !r.gaveUp:
		c.fault("N8", "request %s, %s of %s, failed with %d %s",
			e.ID, sent.Op, sent.Upstream, e.Code, e.State)
	case sent.Upstream == "" || e.Code == 0 || r.gaveUp:
	case e.Upstream != sent.Upstream:
		c.fault("N1", "request %s failed with %d of upstream %q; it is for %q",
			e.ID, e.Code, e.Upstream, sent.Upstream)
	case e.Code != overloaded && e.Code != late && e.Code != away &&
		(e.Code != invalidParams || !sent.Resumes):
		c.fault("N2", "request %s failed with %d, which does not say why", e.ID, e.Code)
	}
}

// unanswerable: a question that nobody can answer fails its call, when half of a connection is cut,
// that of the client or that to the upstream.
func (c *checker) unanswerable(r *request) {
	if e := r.outcome; e != nil && e.Kind == Failed && e.Code == internalError && r.sent.Calm &&
		r.sent.Upstream != "" && !c.cut[r.sent.Conn] {
		c.fault("N8", "request %s failed with %d, and its client was there", r.sent.ID, e.Code)
	}
}

// executions compares what ran with what was asked for and what was answered.
func (c *checker) executions() {
	for _, id := range c.order {
		r := c.requests[id]
		runs := len(c.runs[r.sent.Value])
		switch {
		case r.sent.Upstream == "" || r.outcome == nil:
		case r.outcome.Kind == Answer && runs == 0:
			c.fault("N1", "request %s was answered, and never ran", id)
		case r.refused() && runs > 0 && r.sent.Op != Look: // which may have run and been lost
			c.fault("N2", "request %s was refused with %d %s, and ran", id, r.outcome.Code,
				r.outcome.State)
		}
	}
	for text, runs := range c.runs {
		r, most := c.asks[text], 1
		switch {
		case r == nil:
			c.fault("N1", "%s ran %s of %q, which it never asked for",
				runs[0].Upstream, runs[0].Op, text)
			continue
		case r.sent.Op == Look:
			most = 2
		}
		if len(runs) > most {
			c.fault("N3", "%s of %q ran %d times", r.sent.Op, text, len(runs))
		}
		if slices.ContainsFunc(runs, func(e Event) bool {
			return e.Op != r.sent.Op || e.Upstream != r.sent.Upstream
		}) {
			c.fault("N1", "%q is for %s of %s, and was run by %v",
				text, r.sent.Op, r.sent.Upstream, runs)
		}
	}
}

// refused: the gateway has said that it was not sent.
func (r *request) refused() bool {
	e := r.outcome
	return e.Kind == Failed && (e.Code == overloaded ||
		e.Code == away && (e.State == "open" || e.State == "half-open"))
}
