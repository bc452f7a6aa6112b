package codec

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"

	"github.com/gobwas/ws"
)

// Hot path: no allocation, no lock, no log, no time.Now.

// WSMask is what a client masks one frame with. It must be new for each, and nobody who chose the
// payload may know it before (RFC 6455, 5.3 and 10.3).
type WSMask [4]byte

// AppendWSClientText appends a text message of a client: one frame, masked.
func AppendWSClientText(dst, message []byte, mask WSMask) []byte {
	return appendMasked(dst, ws.OpText, message, mask)
}

// AppendWSClientPong appends a client's answer to a ping.
func AppendWSClientPong(dst, payload []byte, mask WSMask) []byte {
	return appendMasked(dst, ws.OpPong, payload, mask)
}

// AppendWSClientClose appends a close frame of a client; WSNoCode sends none.
func AppendWSClientClose(dst []byte, code WSCode, mask WSMask) []byte {
	if code == WSNoCode {
		return appendMasked(dst, ws.OpClose, nil, mask)
	}
	var payload [2]byte
	binary.BigEndian.PutUint16(payload[:], uint16(code))
	return appendMasked(dst, ws.OpClose, payload[:], mask)
}

func appendMasked(dst []byte, op ws.OpCode, payload []byte, mask WSMask) []byte {
	start := len(dst)
	dst = appendWSHeader(dst, byte(op), len(payload))
	dst[start+1] |= 0x80
	dst = append(dst, mask[:]...)
	begin := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[begin:], mask, 0)
	return dst
}

// wsGUID is what the accept key is made of (RFC 6455, 1.3).
const wsGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// AppendWSAccept appends the Sec-WebSocket-Accept that answers the key of a client (RFC 6455,
// 4.2.2). key is the header's value as it came.
func AppendWSAccept(dst, key []byte) []byte {
	const keyBytes = 24 // the base64 of 16 bytes; nobody agrees to a longer one
	var room [keyBytes + len(wsGUID)]byte
	sum := sha1.Sum(append(append(room[:0], key...), wsGUID...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}
