// Hot path: no allocation, no lock, no log, no time.Now.

package codec

import (
	"bytes"
	"encoding/binary"
)

// known numbers the headers that the parsers look at.
type known uint8

const (
	knownNone known = iota
	knownHost
	knownOrigin
	knownAccept
	knownExpect
	knownTrailer
	knownConnection
	knownContentType
	knownContentLength
	knownContentEncoding
	knownTransferEncoding
	knownAuthorization
	knownSessionID
	knownProtocolVersion
	knownMcpMethod
	knownMcpName
	knownLastEventID
)

var knownNames = map[string]known{
	"host":                 knownHost,
	"origin":               knownOrigin,
	"accept":               knownAccept,
	"expect":               knownExpect,
	"trailer":              knownTrailer,
	"connection":           knownConnection,
	"content-type":         knownContentType,
	"content-length":       knownContentLength,
	"content-encoding":     knownContentEncoding,
	"transfer-encoding":    knownTransferEncoding,
	"authorization":        knownAuthorization,
	"mcp-session-id":       knownSessionID,
	"mcp-protocol-version": knownProtocolVersion,
	"mcp-method":           knownMcpMethod,
	"mcp-name":             knownMcpName,
	"last-event-id":        knownLastEventID,
}

const (
	knownLengthMin = 4
	knownLengthMax = 20
)

// candidate is a known name in the form in which it is compared.
type candidate struct {
	head, tail uint64
	name       string
	id         known
}

// candidates lists the known names by length, at most three of each.
var candidates = func() (byLength [knownLengthMax + 1][3]candidate) {
	for name, id := range knownNames {
		row := &byLength[len(name)]
		i := 0
		for row[i].id != knownNone {
			i++
		}
		head, tail := endsOf([]byte(name))
		row[i] = candidate{head: head, tail: tail, name: name, id: id}
	}
	return byLength
}()

// endsOf loads both ends of a name of 4 octets or more, letters in lower case. Up to 16
// octets the ends are the whole name.
func endsOf(name []byte) (head, tail uint64) {
	const lower = 0x2020202020202020
	if n := len(name); n >= 8 {
		return binary.LittleEndian.Uint64(name) | lower,
			binary.LittleEndian.Uint64(name[n-8:]) | lower
	}
	return uint64(binary.LittleEndian.Uint32(name)) | lower,
		uint64(binary.LittleEndian.Uint32(name[len(name)-4:])) | lower
}

// knownName finds the number of a header name by its length and its ends: two loads and, for
// most lengths, one comparison. Setting the bit of lower case is exact because a name has no
// control characters: nothing else is mapped to a letter, a digit or a hyphen.
func knownName(name []byte) known {
	if len(name) < knownLengthMin || len(name) > knownLengthMax {
		return knownNone
	}
	head, tail := endsOf(name)
	row := &candidates[len(name)]
	for i := range row {
		c := &row[i]
		if c.id == knownNone {
			break
		}
		if c.head == head && c.tail == tail {
			if len(name) > 16 && !sameFold(name, c.name) {
				break
			}
			return c.id
		}
	}
	return knownNone
}

// guarded names the headers that decide framing, routing or access besides the known ones:
// they are refused in trailers, and so are names that read like them once a peer behind us
// has turned _ into - (as CGI-style gateways do).
var guarded = [...]string{
	"te", "upgrade", "cookie", "set-cookie", "forwarded", "cache-control", "keep-alive",
	"content-range", "max-forwards", "traceparent", "tracestate", "retry-after", "location",
}

var guardedPrefixes = [...]string{
	"mcp-", "sec-", "x-forwarded-", "x-real-", "proxy-", "www-auth", "if-",
}

// isGuarded reports whether a name decides framing, routing or access. Cold: it is asked for
// trailers and for names with an underscore only.
func isGuarded(name []byte) bool {
	if knownName(name) != knownNone {
		return true
	}
	for _, lower := range guarded {
		if sameFold(name, lower) {
			return true
		}
	}
	for _, prefix := range guardedPrefixes {
		if len(name) >= len(prefix) && sameFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// isTwin reports whether an unknown name reads like a guarded one with _ in place of -.
func isTwin(name []byte) bool {
	if bytes.IndexByte(name, '_') < 0 {
		return false
	}
	var scratch [32]byte // longer than every guarded name
	plain := scratch[:copy(scratch[:], name)]
	for i, c := range plain {
		if c == '_' {
			plain[i] = '-'
		}
	}
	// A name that was cut to the scratch can still be told by its prefix.
	return isGuarded(plain)
}
