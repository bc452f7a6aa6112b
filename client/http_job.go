package client

import (
	"time"

	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/pool"
)

// job is a call's way over HTTP.
type job struct {
	id         uint64
	verb       verb
	near       *loop.Loop // nil: any
	repeatable bool       // running it twice does no harm
	posts      *httpPool  // of HTTP+SSE: the answer comes elsewhere, this is only its POST
	signs      *Call      // wants to know of bytes of its answer; nil: it does not
	rest       resumption
	authorized bool       // Options.Tokens have a say in it
	token      *tokenLine // what it is sent with; nil: they have none
	tokenAt    int        // where that is in request
	refusals   int        // times that it was refused for that

	// Guarded by httpPool.mu.
	request    []byte
	lent       *pool.Buffer // holds request; nil when nobody lent it
	conn       *httpConn    // nil while it waits
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

// sent gives the bytes back of a request that is on its way and will not be sent again. One that
// may be refused for its token keeps them until it is answered.
func (p *httpPool) sent(j *job) {
	if !j.authorized {
		p.giveBack(j)
	}
}

// accepted gives the bytes back of a request that was not refused for its token.
func (p *httpPool) accepted(j *job) {
	if j.authorized {
		p.giveBack(j)
	}
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
