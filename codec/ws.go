package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Hot path: no allocation, no lock, no log, no time.Now.

// WSEvent says what WSFrames.Next found.
type WSEvent uint8

// The events of a WebSocket (RFC 6455).
const (
	WSNeedMore  WSEvent = iota // no whole frame in buf
	WSPart                     // a fragment, or an unsolicited pong: nothing to do
	WSText                     // a message
	WSBinary                   // a message of the other kind
	WSPing                     // to be answered by a pong with the same payload
	WSClose                    // the peer closes: answer with the same code, then close
	WSFault                    // close with that code; nothing behind it is looked at
	WSDeflated                 // a message above InlineMax, compressed as it came: see InflateText
	WSLarge                    // the begin of a text message above Max: see WSFrames.Skip
	WSLargePart                // more of it
	WSLargeEnd                 // the last of it
)

// WSCode is the status code of a close frame (RFC 6455, 7.4.1).
type WSCode uint16

// The codes that we send.
const (
	WSNormal      WSCode = 1000
	WSGoingAway   WSCode = 1001
	WSProtocol    WSCode = 1002
	WSUnsupported WSCode = 1003
	WSNoCode      WSCode = 1005 // never sent: the peer's close frame had none
	WSBadText     WSCode = 1007
	WSTooLarge    WSCode = 1009
)

// WSFrames cuts the messages out of what the peer of a WebSocket sends. The zero value is ready,
// for a server. It
// buffers fragments alone: of a whole frame that is not there yet the caller keeps the bytes, and
// hands them in again with more behind. One for each conn; not safe for concurrent use.
type WSFrames struct {
	Max int // bytes of a message, inflated too; default 4 MiB
	// Inflater is there when permessage-deflate was agreed (RFC 7692). Several conns of one loop
	// may share it, as none of them keeps what it returned.
	Inflater *WSInflater
	// InlineMax is how long a compressed message may be that Next inflates; 0 is no limit. It takes
	// 25 ns for each of its bytes, or 100 where the peer wants it to take long. A binary message
	// above it comes without its payload.
	InlineMax int
	// FromServer is set by a client: the frames of servers are not masked.
	FromServer bool
	// Skip, of a client, has text messages above Max come in the parts that buf has of them, which
	// are not looked at (bad UTF-8 passes), in place of WSFault; a binary one is that all the same.
	Skip bool

	message  []byte // the fragments so far
	kind     WSEvent
	checked  int // bytes of message that are known to be UTF-8
	header   [ws.MaxHeaderSize]byte
	reader   bytes.Reader
	fragment bool // a message has begun
	deflated bool // it is compressed
	partial  bool
	large    bool  // the message is above Max, and was told to be
	final    bool  // the frame that is passed over is its last
	rest     int64 // bytes of that frame which have not come yet
}

// Next looks for the next frame in buf. It returns the number n of bytes consumed; the caller drops
// them and calls again, at once unless the event is WSNeedMore. payload is unmasked in buf itself,
// or of several fragments; it is valid until the caller reuses buf or calls Next again. code comes
// with WSClose and WSFault. Lengths are compared with Max before anything is waited for, and a
// compressed message is inflated no further than to Max.
func (f *WSFrames) Next(buf []byte) (payload []byte, n int, event WSEvent, code WSCode) {
	f.partial = len(buf) > 0
	if f.rest > 0 {
		return f.passOver(buf)
	}
	f.reader.Reset(buf)
	h, err := ws.ReadHeaderBuffer(&f.reader, f.header[:0])
	size := len(buf) - f.reader.Len()
	switch {
	case errors.Is(err, ws.ErrHeaderLengthMSB) || errors.Is(err, ws.ErrHeaderLengthUnexpected):
		return nil, len(buf), WSFault, WSProtocol
	case err != nil: // the header is not whole, but its first bytes may be wrong already
		if len(buf) > 0 && f.wrongStart(buf[0]) {
			return nil, len(buf), WSFault, WSProtocol
		}
		return nil, 0, WSNeedMore, 0
	}
	state := ws.StateServerSide
	if f.FromServer {
		state = ws.StateClientSide
	}
	if f.fragment {
		state = state.Set(ws.StateFragmented)
	}
	deflated := f.Inflater != nil && h.Rsv == rsvDeflated && isData(h.OpCode)
	if deflated {
		h.Rsv = 0
	}
	if ws.CheckHeader(h, state) != nil {
		return nil, len(buf), WSFault, WSProtocol
	}
	large := f.large || h.Length > int64(f.limit()-len(f.message))
	if large && !h.OpCode.IsControl() {
		return f.largeFrame(h, buf, size)
	}
	n = size + int(h.Length)
	if n > len(buf) {
		return nil, 0, WSNeedMore, 0
	}
	payload = buf[size:n:n]
	if h.Masked {
		ws.Cipher(payload, h.Mask, 0)
	}
	f.partial = false
	if h.OpCode.IsControl() {
		payload, event, code = control(h.OpCode, payload)
		return payload, n, event, code
	}
	if h.OpCode != ws.OpContinuation {
		f.deflated = deflated
	}
	payload, event, code = f.data(h, payload)
	return payload, n, event, code
}

// largeFrame takes the header of a frame of a message that is above Max.
func (f *WSFrames) largeFrame(
	h ws.Header, buf []byte, size int,
) (payload []byte, n int, event WSEvent, code WSCode) {
	text := h.OpCode == ws.OpText || h.OpCode == ws.OpContinuation && f.kind == WSText
	if !f.Skip || !f.FromServer || !text {
		return nil, len(buf), WSFault, WSTooLarge
	}
	event = WSLargePart
	if !f.large {
		event = WSLarge
		if h.OpCode == ws.OpContinuation {
			payload = f.message
		}
		f.message, f.kind, f.large = nil, WSText, true
	}
	f.fragment, f.final, f.rest, f.partial = !h.Fin, h.Fin, h.Length, false
	if h.Fin && h.Length == 0 {
		event, f.large = WSLargeEnd, false
	}
	return payload, size, event, 0
}

// passOver takes what there is of a frame that is not kept.
func (f *WSFrames) passOver(buf []byte) (payload []byte, n int, event WSEvent, code WSCode) {
	n = int(min(f.rest, int64(len(buf))))
	if n == 0 {
		return nil, 0, WSNeedMore, 0
	}
	f.rest -= int64(n)
	f.partial = f.rest > 0
	if f.rest == 0 && f.final {
		f.large = false
		return buf[:n:n], n, WSLargeEnd, 0
	}
	return buf[:n:n], n, WSLargePart, 0
}

// rsvDeflated is the first reserved bit alone: the message is compressed. It is set in the first
// frame of a message and nowhere else (RFC 7692, 6).
const rsvDeflated = 4

// isData: a message begins with this frame.
func isData(op ws.OpCode) bool { return op == ws.OpText || op == ws.OpBinary }

// wrongStart: reserved bits or a reserved opcode, told from the first byte.
func (f *WSFrames) wrongStart(b byte) bool {
	op := ws.OpCode(b & 0x0f)
	if f.Inflater != nil && isData(op) {
		b &^= rsvDeflated << 4
	}
	return b&0x70 != 0 || op.IsReserved()
}

func control(op ws.OpCode, payload []byte) ([]byte, WSEvent, WSCode) {
	switch op {
	case ws.OpPing:
		return payload, WSPing, 0
	case ws.OpPong:
		return nil, WSPart, 0
	}
	if len(payload) == 0 {
		return nil, WSClose, WSNoCode
	}
	code, reason := ws.ParseCloseFrameData(payload)
	switch err := ws.CheckCloseFrameData(code, reason); {
	case err == nil && code < wsCodesEnd:
		return payload, WSClose, WSCode(code)
	case errors.Is(err, ws.ErrProtocolInvalidUTF8):
		return nil, WSFault, WSBadText
	}
	return nil, WSFault, WSProtocol
}

// wsCodesEnd is the first code that nobody may use (RFC 6455, 7.4.2).
const wsCodesEnd = 5000

// data takes a frame of a message.
func (f *WSFrames) data(h ws.Header, payload []byte) ([]byte, WSEvent, WSCode) {
	kind := WSBinary
	if h.OpCode == ws.OpText {
		kind = WSText
	}
	if h.Fin && h.OpCode != ws.OpContinuation { // Fast path: the whole message in one frame.
		return f.whole(payload, kind)
	}
	if h.OpCode != ws.OpContinuation {
		f.message, f.kind, f.checked = f.message[:0], kind, 0
	}
	f.fragment = !h.Fin
	f.message = append(f.message, payload...)
	if f.kind == WSText && !f.deflated && !f.checkText(h.Fin) {
		return nil, WSFault, WSBadText
	}
	if !h.Fin {
		return nil, WSPart, 0
	}
	message := f.message
	f.message = nil // the caller has it now: a connection keeps no memory between messages
	if f.deflated {
		return f.whole(message, f.kind)
	}
	return message, f.kind, 0
}

// whole takes a message that was not looked at yet.
func (f *WSFrames) whole(message []byte, kind WSEvent) ([]byte, WSEvent, WSCode) {
	if f.deflated && f.InlineMax > 0 && len(message) > f.InlineMax {
		if kind == WSText {
			return message, WSDeflated, 0
		}
		return nil, kind, 0
	}
	if f.deflated {
		var code WSCode
		if message, code = f.Inflater.inflate(message, f.limit()); code != 0 {
			return nil, WSFault, code
		}
	}
	if kind == WSText && !utf8.Valid(message) {
		return nil, WSFault, WSBadText
	}
	return message, kind, 0
}

// checkText looks at what is new, so that a wrong byte is refused with its own fragment; a
// character that was cut may go on in the next one.
func (f *WSFrames) checkText(last bool) bool {
	rest := f.message[f.checked:]
	for len(rest) > 0 {
		if !last && !utf8.FullRune(rest) {
			break
		}
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			return false
		}
		rest = rest[size:]
	}
	f.checked = len(f.message) - len(rest)
	return true
}

// Partial reports whether a frame or a message has begun and not ended, after Next returned
// WSNeedMore: the time limit of a partial frame runs while it holds.
func (f *WSFrames) Partial() bool { return f.partial || f.fragment }

func (f *WSFrames) limit() int { return orDefault(f.Max, LineBytesMaxDefault) }

// AppendWSText appends a text message of a server: one frame, not masked.
func AppendWSText(dst, message []byte) []byte {
	return append(appendWSHeader(dst, byte(ws.OpText), len(message)), message...)
}

// AppendWSPing appends a ping without a payload.
func AppendWSPing(dst []byte) []byte { return appendWSHeader(dst, byte(ws.OpPing), 0) }

// AppendWSPong appends the answer to a ping.
func AppendWSPong(dst, payload []byte) []byte {
	return append(appendWSHeader(dst, byte(ws.OpPong), len(payload)), payload...)
}

// AppendWSClose appends a close frame. reason is cut to what fits; WSNoCode sends none of both.
func AppendWSClose(dst []byte, code WSCode, reason string) []byte {
	if code == WSNoCode {
		return appendWSHeader(dst, byte(ws.OpClose), 0)
	}
	reason = reason[:min(len(reason), ws.MaxControlFramePayloadSize-2)]
	dst = appendWSHeader(dst, byte(ws.OpClose), 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// appendWSHeader appends the header of a whole frame that is not masked (RFC 6455, 5.2).
func appendWSHeader(dst []byte, opcode byte, length int) []byte {
	dst = append(dst, 0x80|opcode)
	switch {
	case length < 126:
		return append(dst, byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(length))
}
