package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mcploop/mcploop/loop"
)

// link is one connection that all calls share: how it begins, what it reads, how it ends.
type link struct {
	m      *Mux
	read   reader
	noise  int      // successive frames that were no message; belongs to the loop
	large  oversize // a message that is too large, of which a part came; belongs to the loop
	opened chan struct{}
	gone   chan struct{}
	ending sync.Once
	end    error // why; written before gone is closed
	conn   *loop.Conn
}

func newLink(m *Mux) link {
	return link{
		m: m, read: reader{m: m}, opened: make(chan struct{}), gone: make(chan struct{}),
	}
}

// shared is a wire that is one link.
type shared interface {
	wire
	loop.Handler
	base() *link
}

func (l *link) base() *link { return l }

// dialEach tries one address after the other and makes the first that answers m's wire. A server
// that answers, but not as a server of this transport, is no reason to try the next address.
func (m *Mux) dialEach(
	ctx context.Context, network string, addrs []string, make func(*Mux) shared,
) error {
	var faults []error
	for _, addr := range addrs {
		w := make(m)
		m.wire = w
		err := w.base().dial(ctx, network, addr, w)
		if err == nil {
			return nil
		}
		m.wire = nil
		if refused(err) {
			return err
		}
		faults = append(faults, fmt.Errorf("%w: %s %s: %w", ErrUnreachable, network, addr, err))
		if ctx.Err() != nil {
			break
		}
		m.table.reopen()
	}
	return errors.Join(faults...)
}

// refused: the server was there and said something.
func refused(err error) bool {
	var status *HTTPError
	return errors.As(err, &status) || errors.Is(err, ErrAnswer)
}

// dial waits until the connect is answered, and what h has to say before the first call.
func (l *link) dial(ctx context.Context, network, addr string, h loop.Handler) error {
	conn, err := l.m.connect(l.m.group, network, addr, h)
	if err != nil {
		return err
	}
	l.conn = conn
	select {
	case <-l.opened:
		return nil
	case <-l.gone:
		return l.end
	case <-ctx.Done():
		conn.Close(nil)
		<-l.gone
		return context.Cause(ctx)
	}
}

// isOpen tells whether dial has returned, or will, without an error.
func (l *link) isOpen() bool {
	select {
	case <-l.opened:
		return true
	default:
		return false
	}
}

// overloaded tells that size more bytes could be too many: a Send above the outbox would end the
// connection, and with it every other call.
func (l *link) overloaded(size int) bool {
	queued := l.conn.Queued()
	return queued > 0 && queued+size > l.m.opt.OutboxBytesMax
}

// sent answers a notification or a reply that is on its way; nothing else will.
func (l *link) sent(id uint64) {
	if c, _ := l.m.table.take(id); c != nil {
		c.Done(c, Answer{}) // it is no request, so nothing was asked on its behalf
	}
}

// frame brings one message to whom it belongs. reply is appended to out. An error: the server
// sends too much that is none.
func (l *link) frame(frame, out []byte) (reply []byte, err error) {
	out, ok := l.read.take(frame, anyCall, Answer{}, out)
	switch {
	case ok:
		l.noise = 0
	default:
		if l.noise++; l.noise > l.m.opt.NoiseMax {
			err = fmt.Errorf("%w: %d frames that are no message", ErrAnswer, l.noise)
		}
	}
	return out, err
}

// tooLarge begins a message that is too large to be kept.
func (l *link) tooLarge() {
	l.m.tooLarge()
	l.large = oversize{state: oversizeSeeking}
}

// skim looks at more of it, to its end or not, and fails the call whose answer it is as soon as
// there is a telling.
func (l *link) skim(part []byte, whole bool) {
	l.large.feed(part)
	if c := l.large.call(&l.m.table, whole); c != nil {
		l.m.done(c, Answer{Err: fmt.Errorf("%w: above %d bytes; raise Options.MessageBytesMax",
			ErrTooLarge, l.m.opt.MessageBytesMax)})
	}
}

// errVanished is why a connection ends that would be kept by the kernel for a quarter of an hour.
var errVanished = errors.New("its peer has vanished: nothing that it was sent is acknowledged")

// doubt gives the connection up if its peer has vanished. A call was not answered in time.
func (l *link) doubt() {
	if l.conn.Vanished() {
		l.conn.Close(errVanished)
	}
}

// Expired is the end of a connection that was not ready in time.
func (l *link) Expired(_ *loop.Conn, out []byte) []byte { return out }

// lost says what the end of a connection means for its calls.
func (l *link) lost(err error) error {
	err = l.m.explain(err)
	switch {
	case !l.isOpen(), errors.Is(err, ErrAnswer): // not connected at all, or we ended it
		return err
	case err == nil:
		return ErrGone
	case !errors.Is(err, ErrGone):
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// conclude ends l with the error that explains it best. Safe for concurrent use; the first counts.
func (l *link) conclude(err error) {
	l.ending.Do(func() {
		l.end = err
		l.m.fail(err) // before dial hears of it, and tries another address with the same table
		close(l.gone)
	})
}
