// Hot path: no allocation, no lock, no log, no time.Now.

package codec

import (
	"strconv"
	"time"
)

// How the end of a body is told when it is not a number of bytes.
const (
	LengthChunked    = -1 // Transfer-Encoding: chunked; HTTP/1.1 peers only
	LengthUntilClose = -2 // the connection's end; implies Connection: close
	LengthNone       = -3 // no body and no length: 1xx, 204, 304
)

// ResponseHead is what AppendResponseHead writes. Nothing in it is kept.
type ResponseHead struct {
	Status      int
	ContentType string // left out when empty
	Length      int    // bytes of the body, or one of the Length constants
	Close       bool   // Connection: close
	KeepAlive   bool   // Connection: keep-alive, which only HTTP/1.0 peers need to read
	EventStream bool   // Cache-Control and X-Accel-Buffering: proxies must pass events at once
	Date        []byte // as AppendDate writes it; left out when empty
	SessionID   []byte // Mcp-Session-Id; left out when empty
	Allow       string // for 405; left out when empty
	Extra       []byte // whole lines as AppendHeader writes them
}

// AppendResponseHead appends a response head with its final CRLF.
func AppendResponseHead(dst []byte, h *ResponseHead) []byte {
	dst = appendStatusLine(dst, h.Status)
	if len(h.Date) > 0 {
		dst = append(append(append(dst, "Date: "...), h.Date...), '\r', '\n')
	}
	if h.ContentType != "" {
		dst = append(append(append(dst, "Content-Type: "...), h.ContentType...), '\r', '\n')
	}
	switch {
	case h.Length >= 0:
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, int64(h.Length), 10), '\r', '\n')
	case h.Length == LengthChunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if h.EventStream {
		dst = append(dst, "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"...)
	}
	if len(h.SessionID) > 0 {
		dst = AppendHeader(dst, "Mcp-Session-Id", h.SessionID)
	}
	if h.Allow != "" {
		dst = append(append(append(dst, "Allow: "...), h.Allow...), '\r', '\n')
	}
	dst = append(dst, h.Extra...)
	switch {
	case h.Close || h.Length == LengthUntilClose:
		dst = append(dst, "Connection: close\r\n"...)
	case h.KeepAlive:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, '\r', '\n')
}

// AppendJSONHead appends the head of the common answer: 200, application/json, a length, the
// connection stays open.
func AppendJSONHead(dst, date []byte, length int) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: "...)
	dst = append(dst, date...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	return append(dst, "\r\n\r\n"...)
}

// AppendEventStreamHead appends the head of a chunked event stream. sessionID may be nil.
func AppendEventStreamHead(dst, date, sessionID []byte) []byte {
	return AppendResponseHead(dst, &ResponseHead{
		Status: 200, ContentType: "text/event-stream", Length: LengthChunked,
		EventStream: true, Date: date, SessionID: sessionID,
	})
}

// AppendContinue appends the interim answer to Expect: 100-continue.
func AppendContinue(dst []byte) []byte { return append(dst, "HTTP/1.1 100 Continue\r\n\r\n"...) }

// AppendHeader appends one header line. Control characters in the value become spaces, so a
// value that came from a peer cannot end the line.
func AppendHeader(dst []byte, name string, value []byte) []byte {
	dst = append(append(dst, name...), ':', ' ')
	from := len(dst)
	dst = append(dst, value...)
	for i := nextControl(dst, from); i < len(dst); i = nextControl(dst, i+1) {
		dst[i] = ' '
	}
	return append(dst, '\r', '\n')
}

// AppendDate appends t as a Date header's value (29 bytes). Callers do it once a second and
// keep the bytes.
func AppendDate(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
}

// AppendChunk appends data as one chunk. Empty data appends nothing: an empty chunk would end
// the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = strconv.AppendUint(dst, uint64(len(data)), 16)
	dst = append(append(append(dst, '\r', '\n'), data...), '\r', '\n')
	return dst
}

const chunkOpening = "00000000\r\n"

// BeginChunk appends the opening of a chunk whose data the caller appends next; pass the mark
// to EndChunk. This saves the copy when the data is written piece by piece.
func BeginChunk(dst []byte) (dst2 []byte, mark int) {
	return append(dst, chunkOpening...), len(dst)
}

// EndChunk closes the chunk that BeginChunk opened at mark. A chunk without data is taken
// back. The data must be below 4 GiB.
func EndChunk(dst []byte, mark int) []byte {
	size := len(dst) - mark - len(chunkOpening)
	if size == 0 {
		return dst[:mark]
	}
	const digits = "0123456789abcdef"
	for i := mark + 7; size > 0; i-- {
		dst[i] = digits[size&15]
		size >>= 4
	}
	return append(dst, '\r', '\n')
}

// AppendLastChunk appends the end of a chunked body, without trailers.
func AppendLastChunk(dst []byte) []byte { return append(dst, "0\r\n\r\n"...) }

func appendStatusLine(dst []byte, status int) []byte {
	if status == 200 {
		return append(dst, "HTTP/1.1 200 OK\r\n"...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(append(dst, ' '), statusText(status)...)
	return append(dst, '\r', '\n')
}

// statusText names the statuses that the server sends. A reason phrase may be empty.
func statusText(status int) string {
	switch status {
	case 101:
		return "Switching Protocols"
	case 202:
		return "Accepted"
	case 204:
		return "No Content"
	case 304:
		return "Not Modified"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 406:
		return "Not Acceptable"
	case 408:
		return "Request Timeout"
	}
	return rareStatusText(status)
}

func rareStatusText(status int) string {
	switch status {
	case 409:
		return "Conflict"
	case 411:
		return "Length Required"
	case 413:
		return "Content Too Large"
	case 414:
		return "URI Too Long"
	case 415:
		return "Unsupported Media Type"
	case 417:
		return "Expectation Failed"
	case 421:
		return "Misdirected Request"
	case 426:
		return "Upgrade Required"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case 505:
		return "HTTP Version Not Supported"
	}
	return ""
}
