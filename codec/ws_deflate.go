package codec

import (
	"bytes"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"github.com/gobwas/ws"
)

// Hot path: no allocation that stays, no lock, no log, no time.Now.

// wsDeflateTail is what a sender leaves out, and a last block behind it, so that the end of the
// message is an end for the inflater, too (RFC 7692, 7.2.2).
const wsDeflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// wsSyncBytes are the bytes of wsDeflateTail that belong to the message.
const wsSyncBytes = 4

// inflateKeepMax is how large a buffer a WSInflater keeps between two messages: 64 KiB.
const inflateKeepMax = 64 << 10

// finalBlocksMax bounds the blocks of one message that say that they are the last one. Senders
// have one at most (RFC 7692, 7.2.3.4); each costs the inflater a new start.
const finalBlocksMax = 16

// inflateWindow is how far back a block may refer: 32 KiB (RFC 1951, 2).
const inflateWindow = 32 << 10

// WSInflater inflates messages of permessage-deflate without context takeover (RFC 7692). The zero
// value is ready. One for each loop; not safe for concurrent use.
type WSInflater struct {
	flate io.ReadCloser
	src   bytes.Reader
	raw   []byte // the message at hand with its tail
	out   []byte
	last  int
}

// inflate returns what message says, valid until the next call. It never holds more than max bytes
// and one: a message that goes on behind them is WSTooLarge, what is not deflated WSBadText.
func (z *WSInflater) inflate(message []byte, maxBytes int) ([]byte, WSCode) {
	z.last = len(message)
	z.raw = append(append(z.raw[:0], message...), wsDeflateTail...)
	z.src.Reset(z.raw)
	z.out = z.out[:0]
	for range finalBlocksMax {
		if code := z.blocks(maxBytes); code != 0 {
			return nil, code
		}
		if z.src.Len() <= len(wsDeflateTail) { // all of the message was taken
			return z.out, 0
		}
	}
	return nil, WSBadText
}

// InflateText inflates a message that was WSDeflated, to maxBytes at most. It returns the text,
// which is the caller's now, or the code to close with.
func (z *WSInflater) InflateText(message []byte, maxBytes int) ([]byte, WSCode) {
	text, code := z.inflate(message, maxBytes)
	z.out, z.raw, z.last = nil, nil, 0
	if code == 0 && !utf8.Valid(text) {
		return nil, WSBadText
	}
	return text, code
}

// blocks inflates up to the next last block.
func (z *WSInflater) blocks(maxBytes int) WSCode {
	window := z.out[max(0, len(z.out)-inflateWindow):]
	if z.flate == nil {
		z.flate = flate.NewReader(&z.src)
	} else if z.flate.(flate.Resetter).Reset(&z.src, window) != nil {
		return WSBadText
	}
	for {
		if len(z.out) == cap(z.out) {
			more := min(max(len(z.out), 4<<10), maxBytes+1-len(z.out))
			z.out = slices.Grow(z.out, more)
		}
		n, err := z.flate.Read(z.out[len(z.out):min(cap(z.out), maxBytes+1)])
		z.out = z.out[:len(z.out)+n]
		switch {
		case len(z.out) > maxBytes:
			return WSTooLarge
		case err == io.EOF:
			return 0
		case err != nil:
			return WSBadText
		}
	}
}

// Took returns the size of the compressed message that was inflated since the last call, 0 if
// there was none.
func (z *WSInflater) Took() int {
	n := z.last
	z.last = 0
	return n
}

// Trim lets go of large buffers, and of what Took would tell of a message that was none. What was
// inflated must not be looked at any more.
func (z *WSInflater) Trim() {
	z.last = 0
	if cap(z.raw) > inflateKeepMax {
		z.raw = nil
	}
	if cap(z.out) > inflateKeepMax {
		z.out = nil
	}
}

// WSDeflater compresses messages for permessage-deflate without context takeover. It keeps nothing
// between messages. The zero value is ready; not safe for concurrent use.
type WSDeflater struct{ dst []byte }

// Write implements io.Writer for the compressor.
func (z *WSDeflater) Write(p []byte) (int, error) {
	z.dst = append(z.dst, p...)
	return len(p), nil
}

// AppendText appends message as one frame of a server: compressed, and then deflated is true,
// unless that would be larger than as it is.
func (z *WSDeflater) AppendText(dst, message []byte) (out []byte, deflated bool) {
	start := len(dst)
	head := appendWSHeader(dst, byte(ws.OpText), len(message)) // room for the real one
	z.dst = head
	err := flate.StatelessDeflate(z, message, false, nil)
	body := z.dst[len(head):]
	out, z.dst = z.dst, nil
	size := len(body) - wsSyncBytes
	if err != nil || size >= len(message) {
		return AppendWSText(out[:start], message), false
	}
	// A smaller body has a header that is no longer.
	out = appendWSHeader(out[:start], rsvDeflated<<4|byte(ws.OpText), size)
	return append(out, body[:size]...), true
}
