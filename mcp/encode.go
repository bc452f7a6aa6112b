package mcp

import (
	"encoding/json"
	"strconv"

	"github.com/mcploop/mcploop/codec"
)

// AppendCaching appends the members ttlMs and cacheScope (2026-07-28, required on lists and on
// server/discover).
func AppendCaching(dst []byte, ttlMs int64, scope string) []byte {
	dst = append(dst, `"ttlMs":`...)
	dst = strconv.AppendInt(dst, ttlMs, 10)
	dst = append(dst, `,"cacheScope":"`...)
	dst = append(dst, scope...)
	return append(dst, '"')
}

// AppendTextResult appends a CallToolResult with one text block; for raw handlers.
func AppendTextResult(dst, text []byte) []byte {
	dst = append(dst, `{"content":[{"type":"text","text":`...)
	dst = codec.AppendStringBytes(dst, text)
	return append(dst, `}]}`...)
}

// AppendRawTextResult is AppendTextResult for a text that is a raw JSON string already, such as
// an argument of the same request: it is copied as it is.
func AppendRawTextResult(dst []byte, text json.RawMessage) []byte {
	dst = append(dst, `{"content":[{"type":"text","text":`...)
	dst = append(dst, text...)
	return append(dst, `}]}`...)
}

// AppendErrorResult appends a CallToolResult with one text block and isError; for raw handlers.
func AppendErrorResult(dst, text []byte) []byte {
	dst = append(dst, `{"content":[{"type":"text","text":`...)
	dst = codec.AppendStringBytes(dst, text)
	return append(dst, `}],"isError":true}`...)
}

// Discover is what server/discover and initialize say of a server.
type Discover struct {
	ServerInfo   []byte // raw JSON Implementation
	Capabilities []byte // raw JSON ServerCapabilities
	Instructions string
	TTLMs        int64
	CacheScope   string
}

// AppendDiscover appends the result of server/discover (2026-07-28 schema: DiscoverResult).
func (d *Discover) AppendDiscover(dst []byte) []byte {
	dst = append(dst, `{"supportedVersions":`...)
	dst = append(dst, supportedJSON...)
	dst = append(dst, `,"capabilities":`...)
	dst = append(dst, d.Capabilities...)
	dst = d.appendInstructions(dst)
	dst = append(dst, ',')
	dst = AppendCaching(dst, d.TTLMs, d.CacheScope)
	dst = append(dst, ',')
	return append(AppendMeta(dst, "complete", d.ServerInfo), '}')
}

// AppendInitialize appends the result of initialize for a negotiated legacy revision.
func (d *Discover) AppendInitialize(dst []byte, v Version) []byte {
	dst = append(dst, `{"protocolVersion":"`...)
	dst = append(dst, v.String()...)
	dst = append(dst, `","capabilities":`...)
	dst = append(dst, d.Capabilities...)
	dst = append(dst, `,"serverInfo":`...)
	dst = append(dst, d.ServerInfo...)
	return append(d.appendInstructions(dst), '}')
}

func (d *Discover) appendInstructions(dst []byte) []byte {
	if d.Instructions == "" {
		return dst
	}
	dst = append(dst, `,"instructions":`...)
	return codec.AppendString(dst, d.Instructions)
}

// Negotiate returns the revision that initialize answers: the requested one when it is legacy
// and known, else the latest legacy one (2025-11-25, basic/lifecycle).
func Negotiate(requested []byte) Version {
	v := ParseVersion(requested)
	if v == NoVersion || v.Modern() {
		return LatestLegacy
	}
	return v
}
