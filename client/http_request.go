package client

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mcploop/mcploop/codec"
)

// heads are the parts of a request head that are the same in every request to one server; post is
// without own.
type heads struct {
	post   []byte
	delete []byte
	get    []byte
	own    []byte // Options.Headers
}

func newHeads(u *url.URL, headers map[string]string) heads {
	target := u.RequestURI()
	tail := " HTTP/1.1\r\nHost: " + u.Host + "\r\n"
	own := HeaderLines(headers)
	h := heads{delete: append([]byte("DELETE "+target+tail), own...), own: own}
	h.get = append([]byte("GET "+target+tail+"Accept: text/event-stream\r\n"), own...)
	h.post = []byte("POST " + target + tail + "Content-Type: application/json\r\n" +
		"Accept: application/json, text/event-stream\r\n")
	return h
}

// HeaderLines writes headers as Options.Headers are sent, in the order of their names. What they
// hold is not checked.
func HeaderLines(headers map[string]string) []byte {
	var lines []byte
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lines = codec.AppendHeader(lines, name, []byte(headers[name]))
	}
	return lines
}

// request appends a whole request.
// token stands behind what all requests have, see beginning.
func (h *heads) request(out, token []byte, c *Call, e *encoder, f *facts) []byte {
	if c.verb == verbDelete || c.verb == verbListen {
		return bare(out, h.beginning(c.verb), token, f)
	}
	const rest = 128 // Mcp-Method, Content-Length
	own := h.own
	if c.Identity != nil {
		own = c.Identity
	}
	size := len(h.post) + len(own) + len(f.lines) + len(c.Headers) + 2*len(e.name) + len(e.body)
	out = append(slices.Grow(out, size+len(token)+rest), h.post...)
	out = append(out, token...)
	out = append(out, own...)
	out = append(out, f.lines...)
	if f.version.Modern() && c.verb != verbReply {
		out = appendValue(out, "Mcp-Method", c.Method)
		if e.name != nil {
			out = appendValue(out, "Mcp-Name", string(e.name))
		}
		out = append(out, c.Headers...)
	}
	out = append(out, "Content-Length: "...)
	out = strconv.AppendInt(out, int64(len(e.body)), 10)
	return append(append(out, "\r\n\r\n"...), e.body...)
}

// bare appends a request without a body.
func bare(out, head, token []byte, f *facts) []byte {
	out = append(append(out, head...), token...)
	return append(append(out, f.lines...), "\r\n"...)
}

// beginning is what all requests of that kind begin with.
func (h *heads) beginning(v verb) []byte {
	switch v {
	case verbDelete:
		return h.delete
	case verbListen:
		return h.get
	}
	return h.post
}

// appendValue appends the header that repeats a value of the body. What a header cannot hold as
// it is goes as base64 (2026-07-28, basic/transports, "Value encoding").
func appendValue(dst []byte, name, value string) []byte {
	if plainValue(value) {
		return codec.AppendHeader(dst, name, []byte(value))
	}
	dst = append(append(dst, name...), ": =?base64?"...)
	dst = base64.StdEncoding.AppendEncode(dst, []byte(value))
	return append(dst, "?=\r\n"...)
}

func plainValue(v string) bool {
	if v == "" || v[0] == ' ' || v[len(v)-1] == ' ' || strings.HasPrefix(v, "=?base64?") {
		return false
	}
	for i := 0; i < len(v); i++ {
		if v[i] < ' ' || v[i] > '~' {
			return false
		}
	}
	return true
}

// CheckHeaders reports the headers of Options that cannot be sent: bad names and values, and
// those that the client writes itself.
func CheckHeaders(headers map[string]string) error {
	var faults []error
	for name, value := range headers {
		switch {
		case !isToken(name):
			faults = append(faults, fmt.Errorf("cannot send header %q: its name is no token", name))
		case ownHeader(name):
			faults = append(faults, fmt.Errorf("cannot send header %q: the client writes it", name))
		case strings.ContainsFunc(value, isControl):
			faults = append(faults, fmt.Errorf("cannot send header %q: its value has a control "+
				"character", name))
		}
	}
	return errors.Join(faults...)
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func ownHeader(name string) bool {
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "mcp-") || strings.HasPrefix(lower, "sec-websocket-") {
		return true
	}
	return slices.Contains([]string{
		"host", "content-type", "content-length", "transfer-encoding", "accept", "connection",
		"upgrade", "expect", "te", "trailer",
	}, lower)
}

// mediaType compares the type of a Content-Type without its parameters.
func mediaType(value []byte, want string) bool {
	if len(value) < len(want) || !strings.EqualFold(string(value[:len(want)]), want) {
		return false
	}
	rest := bytes.TrimLeft(value[len(want):], " \t")
	return len(rest) == 0 || rest[0] == ';'
}
