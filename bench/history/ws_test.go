package history

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/codec"
)

// wsLink has one message in each WebSocket frame.
type wsLink struct {
	net.Conn
	in     io.Reader
	frames codec.WSFrames
	came   []byte // and is no frame yet
}

func dialWS(_, addr string) (link, error) {
	d := ws.Dialer{Protocols: []string{"mcp"}, Timeout: patience}
	conn, early, _, err := d.Dial(context.Background(), "ws://"+addr+"/mcp")
	if err != nil {
		return nil, err
	}
	l := &wsLink{Conn: conn, in: conn, frames: codec.WSFrames{Max: 16 << 20, FromServer: true}}
	if early != nil {
		l.in = early
	}
	return l, nil
}

func (l *wsLink) send(message string) error {
	return ws.WriteFrame(l.Conn, ws.MaskFrame(ws.NewTextFrame([]byte(message))))
}

func (l *wsLink) recv() ([]byte, error) {
	_ = l.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 64<<10)
	for {
		payload, n, event, code := l.frames.Next(l.came)
		l.came = l.came[n:]
		switch event {
		case codec.WSText:
			return bytes.Clone(payload), nil
		case codec.WSClose:
			return nil, io.EOF
		case codec.WSFault:
			return nil, fmt.Errorf("cannot read a frame: %d", code)
		case codec.WSNeedMore:
			more, err := l.in.Read(buf)
			if l.came = append(l.came, buf[:more]...); more == 0 && err != nil {
				return nil, err
			}
		}
	}
}
