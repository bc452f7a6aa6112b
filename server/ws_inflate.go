package server

import (
	"bytes"

	"github.com/mcploop/mcploop/codec"
)

// A large compressed message is inflated beside the loop: made of thousands of blocks that say next
// to nothing, 4 MiB take half a second, in which nobody else of the loop would be served. Meanwhile
// the connection is held, so that its messages stay in order.

// inflateInline is how long a compressed message may be that is inflated on the loop: 16 KiB, which
// take 2 ms at most.
const inflateInline = 16 << 10

// largeMessage is one that is inflated beside the loop. Its goroutine owns text and code until
// webSocket.inflates is false again.
type largeMessage struct {
	frame int // bytes of its last frame, which are still in front of the connection's buffer
	size  int // compressed
	text  []byte
	code  codec.WSCode
}

// inflates tells that a message is not inflated yet. Safe for concurrent use.
func (lc *lineConn) inflates() bool { return lc.ws != nil && lc.ws.inflates.Load() }

// inflateLater begins with a message whose last frame has so many bytes. Data is called again with
// that frame, since it was not taken.
func (d *wsDoor) inflateLater(lc *lineConn, message []byte, frame int) {
	own := bytes.Clone(message)
	m := &largeMessage{frame: frame, size: len(own)}
	lc.ws.large = m
	lc.ws.inflates.Store(true)
	lc.conn.Pause()
	go func() {
		z := <-d.s.inflaters // half of the cores at most are for this
		m.text, m.code = inflateText(z, own, d.s.opt.Limits.MessageBytes)
		d.s.inflaters <- z
		lc.ws.inflates.Store(false)
		lc.conn.Resume()
	}()
}

// inflateText is InflateText, whose panic costs no more than the connection.
func inflateText(
	z *codec.WSInflater, message []byte, maxBytes int,
) (text []byte, code codec.WSCode) {
	code = codec.WSBadText
	defer func() { _ = recover() }()
	return z.InflateText(message, maxBytes)
}

// isInflated: the message is there. Else the connection is held again: somebody resumed it for
// another reason.
func (d *wsDoor) isInflated(lc *lineConn) bool {
	if !lc.ws.inflates.Load() {
		return true
	}
	lc.conn.Pause()
	if lc.ws.inflates.Load() {
		return false
	}
	lc.conn.Resume()
	return true
}

// inflated answers the message and returns the length of the frame that it is done with.
func (d *wsDoor) inflated(lc *lineConn, out []byte) (int, []byte) {
	m := lc.ws.large
	lc.ws.large = nil
	if m.code == 0 {
		lc.ls.count.inflated.add(m.size, len(m.text))
		out = d.message(lc, m.text, out)
	}
	return m.frame, out
}
