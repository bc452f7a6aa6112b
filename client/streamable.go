package client

import (
	"net/url"
	"sync"
)

// streamable is the wire of Streamable HTTP: a pool of connections for calls, and one for what must
// not wait behind calls that wait themselves: answers to the server, cancellations, lists, signs of
// life, and the stream that belongs to no call.
type streamable struct {
	calls *httpPool
	aside *httpPool

	closing sync.Once
	closed  chan struct{}
}

// asideMax is how many connections aside has: one is the stream, each other one carries a short
// message at a time.
const asideMax = 9

func newStreamable(m *Mux, u *url.URL, addrs []string) *streamable {
	return &streamable{
		calls:  newHTTPPool(m, u, addrs, m.opt.HTTPConnsMax),
		aside:  newHTTPPool(m, u, addrs, asideMax),
		closed: make(chan struct{}),
	}
}

func (s *streamable) prepare() *job { return s.calls.m.newJob() }

// pool is the one that carries c.
func (s *streamable) pool(c *Call) *httpPool {
	short := c.Aside || repeatable(c.Method) && c.Method != "initialize"
	if (c.verb == verbRequest || c.verb == verbDelete) && !short {
		return s.calls
	}
	return s.aside
}

func (s *streamable) send(c *Call, j *job, e *encoder, f *facts) error {
	return s.pool(c).send(c, j, e, f)
}

func (s *streamable) drop(c *Call, j *job) { s.pool(c).drop(c, j) }

func (s *streamable) close(err error) <-chan struct{} {
	s.closing.Do(func() {
		calls, aside := s.calls.close(err), s.aside.close(err)
		go func() {
			<-calls
			<-aside
			close(s.closed)
		}()
	})
	return s.closed
}
