package codec

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// Hot path: no allocation, no lock, no log, no time.Now.
//
// The functions below append one message to dst and return it. They trust id, result, params
// and data to be valid JSON (Scanner.Valid checks that), but they never let a line break
// through: a newline between two tokens would end the frame early on a line door.

// AppendResult appends the answer that carries result, a raw JSON value.
func AppendResult(dst, id, result []byte) []byte {
	dst = appendHead(dst, id)
	dst = append(dst, `,"result":`...)
	dst = appendRaw(dst, result)
	return append(dst, '}')
}

// AppendError appends the answer that carries e. A nil id becomes null, for a message whose id
// could not be read; nil data is left out.
func AppendError(dst, id []byte, e *Error, data []byte) []byte {
	dst = appendHead(dst, id)
	dst = append(dst, `,"error":{"code":`...)
	dst = strconv.AppendInt(dst, int64(e.Code), 10)
	dst = append(dst, `,"message":`...)
	dst = AppendString(dst, e.Message)
	if data != nil {
		dst = append(dst, `,"data":`...)
		dst = appendRaw(dst, data)
	}
	return append(dst, "}}"...)
}

// AppendNotification appends a message that wants no answer; nil params are left out.
func AppendNotification(dst []byte, method string, params []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0"`...)
	return appendMethod(dst, method, params)
}

// AppendRequest appends a message that wants an answer; nil params are left out.
func AppendRequest(dst, id []byte, method string, params []byte) []byte {
	return appendMethod(appendHead(dst, id), method, params)
}

func appendHead(dst, id []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	if id == nil {
		return append(dst, "null"...)
	}
	return append(dst, id...)
}

func appendMethod(dst []byte, method string, params []byte) []byte {
	dst = append(dst, `,"method":`...)
	dst = AppendString(dst, method)
	if params != nil {
		dst = append(dst, `,"params":`...)
		dst = appendRaw(dst, params)
	}
	return append(dst, '}')
}

// appendRaw appends a JSON value as it is, but with blanks for its line breaks. These stand
// between tokens, so that the value stays the same.
func appendRaw(dst, raw []byte) []byte {
	from := len(dst)
	dst = append(dst, raw...)
	// Fast path: compact JSON.
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return dst
	}
	for i := from; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}

// AppendString appends s as a JSON string. What is no valid UTF-8 in s becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	return appendString(dst, s)
}

// AppendStringBytes is AppendString for bytes.
func AppendStringBytes(dst, s []byte) []byte {
	return appendString(dst, s)
}

// appendString copies runs of plain bytes and escapes what is between them.
func appendString[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	from := 0
	for i := special(s, 0); i < len(s); i = special(s, i) {
		c := s[i]
		if c >= utf8.RuneSelf {
			if size := runeSize(s[i:]); size > 0 {
				i += size
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscaped(dst, c)
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// runeSize returns the length of the character that s begins with, 0 when it is not UTF-8.
func runeSize[S string | []byte](s S) int {
	var head [utf8.UTFMax]byte
	r, size := utf8.DecodeRune(head[:copy(head[:], s)])
	if r == utf8.RuneError && size <= 1 {
		return 0
	}
	return size
}

// appendEscaped appends the escape of c; a byte that is no UTF-8 becomes U+FFFD.
func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case c >= utf8.RuneSelf:
		return append(dst, `\ufffd`...)
	case c == '"', c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\r':
		return append(dst, `\r`...)
	case c == '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
