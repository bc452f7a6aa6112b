package client

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// line is the wire of newline frames: one connection, over TCP, a unix socket or a child's
// stdio, on which all calls are under way at once.
type line struct {
	m      *Mux
	read   reader
	lines  codec.Lines
	noise  int // successive frames that were no message; belongs to the loop
	opened chan struct{}
	gone   chan struct{}
	ending sync.Once
	end    error // why; written before gone is closed
	conn   *loop.Conn
	child  *child // nil without one
}

func newLine(m *Mux) *line {
	return &line{
		m: m, read: reader{m: m}, lines: codec.Lines{Max: m.opt.MessageBytesMax},
		opened: make(chan struct{}), gone: make(chan struct{}),
	}
}

func (l *line) prepare() *job { return nil }

func (l *line) send(c *Call, _ *job, e *encoder, _ *facts) error {
	if c.verb == verbDelete || c.verb == verbReply {
		panic("BUG: only HTTP needs a message for that")
	}
	// Above this a Send could end the connection, and with it every other call.
	queued := l.conn.Queued()
	if queued > 0 && queued+len(e.body) > l.m.opt.OutboxBytesMax {
		return ErrOverloaded
	}
	id, notify := c.id, c.verb == verbNotify
	e.body = append(e.body, '\n')
	// When it fails the conn ends, and conclude tells this call why with all the others.
	err := l.conn.Send(e.body)
	if notify && err == nil {
		if c, _ := l.m.table.take(id); c != nil {
			c.Done(c, Answer{})
		}
	}
	return nil
}

func (l *line) drop(*Call, *job) {}

func (l *line) close(err error) <-chan struct{} {
	if l.child != nil {
		return l.child.stop()
	}
	if err != nil {
		l.conn.Close(err)
	} else {
		l.conn.Finish()
	}
	return l.gone
}

// Open, Data, EOF, Expired and Closed are loop.Handler.

// Open tells connect.
func (l *line) Open(*loop.Conn) { close(l.opened) }

// Data cuts lines and brings each to its call.
func (l *line) Data(c *loop.Conn, buf, out []byte) (n int, reply []byte) {
	for {
		frame, used, state := l.lines.Next(buf[n:])
		n += used
		switch state {
		case codec.LineNeedMore:
			return n, out
		case codec.LineTooLong:
			l.tooLong(buf[n-used : n])
			continue
		}
		before := len(out)
		var ok bool
		out, ok = l.read.take(frame, anyCall, Answer{}, out)
		if len(out) > before {
			out = append(out, '\n')
		}
		if ok {
			l.noise = 0
		} else if l.noise++; l.noise > l.m.opt.NoiseMax {
			c.Close(fmt.Errorf("%w: %d lines that are no message", ErrAnswer, l.noise))
			return len(buf), out
		}
		if c.Enough(out) {
			return n, out
		}
	}
}

// tooLong fails the call whose answer is too large, when there is a telling whose it is.
func (l *line) tooLong(begin []byte) {
	l.m.count.tooLarge.Add(1)
	const opening = `{"jsonrpc":"2.0","id":`
	var c *Call
	if rest, ok := bytes.CutPrefix(begin, []byte(opening)); ok {
		digits := rest[:min(len(rest), 20)]
		if end := bytes.IndexByte(digits, ','); end > 0 {
			if id, ok := parseID(digits[:end]); ok {
				c, _ = l.m.table.take(id)
			}
		}
	} else {
		c = l.m.table.takeOnly()
	}
	if c != nil {
		c.Done(c, Answer{Err: fmt.Errorf("%w: above %d bytes; raise Options.MessageBytesMax",
			ErrTooLarge, l.m.opt.MessageBytesMax)})
	}
}

// EOF: the server will answer nothing more. A child is given the time to say how it ended.
func (l *line) EOF(c *loop.Conn) {
	if l.child != nil {
		l.child.fellSilent(c)
		return
	}
	c.Finish()
	l.m.fail(ErrGone)
}

// Expired is the end of a child that closed its output and lives on.
func (l *line) Expired(_ *loop.Conn, out []byte) []byte { return out }

// Closed fails what is in flight. The end of a child's socket may be seen before the end of the
// child itself, which says more.
func (l *line) Closed(_ *loop.Conn, err error) {
	select {
	case <-l.opened:
	default:
		l.conclude(err) // not connected at all
		return
	}
	switch {
	case errors.Is(err, ErrAnswer): // we ended it
		l.conclude(err)
		return
	case err == nil:
		err = ErrGone
	case !errors.Is(err, ErrGone):
		err = fmt.Errorf("%w: %w", ErrGone, err)
	}
	if l.child != nil {
		l.child.lost(err)
		return
	}
	l.conclude(err)
}

// conclude ends l with the error that explains it best. Safe for concurrent use; the first counts.
func (l *line) conclude(err error) {
	l.ending.Do(func() {
		l.end = err
		close(l.gone)
		l.m.fail(err)
	})
}
