package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// replyMax bounds one reply, head included; a server that sends more is at fault.
const replyMax = 64 << 20

var errReplyTooLong = fmt.Errorf("reply is longer than %d bytes", replyMax)

// reply is one answer of the server. Its slices are valid until the next read.
type reply struct {
	status  int    // of http; 200 elsewhere
	body    []byte // without newline or chunk framing
	stream  bool   // body holds events
	session string // Mcp-Session-Id, when the server named one
	closes  bool   // the server closes the connection after it
	control byte   // of WebSocket: wsPing, wsPong or wsClose; 0: a message
}

// responses cuts http/1.1 responses. The last head is remembered: servers repeat it for a
// second at a time (Date), so most heads cost one comparison. Connections with a session have
// one each, since servers repeat the session's id; all others of a thread share one.
type responses struct {
	head   []byte // bytes of the remembered head, nil when there is none
	known  reply  // its meaning, body unset
	length int    // its Content-Length
	chunks []byte // scratch for a decoded chunked body
}

// next returns the first response of buf and its length; 0 means that more bytes are needed.
func (r *responses) next(buf []byte) (reply, int, error) {
	// Fast path: the same head as before.
	if n := len(r.head); n > 0 && bytes.HasPrefix(buf, r.head) {
		if len(buf) < n+r.length {
			return reply{}, 0, nil
		}
		rep := r.known
		rep.body = buf[n : n+r.length]
		return rep, n + r.length, nil
	}
	// Slow path: a new head, or one with chunks behind it.
	end := bytes.Index(buf, []byte("\r\n\r\n"))
	if end < 0 {
		if len(buf) > 64<<10 {
			return reply{}, 0, errors.New("response head is longer than 64 KiB")
		}
		return reply{}, 0, nil
	}
	head := buf[:end+4]
	rep, length, err := parseHead(string(head[:end]))
	if err != nil {
		return reply{}, 0, err
	}
	if length < 0 {
		body, n, err := r.dechunk(buf[len(head):])
		if n == 0 || err != nil {
			return reply{}, 0, err
		}
		rep.body = body
		return rep, len(head) + n, nil
	}
	if length > replyMax {
		return reply{}, 0, errReplyTooLong
	}
	if rep.status == 200 && !rep.closes {
		r.head = append(r.head[:0], head...)
		r.known, r.length = rep, length
	}
	if len(buf) < len(head)+length {
		return reply{}, 0, nil
	}
	rep.body = buf[len(head) : len(head)+length]
	return rep, len(head) + length, nil
}

// parseHead reads a head without its empty line; length is -1 for a chunked body.
func parseHead(head string) (rep reply, length int, err error) {
	lines := strings.Split(head, "\r\n")
	var ok bool
	if rep.status, ok = statusOf(lines[0]); !ok {
		return rep, 0, fmt.Errorf("cannot read status line %q", lines[0])
	}
	framed := rep.status == 204 || rep.status == 304
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found {
			return rep, 0, fmt.Errorf("cannot read header line %q", line)
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(value); err != nil || length < 0 {
				return rep, 0, fmt.Errorf("cannot read Content-Length %q", value)
			}
			framed = true
		case "transfer-encoding":
			if !strings.EqualFold(value, "chunked") {
				return rep, 0, fmt.Errorf("cannot read Transfer-Encoding %q", value)
			}
			framed, length = true, -1
		case "content-type":
			rep.stream = strings.HasPrefix(value, "text/event-stream")
		case "mcp-session-id":
			rep.session = value
		case "connection":
			rep.closes = strings.EqualFold(value, "close")
		}
	}
	if !framed {
		return rep, 0, fmt.Errorf("response %q has neither length nor chunks", lines[0])
	}
	return rep, length, nil
}

func statusOf(line string) (int, bool) {
	rest, ok := strings.CutPrefix(line, "HTTP/1.1 ")
	if !ok || len(rest) < 3 {
		return 0, false
	}
	status, err := strconv.Atoi(rest[:3])
	return status, err == nil && status >= 200
}

// dechunk decodes a whole chunked body; n is 0 when its end has not come.
func (r *responses) dechunk(buf []byte) (body []byte, n int, err error) {
	r.chunks = r.chunks[:0]
	for {
		eol := bytes.Index(buf[n:], []byte("\r\n"))
		if eol < 0 {
			return nil, 0, nil
		}
		size, err := strconv.ParseUint(string(buf[n:n+eol]), 16, 31)
		if err != nil || size > replyMax {
			return nil, 0, fmt.Errorf("cannot read chunk size %q", buf[n:n+eol])
		}
		n += eol + 2
		end := n + int(size) + 2
		if len(buf) < end {
			return nil, 0, nil
		}
		if string(buf[end-2:end]) != "\r\n" {
			return nil, 0, fmt.Errorf("cannot find the end of a chunk of %d bytes", size)
		}
		if size == 0 {
			return r.chunks, end, nil
		}
		r.chunks = append(r.chunks, buf[n:end-2]...)
		n = end
	}
}

// eachEvent calls f with the data of every event of an event stream.
func eachEvent(stream []byte, f func(data []byte)) {
	var data []byte
	for len(stream) > 0 {
		line, rest, _ := bytes.Cut(stream, []byte("\n"))
		stream = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(data, bytes.TrimPrefix(value, []byte(" "))...)
		} else if len(line) == 0 && len(data) > 0 {
			f(data)
			data = nil
		}
	}
	if len(data) > 0 {
		f(data)
	}
}
