// Hot path: no allocation, no lock, no log.

package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// upgrade asks for a WebSocket. What follows it in the same bytes is the first frame.
func (w *wire) upgrade() []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mcp\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
		w.opt.Path, w.opt.Addr, strings.Join(append(w.opt.Header, ""), "\r\n"))
}

// The first byte of frames that are not cut into pieces (RFC 6455, section 5.2).
const (
	wsText  = 0x81
	wsClose = 0x88
	wsPing  = 0x89
	wsPong  = 0x8a
)

// wsFrame is a text message of a client.
func wsFrame(message []byte) []byte { return wsMessage(wsText, message) }

// wsMessage is a frame of a client. Its mask is zero, which leaves the message as it is.
func wsMessage(first byte, message []byte) []byte {
	head := []byte{first}
	switch n := len(message); {
	case n < 126:
		head = append(head, 0x80|byte(n))
	case n <= 0xffff:
		head = binary.BigEndian.AppendUint16(append(head, 0x80|126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 0x80|127), uint64(n))
	}
	return append(append(head, 0, 0, 0, 0), message...)
}

var (
	errFrame  = errors.New("the server sent a frame that is no whole text message")
	errMasked = errors.New("the server sent a frame with a mask")
)

// cutFrame is cut for a WebSocket: the head of the upgrade's answer is passed over.
func cutFrame(buf []byte) (reply, int, error) {
	from := 0
	if bytes.HasPrefix(buf, []byte("HTTP/")) {
		end := bytes.Index(buf, []byte("\r\n\r\n"))
		if end < 0 {
			return reply{}, 0, nil
		}
		if !bytes.HasPrefix(buf, []byte("HTTP/1.1 101 ")) {
			return reply{}, 0, fmt.Errorf("no WebSocket: %s", clip(buf))
		}
		from = end + 4
	}
	at := buf[from:]
	if len(at) < 2 {
		return reply{}, 0, nil
	}
	var control byte
	switch at[0] {
	case wsText:
	case wsClose, wsPing, wsPong:
		control = at[0]
	default:
		return reply{}, 0, errFrame
	}
	size, n := 2, int(at[1])
	if n > 127 {
		return reply{}, 0, errMasked
	}
	switch n {
	case 126:
		if size = 4; len(at) >= size {
			n = int(binary.BigEndian.Uint16(at[2:]))
		}
	case 127:
		if size = 10; len(at) >= size {
			n = int(binary.BigEndian.Uint64(at[2:]))
		}
	}
	if len(at) < size {
		return reply{}, 0, nil
	}
	if n < 0 || n > replyMax {
		return reply{}, 0, errReplyTooLong
	}
	if len(at) < size+n {
		return reply{}, 0, nil
	}
	return reply{status: 200, body: at[size : size+n], control: control}, from + size + n, nil
}
