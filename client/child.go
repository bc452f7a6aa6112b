package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/loop"
)

// child is a server that runs as a process of its own, in a process group of its own. Its stdin
// and stdout are one unix socket whose other end is a conn of the loop, so that no goroutine
// pumps bytes; one goroutine waits for its end.
type child struct {
	process *process.Process // nil until it runs
	grace   time.Duration
	line    *line
	exited  chan struct{} // closed when the process, and all it has started, is gone
	once    sync.Once     // the first stop
	closed  chan struct{} // closed when it is through

	// Of line's loop.
	end    error // how the process ended; nil while it runs
	silent bool  // its output ended
	cut    bool  // the conn was closed
}

// exitWait is how long a child that closed its output has to end before its calls fail.
const exitWait = time.Second

// startChild runs the program and makes l its wire. The context bounds the start only.
func startChild(ctx context.Context, m *Mux, l *line) error {
	o := m.opt
	near, far, err := m.dialPair(ctx, l)
	if err != nil {
		return fmt.Errorf("cannot connect to %q: %w", o.Command[0], err)
	}
	defer func() { _ = far.Close() }() // the child has its own
	l.conn = near
	ch := &child{
		grace: o.CloseGrace, line: l, exited: make(chan struct{}), closed: make(chan struct{}),
	}
	if err = l.adopt(ch); err == nil {
		ch.process, err = process.Start(process.Spec{
			Command: o.Command, Dir: o.Dir, Env: o.Env, Stdin: far, Stdout: far, Stderr: o.Stderr,
			Limits: o.Limits, Keeper: o.Keeper, Log: o.Log,
		})
	}
	if err != nil {
		_ = l.adopt(nil) // the loop has ended when it cannot
		near.Close(err)
		<-l.gone
		return fmt.Errorf("cannot start %q: %w", o.Command[0], err)
	}
	go ch.wait()
	return nil
}

// adopt sets the child on the conn's loop, whose callbacks read it.
func (l *line) adopt(ch *child) error {
	done := make(chan struct{})
	err := l.conn.Loop().Post(func() {
		l.child = ch
		close(done)
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-l.gone:
		return l.end
	}
}

// dialPair connects the loop to a socket for the child: far is blocking, as programs expect of
// their stdin. The name is random and lives only here; whoever else finds it is turned away.
func (m *Mux) dialPair(ctx context.Context, l *line) (near *loop.Conn, far *os.File, err error) {
	name := "@mcploop-" + rand.Text()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = listener.Close() }()
	near, err = m.group.Dial("unix", name, m.opt.DialTimeout, l, nil)
	if err != nil {
		return nil, nil, err
	}
	deadline, ok := ctx.Deadline()
	if limit := time.Now().Add(m.opt.DialTimeout); !ok || limit.Before(deadline) {
		deadline = limit
	}
	if err = listener.SetDeadline(deadline); err == nil {
		far, err = acceptOwn(listener)
	}
	if err != nil {
		near.Close(err)
		<-l.gone
		return nil, nil, err
	}
	select {
	case <-l.opened:
		return near, far, nil
	case <-l.gone:
		_ = far.Close()
		return nil, nil, l.end
	}
}

// acceptOwn accepts the connection that this process made.
func acceptOwn(listener *net.UnixListener) (*os.File, error) {
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			return nil, err
		}
		file, err := conn.File()
		_ = conn.Close()
		if err != nil {
			return nil, err
		}
		fd := int(file.Fd())
		peer, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if err == nil && int(peer.Pid) == os.Getpid() {
			if err := syscall.SetNonblock(fd, false); err != nil {
				_ = file.Close()
				return nil, err
			}
			return file, nil
		}
		_ = file.Close()
	}
}

// wait waits until the process and all that it has started is gone. Calls in flight learn how it
// ended, once the answers it left behind were read.
func (ch *child) wait() {
	err := ch.process.Wait()
	if err == nil {
		err = errors.New("exit status 0")
	}
	err = fmt.Errorf("%w: the process ended: %w", ErrGone, err)
	conn := ch.line.conn
	if conn.Loop().Post(func() { ch.ended(conn, err) }) != nil {
		conn.Close(err)
		ch.line.conclude(err)
	}
	close(ch.exited)
}

// ended runs on the loop when the process is gone, fellSilent when its output is.
func (ch *child) ended(c *loop.Conn, err error) {
	ch.end = err
	switch {
	case ch.cut:
		ch.line.conclude(err)
	case ch.silent:
		c.Close(err)
	default:
		c.SetDeadline(exitWait) // somebody else may hold the socket open
	}
}

// lost runs on the loop when the conn is gone.
func (ch *child) lost(err error) {
	ch.cut = true
	if ch.end != nil {
		ch.line.conclude(ch.end)
		return
	}
	time.AfterFunc(exitWait, func() { ch.line.conclude(err) })
}

func (ch *child) fellSilent(c *loop.Conn) {
	ch.silent = true
	if ch.end != nil {
		c.Close(ch.end)
		return
	}
	c.SetDeadline(exitWait)
}

// stop ends the child: end of input, then SIGTERM, then SIGKILL, each after the grace. The
// channel is closed when it is gone.
func (ch *child) stop() <-chan struct{} {
	ch.once.Do(func() {
		ch.line.conn.Finish()
		go ch.insist()
	})
	return ch.closed
}

func (ch *child) insist() {
	defer close(ch.closed)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-ch.exited:
			return
		case <-time.After(ch.grace):
			ch.process.Signal(s)
		}
	}
	<-ch.exited
}

// PlainEnv is the environment of a Command that was given none: of this process's, what programs
// need to run and what holds no secret (PATH, HOME, LANG, LC_*, TMPDIR and the like).
func PlainEnv() []string { return process.PlainEnv() }
