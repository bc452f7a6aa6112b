package client

import (
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/pool"
)

// job is a call's way over HTTP. One whose exchange went as it should is used again, see letGo.
type job struct {
	id         uint64
	verb       verb
	near       *loop.Loop // nil: any
	repeatable bool       // running it twice does no harm
	posts      *httpPool  // of HTTP+SSE: the answer comes elsewhere, this is only its POST
	signs      *Call      // wants to know of bytes of its answer; nil: it does not
	rest       resumption
	authorized bool         // Options.Tokens have a say in it
	token      *tokenLine   // what it is sent with; nil: they have none
	tokenAt    int          // where that is in request
	refusals   int          // times that it was refused for that
	own        []byte       // holds the request if that is short
	large      bool         // else lent does
	hands      atomic.Int32 // that hold it: the exchange, and whoever sends its request

	// Guarded by httpPool.mu.
	request    []byte
	lent       *pool.Buffer // holds the first request; nil when nobody lent it
	conn       *httpConn    // nil while it waits
	dropped    bool
	queued     bool
	repeated   bool
	expiry     *time.Timer // of a request of HTTP+SSE; nil elsewhere
	tries      int         // addresses that refused
	next, prev *job
}

// take returns the request of a job to send, nil without one. httpPool.mu is held.
func (j *job) take() []byte {
	if j == nil {
		return nil
	}
	j.hands.Add(1)
	return j.request
}

// write makes the request of c.
func (p *httpPool) write(j *job, c *Call, e *encoder, f *facts) {
	j.token, j.tokenAt = p.m.opt.Tokens.now(c.Identity), len(p.heads.beginning(c.verb))
	j.authorized = j.token != nil
	j.large = len(e.body) > ownBytesMax
	if !j.large {
		j.own = p.heads.request(j.own[:0], j.token.text(), c, e, f)
		j.request = j.own
		return
	}
	j.lent = p.m.requests.Get()
	j.lent.B = p.heads.request(j.lent.B[:0], j.token.text(), c, e, f)
	j.request = j.lent.B
}

// ownBytesMax: what a longer message was written to is given back once it is sent.
const ownBytesMax = 2 << 10

// send brings a request of j on its way. A long one does not wait for the loop: what sent gives
// back could not be sent once more.
func (h *httpConn) send(j *job, request []byte) error {
	most := h.p.m.opt.outboxMax()
	if j.large {
		return h.conn.SendWithin(request, most)
	}
	return h.conn.SendSoon(request, most, false)
}

// sent is called when the request is on its way. It gives the bytes back of one that will not be
// sent again. One that may be refused for its token keeps them until it is answered.
func (p *httpPool) sent(j *job) {
	if j.large && !j.authorized {
		p.giveBack(j)
	}
	p.m.letGo(j)
}

// accepted gives the bytes back of a request that was not refused for its token. Called by its
// exchange. A server may answer before it has read all: who still sends it gives them back then.
func (p *httpPool) accepted(j *job) {
	if j.large && j.authorized && j.hands.Load() == 1 {
		p.giveBack(j)
	}
}

// newJob returns one that its exchange holds.
func (m *Mux) newJob() *job {
	j, ok := m.jobs.Get().(*job)
	if !ok {
		j = &job{}
	}
	j.hands.Store(1)
	return j
}

// letGo is called by who has sent the request of j, and by the exchange that has brought its answer
// to its end. All other ends leave j to the garbage collector.
func (m *Mux) letGo(j *job) {
	if j.hands.Add(-1) > 0 {
		return
	}
	if j.lent != nil {
		m.requests.Put(j.lent)
	}
	own := j.own
	if cap(own) > 2*ownBytesMax {
		own = nil
	}
	*j = job{own: own}
	m.jobs.Put(j)
}

// giveBack gives the bytes back of a request that will not be sent again.
func (p *httpPool) giveBack(j *job) {
	p.mu.Lock()
	lent := j.lent
	if j.repeatable { // or it is resumed already, with another request
		lent = nil
	}
	if lent != nil {
		j.lent, j.request = nil, nil
	}
	p.mu.Unlock()
	if lent != nil {
		p.m.requests.Put(lent)
	}
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
