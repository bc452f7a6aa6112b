package server

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Hot path: no log, no time.Now; allocates only beyond indexFrom calls.

// inflight finds calls by their id while they wait for an answer. The zero value is ready.
type inflight struct {
	mu    sync.Mutex // guards open, index and the links of the calls in them
	open  *Call      // all of them, by Call.next; an idle connection owns nothing else
	index *callIndex // nil while they are few
	heavy atomic.Int64
}

// callIndex is a hash table of calls, chained by Call.chain.
type callIndex struct {
	buckets []*Call // a power of two
	count   int
}

// indexFrom is how many calls are looked through one by one.
const indexFrom = 16

var idSeed = maphash.MakeSeed()

func hashOf(id []byte) uint64 { return maphash.Bytes(idSeed, id) }

// add registers a call; false when its id is in flight already.
func (f *inflight) add(c *Call) bool {
	c.hash = hashOf(c.id)
	f.mu.Lock()
	defer f.mu.Unlock()
	twin, looked := f.find(c.hash, c.id)
	if twin != nil {
		return false
	}
	if c.next = f.open; c.next != nil {
		c.next.prev = c
	}
	f.open, c.listed = c, true
	switch {
	case f.index != nil:
		f.index.add(c)
	case looked >= indexFrom:
		f.index = newCallIndex(f.open)
	}
	return true
}

// find returns the call with that id, or nil, and how many it looked at. mu must be held.
func (f *inflight) find(hash uint64, id []byte) (c *Call, looked int) {
	if f.index != nil {
		return f.index.find(hash, id), 0
	}
	for c := f.open; c != nil; c = c.next {
		if c.is(hash, id) {
			return c, looked
		}
		looked++
	}
	return nil, looked
}

func (c *Call) is(hash uint64, id []byte) bool { return c.hash == hash && bytes.Equal(c.id, id) }

func (f *inflight) remove(c *Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !c.listed {
		return
	}
	c.listed = false
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		f.open = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
	switch {
	case f.open == nil:
		f.index = nil
	case f.index != nil:
		f.index.remove(c)
	}
}

// cancel stops the call with that raw id; unknown and late ids are ignored.
func (f *inflight) cancel(id []byte) {
	f.mu.Lock()
	c, _ := f.find(hashOf(id), id)
	if c != nil {
		c.refs.Add(1) // what is listed has not been let go of
	}
	f.mu.Unlock()
	if c != nil {
		c.stop(ErrCancelled)
		c.release()
	}
}

func (f *inflight) len() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := f.open; c != nil; c = c.next {
		n++
	}
	return n
}

// cancelAll stops every call.
func (f *inflight) cancelAll(cause error) {
	f.mu.Lock()
	var calls []*Call
	for c := f.open; c != nil; c = c.next {
		c.refs.Add(1)
		calls = append(calls, c)
	}
	f.mu.Unlock()
	for _, c := range calls {
		c.stop(cause)
		c.release()
	}
}

// newCallIndex makes an index of the calls from first on.
func newCallIndex(first *Call) *callIndex {
	x := &callIndex{buckets: make([]*Call, 4*indexFrom)}
	for c := first; c != nil; c = c.next {
		x.add(c)
	}
	return x
}

func (x *callIndex) bucket(hash uint64) **Call { return &x.buckets[hash&uint64(len(x.buckets)-1)] }

func (x *callIndex) add(c *Call) {
	if x.count++; x.count > 2*len(x.buckets) {
		x.grow()
	}
	b := x.bucket(c.hash)
	c.chain, *b = *b, c
}

func (x *callIndex) grow() {
	old := x.buckets
	x.buckets = make([]*Call, 4*len(old))
	for _, c := range old {
		for c != nil {
			next, b := c.chain, x.bucket(c.hash)
			c.chain, *b = *b, c
			c = next
		}
	}
}

func (x *callIndex) find(hash uint64, id []byte) *Call {
	for c := *x.bucket(hash); c != nil; c = c.chain {
		if c.is(hash, id) {
			return c
		}
	}
	return nil
}

func (x *callIndex) remove(c *Call) {
	x.count--
	for b := x.bucket(c.hash); ; b = &(*b).chain {
		if *b == c {
			*b, c.chain = c.chain, nil
			return
		}
	}
}
