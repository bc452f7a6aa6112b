package server_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/server"
)

// framedConn is a connection of any framing that looks like a line door: each line that is written
// is a message, each message that comes is a line. So every test of messages runs over every door
// as it is.
type framedConn struct {
	net.Conn
	put     func(message []byte) error
	next    func() (message []byte, err error)
	written []byte // a line that has not ended
	read    []byte // of messages that came, what is not read yet
}

// asLines makes c, which is closed when the test ends, a peer of lines.
func (r *running) asLines(c net.Conn) *peerConn {
	r.t.Cleanup(func() { c.Close() })
	return &peerConn{Conn: c, t: r.t, r: bufio.NewReaderSize(c, 1<<20)}
}

func (f *framedConn) Write(p []byte) (int, error) {
	f.written = append(f.written, p...)
	for {
		line, rest, whole := bytes.Cut(f.written, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		f.written = rest
		if len(line) == 0 {
			continue
		}
		if err := f.put(line); err != nil {
			return 0, err
		}
	}
}

func (f *framedConn) Read(p []byte) (int, error) {
	for len(f.read) == 0 {
		message, err := f.next()
		if err != nil {
			return 0, err
		}
		f.read = append(message, '\n')
	}
	n := copy(p, f.read)
	f.read = f.read[n:]
	return n, nil
}

// dialWSLines opens a WebSocket as a peer of lines: each one is a text frame.
func (r *running) dialWSLines() *peerConn {
	r.t.Helper()
	c := r.dialWS()
	return r.asLines(&framedConn{
		Conn: c.Conn,
		put: func(message []byte) error {
			_, err := io.WriteString(c.Conn, masked(ws.OpText, true, string(message)))
			return err
		},
		next: func() ([]byte, error) {
			for {
				frame, err := readFrame(c.r)
				switch {
				case err != nil:
					return nil, err
				case frame.Header.OpCode == ws.OpClose:
					return nil, io.EOF
				case frame.Header.OpCode == ws.OpText:
					return frame.Payload, nil
				}
			}
		},
	})
}

// readFrame reads one frame of a server, which is 16 MiB at most.
func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil || h.Length > 16<<20 {
		return ws.Frame{}, errors.Join(err, io.ErrShortBuffer)
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: h, Payload: payload}, err
}

// dialSSELines opens a session of HTTP+SSE as a peer of lines: each one is a POST, each event
// of the stream is an answer.
func (r *running) dialSSELines() *peerConn {
	r.t.Helper()
	stream, posts := r.dialHTTP(), r.dialHTTP()
	stream.send("GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
	resp, err := http.ReadResponse(stream.r, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	events := &eventLines{in: bufio.NewReader(resp.Body)}
	endpoint, err := events.next()
	if err != nil || !strings.HasPrefix(string(endpoint), "/messages?") {
		r.t.Fatalf("GET /sse: %s %q, %v", resp.Status, endpoint, err)
	}
	return r.asLines(&framedConn{
		Conn: stream.Conn, next: events.next,
		put: func(message []byte) error {
			head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+
				"application/json\r\nContent-Length: %d\r\n\r\n", endpoint, len(message))
			posts.send(head + string(message))
			if a := posts.answer("POST"); a.StatusCode != http.StatusAccepted {
				return fmt.Errorf("cannot send %.100q: %s %s", message, a.Status, a.body)
			}
			return nil
		},
	})
}

// eventLines are the data of the events of a stream.
type eventLines struct {
	in     *bufio.Reader
	buf    []byte
	reader codec.EventReader
}

func (e *eventLines) next() ([]byte, error) {
	for {
		var event codec.Event
		n, ok, err := e.reader.Next(e.buf, &event)
		data := bytes.Clone(event.Data)
		if e.buf = e.buf[n:]; ok || err != nil {
			return data, err
		}
		if _, err := e.in.Peek(1); err != nil {
			return nil, err
		}
		more, _ := e.in.Peek(e.in.Buffered())
		e.buf = append(e.buf, more...)
		_, _ = e.in.Discard(len(more))
	}
}

// pipePair is the parent's side of standard input and output.
type pipePair struct {
	net.Conn // nil: nothing else of it is used
	in, out  *os.File
}

func (p *pipePair) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p *pipePair) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *pipePair) Close() error                { return errors.Join(p.in.Close(), p.out.Close()) }

func (p *pipePair) SetDeadline(t time.Time) error {
	return errors.Join(p.in.SetWriteDeadline(t), p.out.SetReadDeadline(t))
}

// dialStdio serves a pair of pipes as standard input and output: by a server beside of the same
// tools and options, since a process has them once. Its metrics count as those of r.
func (r *running) dialStdio() *peerConn {
	r.t.Helper()
	stdin, in, err := os.Pipe()
	if err != nil {
		r.t.Fatal(err)
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		r.t.Fatal(err)
	}
	c := r.asLines(&pipePair{in: in, out: out})
	r.t.Cleanup(func() { stdin.Close(); stdout.Close() })
	beside := &running{t: r.t, log: r.log, change: r.change, more: r.more}
	beside.make(func(o *server.Options) { o.Stdio = true })
	r.beside = append(r.beside, beside)

	ours := [2]*os.File{os.Stdin, os.Stdout}
	os.Stdin, os.Stdout = stdin, stdout
	err = beside.Start()
	os.Stdin, os.Stdout = ours[0], ours[1]
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}
