package server

import (
	"runtime"
	"time"
)

// workerTurn is how long a worker runs calls, while more of them wait, before others get its core.
const workerTurn = 200 * time.Microsecond

// turns let loops in while workers compute. Go takes a core from a goroutine after 10 ms. With 64
// workers on a core that never stop by themselves, a loop that has something to read would wait for
// 640 ms: a queue that is full would be of no use, since nobody could be told so soon. So a worker
// steps back by itself, between two calls.
type turns []turn

// turn is what a worker did since it got its core; it belongs to that worker.
type turn struct {
	since time.Time
	calls int
	look  int // the clock is read at that call
	_     [24]byte
}

// shortCalls is how many calls may pass without a look at the clock when a turn has room for many
// more: reading it costs as much as a part of such a call.
const shortCalls = 8

// runTurn is what a worker does with a call.
func (s *Server) runTurn(worker int, c *Call) {
	s.runBlocking(worker, c)
	if s.workers.Len() == 0 {
		return // it is about to sleep
	}
	t := &s.turns[worker]
	if t.calls++; t.calls < t.look {
		return
	}
	spent := time.Since(t.since)
	switch {
	case spent >= workerTurn:
		runtime.Gosched()
		*t = turn{since: time.Now()}
	case spent < workerTurn/(2*shortCalls)*time.Duration(t.calls):
		t.look = t.calls + shortCalls
	}
}
