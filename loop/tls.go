package loop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/pool"
)

// secure is the TLS of a Conn: crypto/tls between the handler and the socket. The handshake runs
// on a goroutine of its own with a descriptor of its own, since crypto/tls cannot leave off in the
// middle of one and it takes a millisecond of signatures. From then on there is none: the loop
// reads what came into memory and hands that to crypto/tls, to which an empty memory looks like a
// temporary error, after which it goes on where it was. tls_test.go holds crypto/tls to that.
//
// Outboxes hold what is encrypted already, in the order of its records.
type secure struct {
	conn *tls.Conn
	hand *os.File // what the handshake reads and writes; nil before and after. Guarded by Conn.mu
	err  error    // of the handshake; written before attnSecured

	// Guarded by Conn.mu: crypto/tls may answer the peer while it reads.
	sealed *pool.Buffer // encrypted, and not in the socket or the outbox yet; nil: nothing
	said   bool         // close_notify was sent

	// These belong to the loop.
	raw   []byte // what came and was not decrypted; in Loop.raw only while it is read
	kept  []byte // array of raw between two reads
	ended bool   // the socket's end was read
	why   error  // no more can be read, and this is why

	securing bool // the handshake is under way
}

// ErrTLSCut is the end of a conn whose peer has not said so in TLS: what came before it may be cut
// short by anybody on the way.
var ErrTLSCut = errors.New("loop: the connection was cut: no close_notify came before its end")

// errNothingYet is what crypto/tls gets while nothing is there. It forgives only temporary errors.
var errNothingYet net.Error = nothingYet{}

type nothingYet struct{}

func (nothingYet) Error() string   { return "loop: nothing to read yet" }
func (nothingYet) Timeout() bool   { return true }
func (nothingYet) Temporary() bool { return true }

// DialTLS is Group.Dial for a peer that speaks TLS: h.Open comes after the handshake, for which
// timeout bounds the whole. cfg needs a ServerName; it is shared by many conns and must not be
// changed. Its callbacks run on goroutines of their own and may block. An error of the handshake
// comes to h.Closed as crypto/tls tells it. Safe for concurrent use, also on a loop.
func (g *Group) DialTLS(network, addr string, cfg *tls.Config, timeout time.Duration, h Handler,
	state any,
) (*Conn, error) {
	return g.next().start(network, addr, cfg, timeout, h, state)
}

// DialTLS is Group.DialTLS for a conn that shall belong to l.
func (l *Loop) DialTLS(network, addr string, cfg *tls.Config, timeout time.Duration, h Handler,
	state any,
) (*Conn, error) {
	return l.start(network, addr, cfg, timeout, h, state)
}

// newSecure puts TLS into c, of which nobody else knows yet.
func newSecure(c *Conn, cfg *tls.Config) *secure {
	s := &secure{}
	s.conn = tls.Client(tlsSocket{c, s}, cfg)
	return s
}

// beginHandshake is called on c's loop when the peer has taken the connection.
func (c *Conn) beginHandshake() error {
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("dup", err)
	}
	c.mu.Lock()
	c.tls.hand = os.NewFile(uintptr(fd), "TLS handshake")
	c.mu.Unlock()
	c.tls.securing = true
	c.loop.group.hold()
	go c.handshake()
	return nil
}

// securing: the handshake is under way. Called only on c's loop.
func (c *Conn) securing() bool { return c.tls != nil && c.tls.securing }

func (c *Conn) dialTimeout() error {
	if c.securing() {
		return fmt.Errorf("%w in the TLS handshake", ErrDialTimeout)
	}
	return ErrDialTimeout
}

// handshake runs beside the loop. It ends with the handshake, or with c.
func (c *Conn) handshake() {
	s := c.tls
	defer c.loop.group.release(ownDialed) // as hold did
	defer c.nudge(attnSecured)
	defer func() {
		if r := recover(); r != nil { // in a callback of the config
			s.err = fmt.Errorf("%w: %v", ErrPanic, r)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = s.hand.Close() // again, if c has ended
		s.hand = nil
	}()
	s.err = s.conn.Handshake()
}

// secured is called on c's loop when the handshake has ended.
func (c *Conn) secured() {
	c.tls.securing = false
	c.own |= ownMore // crypto/tls may have read beyond the handshake
	if c.tls.err != nil {
		c.fail(c.tls.err)
		return
	}
	c.due = 0
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load()&(stFail|stClosed) != 0 {
		return
	}
	c.state.And(^(stDialing | stPressed)) // what is pressed then is encrypted
	early := c.box
	if early == nil {
		return
	}
	c.box = nil
	c.loop.stats.outboxBytes.Add(-int64(len(early.B)))
	if c.put(early.B, math.MaxInt) != nil {
		c.nudge(0)
	}
	c.loop.opt.Buffers.Put(early)
}

// seal returns b encrypted, behind what crypto/tls had to say before it. It is valid until drop.
// The caller holds c.mu.
func (s *secure) seal(c *Conn, b []byte) ([]byte, error) {
	if _, err := s.conn.Write(b); err != nil {
		s.drop(c)
		return nil, err
	}
	return s.sealed.B, nil
}

// drop gives back what seal returned. The caller holds c.mu.
func (s *secure) drop(c *Conn) {
	if s.sealed != nil {
		c.loop.opt.Buffers.Put(s.sealed)
		s.sealed = nil
	}
}

// pass sends what crypto/tls has to say by itself. The caller holds c.mu; c does not dial.
func (s *secure) pass(c *Conn) error {
	if s.sealed == nil {
		return nil
	}
	err := c.putSealed(s.sealed.B, c.loop.opt.OutboxMax)
	s.drop(c)
	return err
}

// recv is recv(2) with what is decrypted of it: EAGAIN when that is nothing, 0 at the end that the
// peer has told. At other ends why says more than the error number. Called only on c's loop.
func (s *secure) recv(c *Conn, p []byte) (int, unix.Errno) {
	if c.own&ownLinger != 0 {
		return recv(c.fd, p)
	}
	if c.own&ownMore == 0 {
		n, errno := recv(c.fd, c.loop.rawBuffer())
		if errno != 0 {
			return 0, errno
		}
		s.raw, s.ended = c.loop.raw[:n], n == 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.state.Load()
	n, errno := s.decrypt(c, p)
	if before&(stFail|stClosed) == 0 && s.pass(c) != nil || c.state.Load() != before {
		c.nudge(0)
	}
	return n, errno
}

// decrypt fills p as far as what came goes, and notes what is left of it.
func (s *secure) decrypt(c *Conn, p []byte) (n int, errno unix.Errno) {
	var err error
	for n < len(p) && err == nil {
		var k int
		k, err = s.conn.Read(p[n:])
		n += k
	}
	c.own &^= ownMore
	switch {
	case errors.Is(err, errNothingYet): // all of raw was taken
	case err == nil, n > 0: // an error will be there again
		c.own |= ownMore
	case errors.Is(err, io.EOF) && !s.ended:
		return 0, 0
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		s.why = ErrTLSCut
		return 0, unix.EPROTO
	default:
		s.why = err
		return 0, unix.EPROTO
	}
	s.keep()
	if n == 0 {
		return 0, unix.EAGAIN
	}
	return n, 0
}

// keep saves the rest of raw from the loop's next read.
func (s *secure) keep() {
	s.kept = append(s.kept[:0], s.raw...)
	s.raw = s.kept
	if len(s.kept) == 0 {
		s.kept, s.raw = nil, nil
	}
}

// endTLS is close_notify for a conn that finishes. Called only on c's loop.
func (c *Conn) endTLS() {
	if c.tls == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tls.sayEnd(c)
}

// sayEnd is close_notify. The caller holds c.mu.
func (s *secure) sayEnd(c *Conn) {
	if s.said {
		return
	}
	s.said = true
	_ = s.conn.CloseWrite() // one that failed has nothing to say
	_ = s.pass(c)
}

// end tells the peer, when c ends without a fault, and the handshake, if it is under way. The
// caller holds c.mu.
func (s *secure) end(c *Conn) {
	if s.hand != nil {
		_ = s.hand.Close() // ends the goroutine
		return
	}
	if c.err == nil && c.state.Load()&stDialing == 0 && c.box == nil {
		s.sayEnd(c)
	}
	s.drop(c)
}

// rawBuffer is where encrypted bytes are read to. Nothing in it outlives the wake-up.
func (l *Loop) rawBuffer() []byte {
	if l.raw == nil {
		l.raw = make([]byte, l.opt.ReadBytes)
	}
	return l.raw
}

// tlsSocket is what crypto/tls takes for the socket.
type tlsSocket struct {
	c *Conn
	s *secure
}

// Read waits during the handshake, and never after it.
func (t tlsSocket) Read(p []byte) (int, error) {
	s := t.s
	if hand := s.hand; hand != nil {
		return hand.Read(p)
	}
	if len(s.raw) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		return 0, errNothingYet
	}
	n := copy(p, s.raw)
	s.raw = s.raw[n:]
	return n, nil
}

// Write keeps what it gets, once the handshake is done.
func (t tlsSocket) Write(p []byte) (int, error) {
	s := t.s
	if hand := s.hand; hand != nil {
		return hand.Write(p)
	}
	if s.sealed == nil {
		s.sealed = t.c.loop.opt.Buffers.Get()
	}
	s.sealed.B = append(s.sealed.B, p...)
	return len(p), nil
}

func (t tlsSocket) Close() error                     { return nil }
func (t tlsSocket) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (t tlsSocket) RemoteAddr() net.Addr             { return t.c.RemoteAddr() }
func (t tlsSocket) SetDeadline(time.Time) error      { return nil }
func (t tlsSocket) SetReadDeadline(time.Time) error  { return nil }
func (t tlsSocket) SetWriteDeadline(time.Time) error { return nil }
