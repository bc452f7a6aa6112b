package loop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Std serves the process's own stdin and stdout (or any two files) as a conn:
// two goroutines pump between them and a socket pair, so that the loop only ever
// sees a socket. The end of in is the conn's EOF; a write error of out (the
// reader is gone) ends the conn, and so does the end of out's reader after the
// end of in, without a write: the parent is gone. There is no write timeout: a parent that does
// not read stops its own input and nothing else. One per group.
func (g *Group) Std(in, out *os.File, h Handler) (*Conn, error) {
	const kind = unix.SOCK_STREAM | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	pair, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot serve stdio: %w", os.NewSyscallError("socketpair", err))
	}
	far := os.NewFile(uintptr(pair[1]), "stdio pair")
	conn, err := net.FileConn(far)
	_ = far.Close()
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, fmt.Errorf("cannot serve stdio: %w", err)
	}
	g.mu.Lock()
	err = errors.New("it is served already")
	if g.stdDone == nil {
		if err = g.begin(0); err == nil {
			g.stdDone = make(chan struct{})
		}
	}
	done := g.stdDone
	g.mu.Unlock()
	if err != nil {
		_ = conn.Close()
		_ = unix.Close(pair[0])
		return nil, fmt.Errorf("cannot serve stdio: %w", err)
	}
	l := g.loops[0]
	c := l.newConn(pair[0], peer{family: unix.AF_UNIX}, h)
	c.own |= ownPatient
	end := conn.(*net.UnixConn)
	go func() {
		pumpIn(in, end)
		waitReader(out, c, done)
	}()
	go g.pumpOut(in, out, end, done)
	c.nudge(0)
	return c, nil
}

// StdDone is closed when all that the Std conn wrote is in its out file, or
// cannot be written. Nil without Std.
func (g *Group) StdDone() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stdDone
}

// pumpIn ends at the end of in, or with its next read after the conn ended.
func pumpIn(in *os.File, end *net.UnixConn) {
	buf := make([]byte, 64*kib)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if _, werr := end.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			_ = end.CloseWrite()
			return
		}
	}
}

// readerWait is how long one look at out's reader takes.
const readerWait = 100 * time.Millisecond

var errReaderGone = errors.New("loop: nobody reads the output any more")

// waitReader ends c when nobody can read out any more; it returns then, or when all is written.
func waitReader(out *os.File, c *Conn, done <-chan struct{}) {
	raw, err := out.SyscallConn()
	if err != nil {
		return
	}
	for gone := false; err == nil && !gone; {
		select {
		case <-done:
			return
		default:
		}
		err = raw.Control(func(fd uintptr) {
			poll := []unix.PollFd{{Fd: int32(fd)}} // asks for POLLERR and POLLHUP alone
			n, err := unix.Poll(poll, int(readerWait.Milliseconds()))
			gone = err == nil && n > 0
		})
	}
	c.Close(errReaderGone)
}

// pumpOut ends when the conn ended and all is written, or when out fails.
func (g *Group) pumpOut(in, out *os.File, end *net.UnixConn, done chan struct{}) {
	defer close(done)
	buf := make([]byte, 64*kib)
	for {
		n, err := end.Read(buf)
		if n > 0 {
			if _, werr := out.Write(buf[:n]); werr != nil {
				break
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				g.opt.Log.Warn("loop: cannot read the stdio pair", "error", err)
			}
			break
		}
	}
	_ = end.Close()
	// Ends pumpIn at once when in is a pipe that Go polls; a read of a terminal
	// or of a blocking descriptor cannot be interrupted and ends with its data.
	_ = in.SetReadDeadline(time.Unix(1, 0))
}

// waitStd lets the last output reach its file.
func (g *Group) waitStd(ctx interface{ Done() <-chan struct{} }) {
	done := g.StdDone()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}
