package client

import (
	"time"

	"github.com/mcploop/mcploop/loop"
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
