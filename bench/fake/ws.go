package fake

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
)

// WS serves MCP over WebSocket on any path.
func WS(t *testing.T, spoil Spoiler) string {
	t.Helper()
	calls := new(counter)
	return serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		in := bufio.NewReader(c)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
			"Connection: Upgrade\r\n\r\n"
		if _, err := io.WriteString(c, head); err != nil {
			return
		}
		for {
			if err := answerFrame(in, c, spoil, calls); err != nil {
				return
			}
		}
	})
}

func answerFrame(in *bufio.Reader, w io.Writer, spoil Spoiler, calls *counter) error {
	message, err := readFrame(in)
	if err != nil {
		return err
	}
	out, call := AnswerLine(message)
	if out == "" {
		return nil
	}
	if call && spoil != nil {
		if out = spoil(calls.Add(1), out); out == "" {
			return io.EOF
		}
	}
	_, err = io.WriteString(w, framed(out, wsFrame))
	return err
}

func wsFrame(answer string, whole bool) string {
	size := len(answer)
	if !whole {
		size += missing
	}
	return string(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(size))) + answer
}

// readFrame reads one message, whose mask must be zero, as that of bench is.
func readFrame(in *bufio.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	size := int(head[1] & 0x7f)
	if size == 126 {
		var long [2]byte
		if _, err := io.ReadFull(in, long[:]); err != nil {
			return nil, err
		}
		size = int(binary.BigEndian.Uint16(long[:]))
	}
	message := make([]byte, 4+size)
	_, err := io.ReadFull(in, message)
	return message[4:], err
}
