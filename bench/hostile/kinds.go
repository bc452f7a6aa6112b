package hostile

import (
	"bytes"
	"errors"
	"net"
	"os"
	"time"
)

// kind is a way to behave badly. act returns when the server has ended the connection, or nil when
// the crowd leaves.
type kind struct {
	name string
	act  func(*peer) error
}

// kinds returns all kinds; peers take them by turns.
func kinds() []kind {
	return []kind{
		{"silent", (*peer).silent},
		{"slowloris", (*peer).slowloris},
		{"drip", (*peer).drip},
		{"deaf", (*peer).deaf},
		{"half-closed", (*peer).halfClosed},
		{"garbage", (*peer).garbage},
	}
}

// silent never says a word.
func (p *peer) silent() error {
	for !p.left() {
		if err := p.hear(p.crowd.opt.Every); err != nil {
			return err
		}
	}
	return nil
}

// slowloris sends a head that never ends, a line each second; where there are no heads, a message
// that never ends.
func (p *peer) slowloris() error {
	head, _, http := bytes.Cut(p.call, []byte("\r\n\r\n"))
	line := []byte("\r\nX-Slow: 1")
	if !http {
		head, line = p.call[:len(p.call)/2], []byte("        ")
	}
	if err := p.say(head); err != nil {
		return err
	}
	return p.every(func() error { return p.say(line) })
}

// drip sends good calls one byte a second.
func (p *peer) drip() error {
	if err := p.say(p.hello); err != nil {
		return err
	}
	at := 0
	return p.every(func() error {
		err := p.say(p.call[at : at+1])
		at = (at + 1) % len(p.call)
		return err
	})
}

// deaf calls as fast as the server takes it, up to deafBytes a second, and never reads an answer.
func (p *peer) deaf() error {
	if err := p.say(p.hello); err != nil {
		return err
	}
	calls := bytes.Repeat(p.call, 1+deafBytes/len(p.call))
	rest := calls
	return p.every(func() error {
		if len(rest) == 0 {
			rest = calls
		}
		// A server that does not read is waited for, in the middle of a call if need be.
		_ = p.conn.SetWriteDeadline(time.Now().Add(p.crowd.opt.Every))
		n, err := p.conn.Write(rest)
		rest = rest[n:]
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		return err
	})
}

const (
	deafBytes = 16 << 10
	deafRoom  = 4 << 10 // of the socket, so that answers fill it soon
)

// halfClosed calls once and says that nothing more comes.
func (p *peer) halfClosed() error {
	if err := p.say(append(bytes.Clone(p.hello), p.call...)); err != nil {
		return err
	}
	if c, ok := p.conn.(interface{ CloseWrite() error }); ok {
		if err := c.CloseWrite(); err != nil {
			return err
		}
	}
	return p.silent()
}

// garbage sends a line of nonsense each second and hears what is said of it.
func (p *peer) garbage() error {
	line := append(bytes.Repeat([]byte{'{', 0xff, '"', '}', 0x01, '['}, 10), '\r', '\n')
	for !p.left() {
		if err := p.say(line); err != nil {
			return err
		}
		if err := p.hear(p.crowd.opt.Every); err != nil {
			return err
		}
	}
	return nil
}

// every does f each second until it fails or the crowd leaves.
func (p *peer) every(f func() error) error {
	tick := time.NewTicker(p.crowd.opt.Every)
	defer tick.Stop()
	for {
		select {
		case <-p.crowd.leaving.Done():
			return nil
		case <-tick.C:
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// sayTime is how long a server may leave a few bytes unread.
const sayTime = 5 * time.Second

// say writes b.
func (p *peer) say(b []byte) error {
	_ = p.conn.SetWriteDeadline(time.Now().Add(sayTime)) // a closed one fails at the write
	_, err := p.conn.Write(b)
	return err
}

// hear reads what comes within d, and what that is does not matter.
func (p *peer) hear(d time.Duration) error {
	_ = p.conn.SetReadDeadline(time.Now().Add(d)) // a closed one fails at the read
	var buf [512]byte
	for {
		if _, err := p.conn.Read(buf[:]); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// narrow makes the room for answers small where a peer is deaf.
func narrow(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(deafRoom) // a greater one costs memory only
	}
}
