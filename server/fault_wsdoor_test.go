package server_test

import (
	"bufio"
	"bytes"
	"io"
	"net"

	"github.com/gobwas/ws"
)

// wsLines is a WebSocket that looks like a line door: each line is a text frame, each text frame
// a line. So every test of messages runs over it as it is.
type wsLines struct {
	net.Conn
	in      *bufio.Reader
	written []byte // a line that has not ended
	read    []byte // of frames that came, what is not read yet
}

// dialWSLines opens a WebSocket as a peer of lines.
func (r *running) dialWSLines() *peerConn {
	r.t.Helper()
	c := r.dialWS()
	lines := &wsLines{Conn: c.Conn, in: c.r}
	return &peerConn{Conn: lines, t: r.t, r: bufio.NewReaderSize(lines, 1<<20)}
}

func (w *wsLines) Write(p []byte) (int, error) {
	w.written = append(w.written, p...)
	for {
		line, rest, whole := bytes.Cut(w.written, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		w.written = rest
		if len(line) == 0 {
			continue
		}
		if _, err := io.WriteString(w.Conn, masked(ws.OpText, true, string(line))); err != nil {
			return 0, err
		}
	}
}

func (w *wsLines) Read(p []byte) (int, error) {
	for len(w.read) == 0 {
		f, err := ws.ReadFrame(w.in)
		switch {
		case err != nil:
			return 0, err
		case f.Header.OpCode == ws.OpClose:
			return 0, io.EOF
		case f.Header.OpCode == ws.OpText:
			w.read = append(f.Payload, '\n')
		}
	}
	n := copy(p, w.read)
	w.read = w.read[n:]
	return n, nil
}
