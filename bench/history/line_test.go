package history

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"
)

const patience = 30 * time.Second

// link is a transport on which messages of one client go both ways.
type link interface {
	send(message string) error
	recv() ([]byte, error)
	Close() error
}

// lineLink has one message in each line.
type lineLink struct {
	io.WriteCloser
	in *bufio.Reader
}

func (l lineLink) send(message string) error {
	_, err := io.WriteString(l, message+"\n")
	return err
}

func (l lineLink) recv() ([]byte, error) { return l.in.ReadBytes('\n') }

func dialLine(network, addr string) (link, error) {
	conn, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return lineLink{conn, bufio.NewReader(conn)}, nil
}

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
	_ = conn.SetDeadline(time.Now().Add(patience))
	if early != nil {
		return wsLink{conn, early}, nil
	}
	return wsLink{conn, conn}, nil
}

func (l wsLink) send(message string) error {
	return ws.WriteFrame(l.Conn, ws.MaskFrame(ws.NewTextFrame([]byte(message))))
}

func (l wsLink) recv() ([]byte, error) {
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

// talk makes operations on links until it has sent enough of them. A link that breaks is cut,
// and the next one is dialled.
func (p *peer) talk(operations int, dial func() (link, error)) error {
	for p.sent < operations {
		p.conn++
		l, err := dial()
		if err != nil && p.calm {
			return err
		}
		if err != nil {
			continue // it was cut in the handshake: nothing was sent
		}
		err = p.session(l, operations)
		_ = l.Close()
		switch {
		case errors.Is(err, errCut):
			p.add(Event{Kind: Cut})
		case err != nil:
			return err
		}
	}
	return nil
}

var errCut = errors.New("the connection ended")

func (p *peer) session(l link, operations int) error {
	if !p.modern {
		if l.send(initialize) != nil {
			return errCut
		}
		if _, err := l.recv(); err != nil {
			return errCut
		}
	}
	for p.sent < operations {
		open := 1 + p.random.IntN(8)
		for range open {
			request, e := p.next()
			p.add(e) // before it is sent: its effect may be seen at once
			if l.send(request) != nil {
				return errCut
			}
		}
		for open > 0 {
			text, err := l.recv()
			if err != nil {
				return errCut
			}
			final, err := p.message(text)
			if err != nil {
				return err
			}
			if final {
				open--
			}
		}
	}
	return nil
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
