package server

import (
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// counters are what one loop counts. Only the loop and the calls that came in on it add to them,
// so that no counter is shared between cores; a scrape adds the loops up.
type counters struct {
	methods          [mcp.MethodCount]atomic.Uint64 // messages by method
	inline           atomic.Uint64                  // tools/call answered on the loop
	accepted         atomic.Uint64                  // tools/call handed over
	completed        atomic.Uint64                  // of these: answered
	cancelled        atomic.Uint64                  // of these: ended without an answer
	late             atomic.Uint64                  // answers after the end
	notifications    atomic.Uint64                  // sent
	strayReplies     atomic.Uint64                  // answers to requests that we never made
	streams          atomic.Uint64                  // opened
	events           atomic.Uint64                  // events with an id, sent or kept
	replayed         atomic.Uint64                  // of these: sent once more
	dropped          atomic.Uint64                  // of these: no longer kept, for want of room
	expired          atomic.Uint64                  // of these: no longer kept, as they were old
	thinned          atomic.Uint64                  // progress that later progress replaced
	inputAsked       atomic.Uint64                  // requests to clients, of both eras
	inputAnswered    atomic.Uint64                  // of these in the legacy era: answered
	webSockets       atomic.Uint64                  // opened
	wsFaults         atomic.Uint64                  // closed for what their peers sent
	wsSilent         atomic.Uint64                  // closed for a ping that was not answered
	inflated         compressed                     // messages of WebSockets that came in
	deflated         compressed                     // and went out
	tasksCreated     atomic.Uint64
	taskWritesFailed atomic.Uint64             // changes of tasks that the store did not take
	refusedArgs      atomic.Uint64             // calls whose arguments did not fit
	statesRefused    atomic.Uint64             // requestState that was not ours or out of time
	faults           [faultCount]atomic.Uint64 // error answers by kind
	durations        [mcp.MethodCount]histogram
}

// compressed counts messages that were sent compressed.
type compressed struct {
	messages, wire, plain atomic.Uint64 // wire and plain are bytes
}

func (c *compressed) add(wire, plain int) {
	c.messages.Add(1)
	c.wire.Add(uint64(wire))
	c.plain.Add(uint64(plain))
}

// faultCodes are the codes that error answers are counted by; the last counts all others.
var faultCodes = [...]int{
	codec.ErrParse.Code, codec.ErrInvalidRequest.Code, codec.ErrMethodNotFound.Code,
	codec.ErrInvalidParams.Code, codec.ErrInternal.Code, codec.ErrHeaderMismatch.Code,
	codec.ErrMissingCapability.Code, codec.ErrUnsupportedVersion.Code,
	codec.ErrSessionNotFound.Code, codec.ErrBadRequest.Code, codec.ErrOverloaded.Code,
	codec.ErrTimeout.Code, 0,
}

const faultCount = len(faultCodes)

// fault counts an error answer.
func (c *counters) fault(e *codec.Error) {
	for i, code := range faultCodes {
		if code == e.Code || i == faultCount-1 {
			c.faults[i].Add(1)
			return
		}
	}
}

// histogram counts durations. Several goroutines may observe at the same time.
type histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64
	nanos   atomic.Uint64
}

// bounds are the upper bounds of the buckets. The specification's buckets for MCP begin at
// 10 ms; the lower ones are for calls that never leave the loop.
var bounds = [...]time.Duration{
	time.Microsecond, 5 * time.Microsecond, 10 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
	5 * time.Second, 10 * time.Second, 30 * time.Second, 60 * time.Second,
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.nanos.Add(uint64(max(d, 0)))
}

func (ls *loopState) observe(m mcp.Method, d time.Duration) { ls.count.durations[m].observe(d) }

// sum adds a counter up over the loops.
func (s *Server) sum(of func(*counters) *atomic.Uint64) uint64 {
	var total uint64
	for _, ls := range s.states {
		total += of(&ls.count).Load()
	}
	return total
}

// inFlight is how many accepted calls have no answer yet: a snapshot.
func (s *Server) inFlight() int {
	ended := s.sum(func(c *counters) *atomic.Uint64 { return &c.completed }) +
		s.sum(func(c *counters) *atomic.Uint64 { return &c.cancelled })
	// What is accepted is counted at the end of its wake-up.
	return int(max(0, int64(s.sum(func(c *counters) *atomic.Uint64 { return &c.accepted })-ended)))
}

// errorsTotal counts all error answers.
func (s *Server) errorsTotal() uint64 {
	var total uint64
	for i := range faultCodes {
		total += s.sum(func(c *counters) *atomic.Uint64 { return &c.faults[i] })
	}
	return total
}

// messagesTotal counts the messages that came in and went out.
func (s *Server) messagesTotal() (in, out uint64) {
	for m := range mcp.MethodCount {
		n := s.sum(func(c *counters) *atomic.Uint64 { return &c.methods[m] })
		in += n
		if !m.Notification() {
			out += n
		}
	}
	in += s.sum(func(c *counters) *atomic.Uint64 { return &c.strayReplies })
	out += s.sum(func(c *counters) *atomic.Uint64 { return &c.notifications })
	return in, out
}
