package client

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
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
	conns   map[*httpConn]struct{}
	idle    []*httpConn // the last one was used last
	queue   jobs
	closed  bool
	sweeper *time.Timer // nil while nothing is idle
	gone    chan struct{}
}

// job is a call's way over HTTP.
type job struct {
	id         uint64
	verb       verb
	repeatable bool      // running it twice does no harm
	posts      *httpPool // of HTTP+SSE: the answer comes elsewhere, this is only its POST
	signs      *Call     // wants to know of bytes of its answer; nil: it does not
	rest       resumption

	// Guarded by httpPool.mu.
	request    []byte
	conn       *httpConn // nil while it waits
	dropped    bool
	queued     bool
	repeated   bool
	expiry     *time.Timer // of a request of HTTP+SSE; nil elsewhere
	tries      int         // addresses that refused
	next, prev *job
}

// bytes are the request of a job, nil without one. httpPool.mu is held.
func (j *job) bytes() []byte {
	if j == nil {
		return nil
	}
	return j.request
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
	}
}

func (p *httpPool) send(c *Call, j *job, e *encoder, f *facts) error {
	j.id, j.verb = c.id, c.verb
	if c.watched() {
		j.signs = c
	}
	j.repeatable = repeatable(c.Method)
	j.request = p.heads.request(c, e, f)
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
	case len(p.idle) > 0:
		last := len(p.idle) - 1
		h := p.idle[last]
		p.idle = p.idle[:last]
		h.carryOn(j)
		request := j.request
		p.mu.Unlock()
		h.dispatch(j, request)
		return nil
	case len(p.conns) >= p.max:
		p.queue.push(j)
		p.mu.Unlock()
		return nil
	}
	h := p.open(j)
	addr := p.addrs[p.at]
	p.mu.Unlock()
	return p.dial(h, addr)
}

// open makes a connection for j. mu is held.
func (p *httpPool) open(j *job) *httpConn {
	h := newHTTPConn(p)
	h.job, j.conn = j, h
	p.conns[h] = struct{}{}
	return h
}

// dial begins to connect h. After an error h is gone and nobody has its job.
func (p *httpPool) dial(h *httpConn, addr string) error {
	conn, err := p.m.group.Dial("tcp", addr, p.m.opt.DialTimeout, h, nil)
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
	if i := slices.Index(p.idle, h); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
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
	if h.doomed || p.closed {
		h.doomed = true
		return nil
	}
	if j := p.queue.pop(); j != nil {
		h.carryOn(j)
		return j
	}
	h.swept = false
	p.idle = append(p.idle, h)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.m.opt.IdleTimeout/2, p.sweep)
	}
	return nil
}

// sweep ends the connections that no call used since the sweep before.
func (p *httpPool) sweep() {
	p.mu.Lock()
	var old []*httpConn
	p.idle = slices.DeleteFunc(p.idle, func(h *httpConn) bool {
		if h.swept {
			h.doomed = true
			old = append(old, h)
			return true
		}
		h.swept = true
		return false
	})
	p.sweeper = nil
	if len(p.idle) > 0 && !p.closed {
		p.sweeper = time.AfterFunc(p.m.opt.IdleTimeout/2, p.sweep)
	}
	p.mu.Unlock()
	for _, h := range old {
		h.conn.Close(nil)
	}
}

// lost is told that h ended, with the error of its end, and by whom its job was.
func (p *httpPool) lost(h *httpConn, err error) {
	p.mu.Lock()
	j, opened := h.job, h.opened
	h.job = nil
	p.remove(h)
	if j != nil && !opened {
		p.at = (p.at + 1) % len(p.addrs)
		j.tries++
	}
	again := j != nil && !p.closed && p.again(h, j)
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

// again tells whether j may be sent once more: it never was, or the server ended a kept-alive
// connection as the request came and running it twice does no harm. mu is held.
func (p *httpPool) again(h *httpConn, j *job) bool {
	switch {
	case j.dropped:
		return false
	case !h.opened:
		return j.tries < len(p.addrs)
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

// jobs is a queue from whose middle a cancelled job can go.
type jobs struct{ head, tail *job }

func (q *jobs) push(j *job) {
	j.queued, j.prev, j.next = true, q.tail, nil
	if q.tail == nil {
		q.head = j
	} else {
		q.tail.next = j
	}
	q.tail = j
}

func (q *jobs) pop() *job {
	j := q.head
	if j != nil {
		q.remove(j)
	}
	return j
}

func (q *jobs) remove(j *job) {
	if j.prev == nil {
		q.head = j.next
	} else {
		j.prev.next = j.next
	}
	if j.next == nil {
		q.tail = j.prev
	} else {
		j.next.prev = j.prev
	}
	j.queued, j.next, j.prev = false, nil, nil
}
