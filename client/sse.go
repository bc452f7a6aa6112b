package client

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// sse is the wire of HTTP+SSE (2024-11-05, basic/transports): one event stream on which every
// message of the server comes, and a POST for each of ours, to the address that the stream names.
// Both belong to one session, which ends with the stream.
type sse struct {
	link
	u       *url.URL
	addr    string // of the stream, which the POSTs go to as well
	parser  codec.ResponseParser
	limits  codec.HTTPLimits
	interim int
	head    bool // it was read
	body    codec.Body
	events  codec.EventReader
	data    []byte // decoded bytes of the stream that were not used yet
	why     error  // as of webSocket
	pool    *httpPool

	closing sync.Once
	closed  chan struct{}
}

func newSSE(m *Mux, u *url.URL) *sse {
	s := &sse{link: newLink(m), limits: codec.DefaultHTTPLimits(), closed: make(chan struct{})}
	s.u = &url.URL{
		Scheme: "http" + strings.TrimPrefix(u.Scheme, "sse"), Host: u.Host,
		Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery,
	}
	s.limits.BodyBytes = 1 << 62 // its events are bounded, not their sum
	s.parser.Limits = &s.limits
	s.events = codec.EventReader{Max: m.opt.MessageBytesMax, Skip: true}
	return s
}

func (s *sse) prepare() *job {
	j := s.m.newJob()
	j.posts = s.pool
	return j
}

// send posts. The answer to a request comes on the stream; that to its POST says only whether it
// was taken, and may come before, behind or never.
func (s *sse) send(c *Call, j *job, e *encoder, f *facts) error {
	if c.verb == verbRequest {
		limit := c.Timeout
		if limit == 0 {
			limit = s.m.opt.CallTimeout
		}
		s.pool.mu.Lock()
		j.expiry = time.AfterFunc(limit, func() { s.pool.drop(nil, j) })
		s.pool.mu.Unlock()
	}
	return s.pool.send(c, j, e, f)
}

// answered: the stream has answered before the POST, or the only answer to it is that one. What is
// left of the POST gets the time that is usual, and its connection goes to another one, or ends.
func (j *job) answered() {
	if j.posts == nil {
		return
	}
	j.posts.mu.Lock()
	defer j.posts.mu.Unlock()
	if j.expiry != nil {
		j.expiry.Reset(streamLinger)
	}
}

// taken: the POST was answered, or failed, and nothing of it is left.
func (j *job) taken() {
	if j.posts == nil {
		return
	}
	j.posts.mu.Lock()
	defer j.posts.mu.Unlock()
	if j.expiry != nil {
		j.expiry.Stop()
		j.expiry = nil
	}
}

func (s *sse) drop(c *Call, j *job) { s.pool.drop(c, j) }

func (s *sse) close(err error) <-chan struct{} {
	s.closing.Do(func() {
		s.conn.Close(err)
		posts := s.pool.close(err)
		go func() {
			<-posts
			<-s.gone
			close(s.closed)
		}()
	})
	return s.closed
}

// Open, Data, EOF, Expired and Closed are loop.Handler.

// Open asks for the stream.
func (s *sse) Open(c *loop.Conn) {
	s.addr = c.AddrPort().String()
	c.SetDeadline(s.m.opt.DialTimeout)
	_ = c.Send(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n"+
		"Cache-Control: no-cache\r\n%s%s\r\n", s.u.RequestURI(), s.u.Host,
		HeaderLines(s.m.opt.Headers), s.m.opt.Tokens.now(nil).text())) // else Closed says why
}

// Data reads the head of the stream, then its events.
func (s *sse) Data(c *loop.Conn, buf, out []byte) (n int, reply []byte) {
	for !s.head && n < len(buf) {
		used, err := s.takeHead(buf[n:])
		if err != nil {
			s.finish(c, err)
			return len(buf), out
		}
		if used == 0 {
			return n, out
		}
		n += used
	}
	if s.why != nil {
		return len(buf), out
	}
	s.read.begin()
	for first := true; first || n < len(buf) && !s.read.enough(); first = false {
		used, err := s.takePiece(c, buf[n:min(len(buf), n+eventsPiece)])
		if err != nil {
			s.finish(c, err)
			return len(buf), out
		}
		if n += used; used == 0 {
			break
		}
	}
	s.read.pace(c)
	return n, out
}

// takePiece reads a piece of the stream and returns how much of it was used.
func (s *sse) takePiece(c *loop.Conn, piece []byte) (int, error) {
	data, used, done, fault := s.body.Decode(s.data, piece)
	s.data = data
	if fault != nil {
		return 0, fmt.Errorf("%w: %s", ErrAnswer, fault.Reason)
	}
	err := s.takeEvents(c)
	if err == nil && done {
		err = ErrGone
	}
	return used, err
}

// finish fails the calls and ends the stream, and with it the session.
func (s *sse) finish(c *loop.Conn, why error) {
	s.why = why
	s.m.fail(why)
	c.Close(why)
}

// forgotten ends the stream, as a POST was told that the server does not know its session any more.
// What was posted did not run; its error says so, and comes before that of the stream's end.
func (s *sse) forgotten(p *httpPool, j *job, refusal *HTTPError) {
	const text = "%w: it has forgotten the session: %w"
	p.answer(j, fmt.Errorf(text, ErrUnreachable, refusal))
	s.conn.Close(fmt.Errorf(text, ErrGone, refusal))
}

// takeHead reads one head. It returns its length, 0 when it is not whole.
func (s *sse) takeHead(buf []byte) (int, error) {
	var r codec.Response
	n, fault := s.parser.Head(buf, &r)
	switch {
	case fault != nil:
		return 0, fmt.Errorf("%w: %s", ErrAnswer, fault.Reason)
	case n == 0:
		return 0, nil
	case r.Interim():
		if s.interim++; s.interim > interimMax {
			return 0, fmt.Errorf("%w: too many interim answers", ErrAnswer)
		}
		return n, nil
	case r.Status != 200:
		return 0, refusal(&r, nil)
	case !mediaType(r.ContentType, "text/event-stream"):
		return 0, fmt.Errorf("%w: GET %s has content type %.64q", ErrAnswer, s.u.Path,
			r.ContentType)
	}
	s.head = true
	s.body.StartResponse(&r, false, &s.limits)
	return n, nil
}

// takeEvents looks at the events that are whole.
func (s *sse) takeEvents(c *loop.Conn) error {
	var event codec.Event
	used := 0
	for {
		n, ok, err := s.events.Next(s.data[used:], &event)
		used += n
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrAnswer, err)
		case !ok:
			s.read.idled(&s.events)
			s.data = leftOf(s.data, used)
			if len(s.data) == 0 && cap(s.data) > dataBytesMax {
				s.data = nil
			}
			return nil
		}
		if event.Part != codec.EventWhole {
			s.takePart(&event)
		} else if err := s.takeEvent(c, &event); err != nil {
			return err
		}
	}
}

// takePart looks at more of an event that is too large.
func (s *sse) takePart(event *codec.Event) {
	kind := string(event.Type)
	if event.Part == codec.EventLarge && (kind == "" || kind == "message") && s.isOpen() {
		s.tooLarge()
	}
	s.skim(event.Data, event.Part == codec.EventLargeEnd)
}

func (s *sse) takeEvent(c *loop.Conn, event *codec.Event) error {
	switch kind := string(event.Type); {
	case kind == "endpoint" && !s.isOpen():
		return s.takeEndpoint(c, string(event.Data))
	case kind != "" && kind != "message", len(event.Data) == 0, !s.isOpen():
		s.read.noticed(len(event.Data))
		return nil // none of ours
	}
	reply, err := s.frame(event.Data, nil)
	if len(reply) > 0 {
		_ = s.m.reply(reply) // else the session ends, or it asks again
	}
	return err
}

// takeEndpoint begins the session. POSTs carry our credentials, so they go where the stream comes
// from and nowhere else.
func (s *sse) takeEndpoint(c *loop.Conn, text string) error {
	u, err := s.u.Parse(text)
	if err != nil {
		return fmt.Errorf("%w: the endpoint is %.256q", ErrAnswer, text)
	}
	if u.Scheme != s.u.Scheme || !strings.EqualFold(u.Host, s.u.Host) || u.User != nil {
		return fmt.Errorf("%w: the endpoint %.256q is not on %s", ErrAnswer, text, s.u.Host)
	}
	s.pool = newHTTPPool(s.m, u, []string{s.addr}, s.m.opt.HTTPConnsMax)
	c.SetDeadline(0)
	close(s.opened)
	return nil
}

// EOF: the server ends the session.
func (s *sse) EOF(c *loop.Conn) { s.finish(c, ErrGone) }

// Closed fails what is in flight, and ends the POSTs.
func (s *sse) Closed(_ *loop.Conn, err error) {
	if s.why != nil {
		err = s.why
	}
	s.conclude(s.lost(err))
	if s.isOpen() {
		s.pool.close(s.end)
	}
}
