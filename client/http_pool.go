package client

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// httpPool is a bounded set of kept-alive connections, one exchange each at a time; calls beyond
// wait in order.
type httpPool struct {
	m       *Mux
	max     int      // connections
	addrs   []string // numeric; tried in turn
	server  string   // host:port for errors
	heads   heads
	limits  codec.HTTPLimits // of a JSON answer
	streams codec.HTTPLimits // of an event stream: its events are bounded, not their sum

	mu      sync.Mutex // guards the rest, and what httpConn and job say it does
	at      int        // the address that is tried first
	turn    uint       // picks the loop of a connection that nobody has a wish for
	conns   map[*httpConn]struct{}
	idle    [][]*httpConn // by loop; the last one was used last
	idles   int           // of all loops
	done    []*httpConn   // whose call was answered, and whose stream goes on
	queue   jobs
	closed  bool
	sweeper *time.Timer // nil while nothing is idle
	gone    chan struct{}
}

func newHTTPPool(m *Mux, u *url.URL, addrs []string, most int) *httpPool {
	limits := codec.DefaultHTTPLimits()
	limits.BodyBytes = int64(m.opt.MessageBytesMax)
	streams := limits
	streams.BodyBytes = 1 << 62
	return &httpPool{
		m: m, max: most, addrs: addrs, server: u.Host, heads: newHeads(u, m.opt.Headers),
		limits: limits, streams: streams,
		conns: map[*httpConn]struct{}{}, gone: make(chan struct{}),
		idle: make([][]*httpConn, len(m.group.Loops())),
	}
}

func (p *httpPool) send(c *Call, j *job, e *encoder, f *facts) error {
	j.id, j.verb, j.near = c.id, c.verb, p.m.own(c.Near)
	if c.watched() {
		j.signs = c
	}
	j.repeatable = repeatable(c.Method)
	p.write(j, c, e, f)
	if (c.verb == verbRequest || c.verb == verbListen) && !f.version.Modern() {
		j.rest.lines = f.lines
	}
	return p.submit(j)
}

// repeatable says of which methods running twice does no harm.
func repeatable(method string) bool {
	return method == "server/discover" || method == "ping" || method == "initialize" ||
		strings.HasSuffix(method, "/list")
}

// submit gives j a connection, or a place in the queue. An error means that nobody has j.
func (p *httpPool) submit(j *job) error {
	p.mu.Lock()
	switch {
	case p.closed:
		p.mu.Unlock()
		return ErrClosed
	case j.dropped:
		p.mu.Unlock()
		return nil
	}
	if h := p.takeIdle(j); h != nil {
		h.carryOn(j)
		request := j.take()
		p.mu.Unlock()
		h.dispatch(j, request)
		return nil
	}
	var spent *loop.Conn
	if len(p.conns) >= p.max {
		if spent = p.retireDone(); spent == nil {
			p.queue.push(j)
			p.mu.Unlock()
			return nil
		}
	}
	h := p.open(j)
	addr := p.addrs[p.at]
	p.mu.Unlock()
	if spent != nil {
		spent.Close(nil)
	}
	return p.dial(h, addr)
}

// open makes a connection for j. mu is held.
func (p *httpPool) open(j *job) *httpConn {
	h := newHTTPConn(p)
	h.job, j.conn, h.home = j, h, j.near
	if h.home == nil {
		loops := p.m.group.Loops()
		p.turn++
		h.home = loops[p.turn%uint(len(loops))]
	}
	p.conns[h] = struct{}{}
	return h
}

// dial begins to connect h. After an error h is gone and nobody has its job.
func (p *httpPool) dial(h *httpConn, addr string) error {
	conn, err := p.m.connect(h.home, "tcp", addr, h)
	p.mu.Lock()
	if err != nil {
		h.job = nil
		p.remove(h)
		p.mu.Unlock()
		return err
	}
	if h.conn == nil { // else Open was first, and others read it without the lock since
		h.conn = conn
	}
	doomed := p.closed
	p.mu.Unlock()
	if doomed {
		conn.Close(nil)
	}
	return nil
}

// remove forgets h. mu is held.
func (p *httpPool) remove(h *httpConn) {
	delete(p.conns, h)
	p.undone(h)
	at := h.home.Index()
	if i := slices.Index(p.idle[at], h); i >= 0 {
		p.idle[at] = slices.Delete(p.idle[at], i, i+1)
		p.idles--
	}
	if p.closed && len(p.conns) == 0 {
		p.end()
	}
}

// end closes gone. mu is held.
func (p *httpPool) end() {
	select {
	case <-p.gone:
	default:
		close(p.gone)
	}
}

// drop gives j up. Its connection cannot be used again: the answer may come at any time, and in
// the modern era the end of the connection is what cancels the call.
func (p *httpPool) drop(_ *Call, j *job) {
	p.mu.Lock()
	j.dropped = true
	if j.queued {
		p.queue.remove(j)
	}
	h := j.conn
	if h == nil || h.job != j || !h.opened {
		if h != nil && h.job == j {
			h.job = nil // the connect goes on, for whoever comes next
		}
		p.mu.Unlock()
		return
	}
	h.job, h.doomed = nil, true
	conn := h.conn
	p.mu.Unlock()
	conn.Close(nil)
}

// park makes h wait for work, or gives it some. It reports the job to send, if any; h.doomed
// when h shall end. mu is held.
func (p *httpPool) park(h *httpConn) *job {
	h.job = nil
	p.undone(h)
	if h.doomed || p.closed {
		h.doomed = true
		return nil
	}
	if j := p.queue.pop(); j != nil {
		h.carryOn(j)
		return j
	}
	h.swept = false
	at := h.home.Index()
	p.idle[at] = append(p.idle[at], h)
	p.idles++
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.m.opt.IdleTimeout/2, p.sweep)
	}
	return nil
}

// lost is told that h ended, with the error of its end; unsent: before its request was sent.
func (p *httpPool) lost(h *httpConn, err error, unsent bool) {
	p.mu.Lock()
	j, opened := h.job, h.opened
	h.job = nil
	p.remove(h)
	if j != nil && !opened {
		p.at = (p.at + 1) % len(p.addrs)
		j.tries++
	}
	again := j != nil && !p.closed && p.again(h, j, unsent)
	dead := !opened && !again && len(p.conns) == 0
	var stranded []*job
	for dead && p.queue.head != nil {
		stranded = append(stranded, p.queue.pop())
	}
	next := p.refill()
	p.mu.Unlock()
	why := p.explain(opened, err)
	if again {
		if err := p.submit(j); err != nil {
			p.answer(j, err)
		}
	} else if j != nil && (!opened || !p.resume(j)) {
		p.answer(j, why)
	}
	for _, j := range stranded {
		p.answer(j, why)
	}
	if next != nil {
		p.dialNext(next)
	}
}

// elsewhere tells whether j, of which nothing was sent on h, goes to another connection: whenever h
// had done well before, for then there is one fewer of those, else once. mu is held.
func (h *httpConn) elsewhere(j *job) bool {
	first := !j.repeated
	j.repeated = j.repeated || !h.reused
	return h.reused || first
}

// again tells whether j may be sent once more: it never was, or the server ended a kept-alive
// connection as the request came and running it twice does no harm. mu is held.
func (p *httpPool) again(h *httpConn, j *job, unsent bool) bool {
	switch {
	case j.dropped:
		return false
	case !h.opened:
		return j.tries < len(p.addrs)
	case unsent && !h.began && !j.large:
		return h.elsewhere(j)
	case j.repeated:
		return false
	}
	j.repeated = true
	return h.reused && !h.began && j.repeatable
}

// refill takes the connection's place for the next job in the queue. mu is held.
func (p *httpPool) refill() *httpConn {
	if p.closed || p.queue.head == nil || len(p.conns) >= p.max {
		return nil
	}
	return p.open(p.queue.pop())
}

func (p *httpPool) dialNext(h *httpConn) {
	p.mu.Lock()
	j, addr := h.job, p.addrs[p.at]
	p.mu.Unlock()
	if err := p.dial(h, addr); err != nil && j != nil {
		p.answer(j, err)
	}
}

func (p *httpPool) explain(opened bool, err error) error {
	err = p.m.explain(err)
	switch {
	case !opened && err != nil:
		return fmt.Errorf("%w: %s: %w", ErrUnreachable, p.server, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return ErrGone
}

// answer ends j's call with err, unless it was answered.
func (p *httpPool) answer(j *job, err error) {
	j.taken()
	if c, _ := p.m.table.take(j.id); c != nil {
		p.m.done(c, Answer{Err: err})
	}
}

func (p *httpPool) close(err error) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
	p.queue = jobs{}
	if len(p.conns) == 0 {
		p.end()
	}
	for h := range p.conns {
		h.doomed = true
		if h.conn != nil {
			h.conn.Close(err) // only marks and nudges
		}
	}
	return p.gone
}
