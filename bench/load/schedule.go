// Hot path: no allocation, no lock, no log.

package load

import (
	"math"
	"time"
)

// schedule says when calls are due in an open loop, and when connections are opened that come one
// by one. Both are fixed before the run: what the server does moves nothing.
//
// Call number k of the run is due at begin + k/burst*burst*every and belongs to connection k
// modulo connections, so that nothing has to be remembered of calls that wait: a connection
// knows the number of its next one.
type schedule struct {
	begin int64   // when the first call is due, nanoseconds since the start of the engine
	every float64 // nanoseconds from call to call; 0: closed loop
	burst int64
	next  int64 // number of the first call that is not due yet
	stop  int64 // calls from then on do not come

	rampBegin int64
	rampEvery float64 // nanoseconds from connection to connection; 0: all are there
	rampConns int     // connections in the end
	rampLeft  int     // connections that still have to be opened
}

// never is a moment that does not come.
const never = math.MaxInt64

func (p *schedule) open() bool    { return p.every > 0 }
func (p *schedule) growing() bool { return p.rampLeft > 0 }

// due returns when call number k is due.
func (p *schedule) due(k int64) int64 {
	return p.begin + int64(float64(k/p.burst*p.burst)*p.every)
}

// nextEvent returns when something has to be done next.
func (e *engine) nextEvent() int64 {
	at := int64(never)
	if p := &e.plan; p.open() {
		// Nobody is woken for calls that will not come.
		if due := p.due(p.next); due < p.stop {
			at = due
		}
	}
	if e.plan.growing() {
		at = min(at, e.plan.rampDue())
	}
	if e.line.next > 0 {
		at = min(at, e.line.next)
	}
	return at
}

// planCalls begins an open loop that has calls for span.
func (e *engine) planCalls(span time.Duration) {
	if e.opt.Rate <= 0 {
		return
	}
	e.plan.begin = int64(time.Since(e.start))
	e.plan.every = float64(time.Second) / e.opt.Rate
	e.plan.burst = int64(max(1, e.opt.Burst))
	e.plan.stop = e.plan.begin + int64(span)
	for i := range e.conns {
		e.conns[i].ticket = e.plan.ticket(i, e.opt.Conns)
	}
}

// ticket returns the number of the next call that connection at sends.
func (p *schedule) ticket(at, many int) int64 {
	k := p.next - p.next%int64(many) + int64(at)
	if k < p.next {
		k += int64(many)
	}
	return k
}

// planConns begins to open what connections are missing, evenly over span.
func (e *engine) planConns(span time.Duration) {
	e.plan.rampConns = e.opt.Conns
	e.plan.rampLeft = e.opt.Conns - len(e.conns)
	e.plan.rampBegin = int64(time.Since(e.start))
	e.plan.rampEvery = float64(span) / float64(max(1, e.plan.rampLeft))
}

// advance does what the schedule has for this moment.
func (e *engine) advance() {
	if e.line.due(e.now) {
		e.sample()
	}
	for e.plan.growing() && e.now >= e.plan.rampDue() {
		e.plan.rampLeft--
		if err := e.add(); err != nil {
			// How many there is room for is what a ramp shows.
			e.drop(&e.conns[len(e.conns)-1], err)
		}
	}
	if !e.plan.open() || !e.calling {
		return
	}
	for many := int64(e.opt.Conns); ; e.plan.next++ {
		due := e.plan.due(e.plan.next)
		if due > e.now || due >= e.plan.stop {
			return
		}
		at := e.plan.next % many
		if at >= int64(len(e.conns)) {
			continue // its connection is still to come
		}
		c := &e.conns[at]
		c.behind++
		if c.phase == phaseCalling && c.behind == 1 {
			e.out = e.out[:0]
			e.catchUp(c)
			e.flush(c)
		}
	}
}

// rampDue returns when the next connection is due.
func (p *schedule) rampDue() int64 {
	opened := p.rampConns - p.rampLeft
	return p.rampBegin + int64(float64(opened)*p.rampEvery)
}

// catchUp appends the calls of c that are due, as many as it has slots, to e.out.
func (e *engine) catchUp(c *conn) {
	for c.behind > 0 && c.pending < len(c.slots) && !e.closing {
		e.call(c, e.plan.due(c.ticket))
		c.ticket += int64(e.opt.Conns)
		c.behind--
	}
}

// unsent returns how many calls were due and were not sent, and records for each that its answer
// took at least until now.
func (e *engine) unsent() (n uint64) {
	for i := range e.conns {
		c := &e.conns[i]
		for ; c.behind > 0; c.behind-- {
			e.hists.call.Record(e.now - e.plan.due(c.ticket))
			c.ticket += int64(e.opt.Conns)
			n++
		}
	}
	return n
}
