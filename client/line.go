package client

import (
	"bytes"
	"errors"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// line is the wire of newline frames: one connection, over TCP, a unix socket or a child's
// stdio, on which all calls are under way at once.
type line struct {
	link
	lines codec.Lines
	child *child // nil without one
}

func newLine(m *Mux) *line {
	return &line{link: newLink(m), lines: codec.Lines{Max: m.opt.MessageBytesMax}}
}

func (l *line) prepare() *job { return nil }

func (l *line) send(c *Call, _ *job, e *encoder, _ *facts) error {
	if c.verb == verbDelete || c.verb == verbListen {
		panic("BUG: only HTTP needs a message for that")
	}
	if l.overloaded(len(e.body)) {
		return ErrOverloaded
	}
	id, notify := c.id, c.verb != verbRequest
	e.body = append(e.body, '\n')
	// When it fails the conn ends, and conclude tells this call why with all the others.
	if err := l.conn.SendSoon(e.body, l.m.opt.outboxMax(), false); notify && err == nil {
		l.sent(id)
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

// Open tells dial.
func (l *line) Open(*loop.Conn) { close(l.opened) }

// Data cuts lines and brings each to its call.
func (l *line) Data(c *loop.Conn, buf, out []byte) (n int, reply []byte) {
	l.read.begin()
	for {
		if l.large.state != oversizeOver {
			l.tooLong(buf[n:])
		}
		frame, used, state := l.lines.Next(buf[n:])
		n += used
		switch state {
		case codec.LineNeedMore:
			if n == len(buf) && l.lines.Partial() {
				used = 0 // more of a line that is too long costs next to nothing
			}
			l.read.charge(used / noticeBlanks)
			l.read.pace(c)
			return n, out
		case codec.LineTooLong:
			l.tooLarge()
			l.tooLong(buf[n-used : n])
			continue
		}
		l.read.charge((used - len(frame)) / noticeBlanks)
		before := len(out)
		var err error
		if out, err = l.frame(frame, out); err != nil {
			c.Close(err)
			return len(buf), out
		}
		if len(out) > before {
			out = append(out, '\n')
		}
		if l.read.enough() {
			l.read.pace(c)
			return n, out
		}
		if c.Enough(out) {
			return n, out
		}
	}
}

// tooLong looks at more of a line that is too long, whose own bytes begin part, and fails the call
// whose answer it is as soon as there is a telling.
func (l *line) tooLong(part []byte) {
	end := bytes.IndexByte(part, '\n')
	if end >= 0 {
		part = part[:end]
	}
	l.skim(part, end >= 0)
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

// Closed fails what is in flight. The end of a child's socket may be seen before the end of the
// child itself, which says more.
func (l *line) Closed(_ *loop.Conn, err error) {
	wasOpen := l.isOpen()
	err = l.lost(err)
	if l.child != nil && wasOpen && !errors.Is(err, ErrAnswer) {
		l.child.lost(err)
		return
	}
	l.conclude(err)
}
