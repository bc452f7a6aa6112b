package codec

import "bytes"

// WSDeflateAccept is the answer to an offer of permessage-deflate that AcceptWSDeflate took.
const WSDeflateAccept = "permessage-deflate; server_no_context_takeover; " +
	"client_no_context_takeover"

// AcceptWSDeflate reads one Sec-WebSocket-Extensions header of a client (RFC 6455, 9.1; RFC 7692,
// 7.1). accept tells whether one of its offers is permessage-deflate with parameters that we can
// keep: the first such one is answered by WSDeflateAccept. An offer with a parameter that is
// unknown, comes twice or has a wrong value is declined, and so is a smaller window for what the
// server sends. valid is false when the header is malformed: then there is no WebSocket.
func AcceptWSDeflate(value []byte) (accept, valid bool) {
	r := extensionReader{rest: value}
	for r.next() {
		offer := deflateOffer{name: r.name}
		for r.param() {
			offer.take(r.key, r.value)
		}
		accept = accept || offer.good()
	}
	return accept && !r.malformed, !r.malformed
}

// deflateOffer is one offer of a client.
type deflateOffer struct {
	name []byte
	seen [4]bool
	bad  bool
}

func (o *deflateOffer) good() bool { return string(o.name) == "permessage-deflate" && !o.bad }

// take looks at one parameter. value is nil if it has none.
func (o *deflateOffer) take(key, value []byte) {
	which := -1
	switch string(key) {
	case "server_no_context_takeover":
		which, o.bad = 0, o.bad || value != nil
	case "client_no_context_takeover":
		which, o.bad = 1, o.bad || value != nil
	case "server_max_window_bits": // our window is the largest one
		which, o.bad = 2, true
	case "client_max_window_bits":
		which, o.bad = 3, o.bad || value != nil && !windowBits(value)
	}
	if which < 0 || o.seen[which] {
		o.bad = true
		return
	}
	o.seen[which] = true
}

// windowBits: 8 to 15, without leading zeros.
func windowBits(v []byte) bool {
	return len(v) == 1 && (v[0] == '8' || v[0] == '9') ||
		len(v) == 2 && v[0] == '1' && v[1] >= '0' && v[1] <= '5'
}

// extensionReader cuts extension-list (RFC 6455, 9.1): names with parameters, empty elements
// between commas left out.
type extensionReader struct {
	rest             []byte
	name, key, value []byte // value is nil without "="; quotes are taken off
	malformed        bool
}

// next goes to the next extension.
func (r *extensionReader) next() bool {
	for {
		r.skip()
		if r.malformed || len(r.rest) == 0 {
			return false
		}
		if r.rest[0] != ',' {
			break
		}
		r.rest = r.rest[1:]
	}
	r.name = r.token()
	return !r.malformed
}

// param goes to the next parameter of the extension.
func (r *extensionReader) param() bool {
	r.skip()
	switch {
	case r.malformed || len(r.rest) == 0 || r.rest[0] == ',':
		return false
	case r.rest[0] != ';':
		r.malformed = true
		return false
	}
	r.rest = r.rest[1:]
	r.skip()
	r.key, r.value = r.token(), nil
	r.skip()
	if r.malformed || len(r.rest) == 0 || r.rest[0] != '=' {
		return !r.malformed
	}
	r.rest = r.rest[1:]
	r.skip()
	if len(r.rest) == 0 || r.rest[0] != '"' {
		r.value = r.token()
		return !r.malformed
	}
	r.rest = r.rest[1:]
	r.value = r.token() // what is quoted must be a token all the same
	r.malformed = r.malformed || len(r.rest) == 0 || r.rest[0] != '"'
	if !r.malformed {
		r.rest = r.rest[1:]
	}
	return !r.malformed
}

func (r *extensionReader) skip() { r.rest = bytes.TrimLeft(r.rest, " \t") }

// token takes a token, which is not empty.
func (r *extensionReader) token() []byte {
	n := tokenLength(r.rest)
	token := r.rest[:n:n]
	r.rest = r.rest[n:]
	r.malformed = r.malformed || n == 0
	return token
}
