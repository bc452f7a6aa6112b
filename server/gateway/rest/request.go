package rest

import (
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// Request is what one call asks of the API. Everything in it is escaped already.
type Request struct {
	Method string
	URL    *url.URL // without what is in Query
	Query  []Pair
	Header http.Header
	Body   []byte
	Type   string // of Body

	// Own are headers of the client's own credentials, in place of all others of their names.
	Own map[string]string
}

// Pair is a name and a value of a query or a form, not escaped.
type Pair struct{ Name, Value string }

// EncodePairs writes pairs as a query, or as a form.
func EncodePairs(pairs []Pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(EscapeQuery(p.Name))
		b.WriteByte('=')
		b.WriteString(EscapeQuery(p.Value))
	}
	return b.String()
}

// EscapeQuery escapes all but unreserved characters (RFC 3986, 2.3).
func EscapeQuery(text string) string { return escape(text, "") }

// PathText escapes an argument for a place in a path. With slashes it may be several segments. One
// that would lead elsewhere is an error: an empty one, and "." and "..", also between slashes that
// are escaped, since there are servers that unescape them first.
func PathText(name, text string, slashes bool) (string, error) {
	for _, segment := range strings.FieldsFunc(text, func(r rune) bool {
		return r == '/' || r == '\\'
	}) {
		if segment == "." || segment == ".." {
			return "", fmt.Errorf("%s must not lead up in the path", name)
		}
	}
	switch {
	case text == "":
		return "", fmt.Errorf("%s must not be empty: it is a part of the path", name)
	case slashes && (strings.HasPrefix(text, "/") || strings.Contains(text, "//")):
		return "", fmt.Errorf("%s must not begin with a slash, nor have two in a row", name)
	case slashes:
		return escape(text, "/"), nil
	}
	return escape(text, ""), nil
}

// CheckPath refuses a path in which arguments and literals together make a "." or "..".
func CheckPath(path string) error {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("the arguments must not lead up in the path")
		}
	}
	return nil
}

const upperHex = "0123456789ABCDEF"

// escape escapes all bytes but unreserved characters and those of kept.
func escape(text, kept string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if alnum || strings.IndexByte("-._~", c) >= 0 || strings.IndexByte(kept, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}

// HeaderText passes an argument that can be a header's value: no control characters (RFC 9110,
// 5.5), which would end it.
func HeaderText(name, text string) (string, error) {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", fmt.Errorf("%s must not have control characters: it is a header", name)
		}
	}
	return strings.Trim(text, " \t"), nil
}

// HeaderFault says what is wrong with a header that the configuration sets; "" for nothing.
func HeaderFault(name, value string) string {
	for i := range len(name) {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return fmt.Sprintf("cannot use the header name %q; write letters, digits and -", name)
		}
	}
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "":
		return "cannot use a header without a name"
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Trailer", "Upgrade":
		return fmt.Sprintf("cannot set the header %s; it belongs to the connection", name)
	}
	if _, err := HeaderText(name, value); err != nil {
		return fmt.Sprintf("cannot use the value of header %s; it has control characters", name)
	}
	return ""
}
