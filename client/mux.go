package client

import (
	"crypto/tls"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/pool"
)

// Mux carries many calls to one server and brings each answer to its own caller. It is the async
// core: no goroutine waits for an answer, and results pass through as raw bytes. Its exported
// methods are safe for concurrent use, also on a loop, unless they say otherwise.
type Mux struct {
	opt      *Options
	group    *loop.Group
	tls      *tls.Config // nil without TLS; set before the first connect
	wire     wire
	table    table
	facts    atomic.Pointer[facts]
	asks     asks
	ear      atomic.Pointer[ear] // nil unless a legacy session may be listened to
	encoders sync.Pool
	requests *pool.Bytes // what HTTP requests are written to
	jobs     sync.Pool   // that are used again
	count    counters
	notices  notices
	look     func(index uint32) // m.timeout, made once
	born     time.Time          // what clock counts from: as the loops do
}

// wire is one way to the server: line, webSocket, streamable or sse.
type wire interface {
	// prepare returns what table keeps beside a call; nil when the wire needs nothing.
	prepare() *job
	// send hands over the encoded call. An error means that nothing was sent and nobody else
	// was told. e is valid until it returns.
	send(c *Call, j *job, e *encoder, f *facts) error
	// drop stops waiting for a call that was taken out of the table.
	drop(c *Call, j *job)
	// close ends the connections; what is in flight was answered before. The channel is closed
	// when they are gone. It may be called again.
	close(err error) <-chan struct{}
}

// Stats are the counters of a Mux since it was made.
type Stats struct {
	Calls    uint64 // requests that were sent
	Answers  uint64 // of those, answered by the server
	Strays   uint64 // answers with an unknown or repeated id, dropped
	Noise    uint64 // frames that were no message, dropped
	TooLarge uint64 // messages above MessageBytesMax, dropped
	Requests uint64 // requests of the server, of any kind
	Asks     int    // of these, handed to OnRequest and unanswered now
	InFlight int    // calls that are unanswered now
}

type counters struct {
	calls, answers, requests atomic.Uint64
	Dropped
}

func newMux(opt *Options, group *loop.Group) *Mux {
	m := &Mux{opt: opt, group: group, born: time.Now(), requests: pool.NewBytes(0)}
	m.table.max, m.asks.max = opt.InFlightMax, opt.AsksMax
	m.encoders.New = func() any { return &encoder{} }
	m.facts.Store(&facts{})
	m.notices.init(opt, m.born)
	m.look = m.timeout
	if group != nil {
		m.born = m.born.Add(-time.Duration(group.Loops()[0].Clock()))
	}
	return m
}

// Stats returns the counters.
func (m *Mux) Stats() Stats {
	n := &m.count
	return Stats{
		Calls: n.calls.Load(), Answers: n.answers.Load(), Strays: n.Strays.Load(),
		Noise: n.Noise.Load(), TooLarge: n.TooLarge.Load(), Requests: n.requests.Load(),
		Asks: m.asks.len(), InFlight: m.table.len(),
	}
}

// InFlight is Stats().InFlight without a lock.
func (m *Mux) InFlight() int { return int(m.table.busy.Load()) }

// Version is the revision that was agreed, NoVersion before.
func (m *Mux) Version() mcp.Version { return m.facts.Load().version }

// own returns l when it is one of the group's loops, else nil.
func (m *Mux) own(l *loop.Loop) *loop.Loop {
	if l == nil || l.Index() >= len(m.group.Loops()) || m.group.Loops()[l.Index()] != l {
		return nil
	}
	return l
}

// Start sends c. After a nil error c.Done is called exactly once. ErrOverloaded, ErrClosed, or
// what is wrong with the params.
func (m *Mux) Start(c *Call) error { return m.start(c, m.facts.Load()) }

func (m *Mux) start(c *Call, f *facts) error {
	if c.Identity != nil && !m.apart(f) {
		return fmt.Errorf("cannot call %q: %w", c.Method, ErrIdentity)
	}
	e := m.encoders.Get().(*encoder)
	defer m.release(e)
	if c.verb != verbReply {
		if err := e.read(c); err != nil {
			return err
		}
	}
	j := m.wire.prepare()
	m.begin(c)
	id, err := m.table.put(c, j, m.look)
	if err != nil {
		return fmt.Errorf("cannot call %q: %w", c.Method, err)
	}
	method, counts := c.Method, c.verb == verbRequest
	e.encode(c, id, f)
	if err := m.wire.send(c, j, e, f); err != nil {
		if taken, _ := m.table.take(id); taken == nil {
			return nil // a timeout or a close has answered it
		}
		return fmt.Errorf("cannot call %q: %w", method, err)
	}
	if counts {
		m.count.calls.Add(1)
	}
	return nil
}

// apart tells whether requests stand for themselves, so that each may have its own identity.
func (m *Mux) apart(f *facts) bool {
	_, overHTTP := m.wire.(*streamable)
	return overHTTP && f.version.Modern()
}

func (m *Mux) release(e *encoder) {
	if cap(e.probe)+cap(e.body) <= encoderBytesMax {
		m.encoders.Put(e)
	}
}

// Cancel gives c up: the server is told in the manner of era and transport, and c.Done gets why.
// False when c was answered already. c must have been started.
func (m *Mux) Cancel(c *Call, why error) bool { return m.cancel(c.id, why, true) }

func (m *Mux) cancel(id uint64, why error, tell bool) bool {
	c, j := m.table.abandon(id, m.clock())
	if c == nil {
		return false
	}
	m.wire.drop(c, j)
	if tell && c.verb == verbRequest {
		m.tellCancelled(c, id)
	}
	m.done(c, Answer{Err: why})
	return true
}

// done answers c, which was taken out of the table. What the server asked on its behalf ends, too.
func (m *Mux) done(c *Call, a Answer) {
	if m.asks.some() {
		m.asks.endOf(c)
	}
	c.Done(c, a)
}

// tellCancelled sends notifications/cancelled, except where closing the stream says it (modern
// HTTP) and for what cannot be cancelled.
func (m *Mux) tellCancelled(c *Call, id uint64) {
	_, overHTTP := m.wire.(*streamable)
	if c.Method == "initialize" || overHTTP && m.Version().Modern() {
		return
	}
	params := strconv.AppendUint([]byte(`{"requestId":`), id, 10)
	_ = m.Notify("notifications/cancelled", append(params, '}')) // it is only a courtesy
}

// Notify sends a notification; nobody learns whether the server took it. params is a raw JSON
// object or nil, read until Notify returns.
func (m *Mux) Notify(method string, params []byte) error {
	return m.Start(&Call{
		Method: method, Params: params, verb: verbNotify, Timeout: m.opt.DialTimeout, Done: ignore,
	})
}

// reply sends an answer to the server. One that is not taken has a timeout of its own.
func (m *Mux) reply(message []byte) error {
	return m.Start(&Call{
		Method: "an answer", Params: message, verb: verbReply, Timeout: m.opt.DialTimeout,
		Done: ignore,
	})
}

func ignore(*Call, Answer) {}

// fail answers everything in flight with err and lets nothing more in.
func (m *Mux) fail(err error) {
	for _, c := range m.table.close(err) {
		c.Done(c, Answer{Err: err})
	}
	m.asks.close(err)
}

// isClosed tells that no call can be sent any more.
func (m *Mux) isClosed() bool {
	m.table.mu.Lock()
	defer m.table.mu.Unlock()
	return m.table.closed != nil
}

// Close cancels everything in flight with ErrClosed and ends the connections. The channel is
// closed when they are gone; Close itself does not wait.
func (m *Mux) Close() <-chan struct{} {
	for _, id := range m.table.ids() {
		m.cancel(id, ErrClosed, true)
	}
	m.fail(ErrClosed)
	return m.wire.close(nil)
}
