package history

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"
)

// wsLink has one message in each WebSocket frame.
type wsLink struct {
	net.Conn
	in io.Reader
}

func dialWS(_, addr string) (link, error) {
	d := ws.Dialer{Protocols: []string{"mcp"}, Timeout: patience}
	conn, early, _, err := d.Dial(context.Background(), "ws://"+addr+"/mcp")
	if err != nil {
		return nil, err
	}
	if early != nil {
		return wsLink{conn, early}, nil
	}
	return wsLink{conn, conn}, nil
}

func (l wsLink) send(message string) error {
	return ws.WriteFrame(l.Conn, ws.MaskFrame(ws.NewTextFrame([]byte(message))))
}

func (l wsLink) recv() ([]byte, error) {
	_ = l.SetReadDeadline(time.Now().Add(patience))
	for {
		op, payload, err := readFrame(l.in)
		switch {
		case err != nil:
			return nil, err
		case op == ws.OpText:
			return payload, nil
		case op == ws.OpClose:
			return nil, io.EOF
		}
	}
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
