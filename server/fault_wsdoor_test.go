package server_test

import (
	"bufio"
	"bytes"
	"errors"
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
		op, payload, err := readFrame(w.in)
		switch {
		case err != nil:
			return 0, err
		case op == ws.OpClose:
			return 0, io.EOF
		case op == ws.OpText:
			w.read = append(payload, '\n')
		}
	}
	n := copy(p, w.read)
	w.read = w.read[n:]
	return n, nil
}

// readFrame reads one frame of a server, which is 16 MiB at most.
func readFrame(r io.Reader) (op ws.OpCode, payload []byte, err error) {
	h, err := ws.ReadHeader(r)
	if err != nil || h.Length > 16<<20 {
		return 0, nil, errors.Join(err, io.ErrShortBuffer)
	}
	payload = make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	return h.OpCode, payload, err
}
