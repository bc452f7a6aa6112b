package server

// Hot path: no allocation, no lock, no log, no time.Now.

import (
	"bytes"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// resultType is the member resultType of a modern result (2026-07-28 schema: ResultType).
type resultType uint8

const (
	resultComplete resultType = iota
	resultInputRequired
	resultTask // extension io.modelcontextprotocol/tasks

	resultTypeCount
)

var resultTypeNames = [resultTypeCount]string{"complete", "input_required", "task"}

// makeTails encodes what closes every modern result, by its type. info is the raw serverInfo.
func makeTails(info []byte) (tails [resultTypeCount][]byte) {
	for t := range tails {
		tails[t] = append(mcp.AppendMeta(nil, resultTypeNames[t], info), '}')
	}
	return tails
}

// appendWholeResult appends the answer to a request: result is the object that a handler gave.
func (v *view) appendWholeResult(
	dst, id, result []byte, version mcp.Version, t resultType,
) []byte {
	if !isObject(result) {
		return codec.AppendError(dst, id, codec.ErrInternal.With("the handler gave no object"), nil)
	}
	dst = appendResultHead(dst, id)
	body := len(dst)
	dst = append(dst, result...)
	return append(v.closeResult(dst, body, version, t), '}')
}

func appendResultHead(out, id []byte) []byte {
	out = append(out, resultHeadID...)
	out = append(out, id...)
	return append(out, resultHeadEnd...)
}

const (
	resultHeadID  = `{"jsonrpc":"2.0","id":`
	resultHeadEnd = `,"result":`
)

// behindResultHead returns the index behind what appendResultHead made of id, or 0 when out does
// not begin with that.
func behindResultHead(out, id []byte) int {
	rest, ok := bytes.CutPrefix(out, []byte(resultHeadID))
	if ok {
		rest, ok = bytes.CutPrefix(rest, id)
	}
	if ok {
		rest, ok = bytes.CutPrefix(rest, []byte(resultHeadEnd))
	}
	if !ok {
		return 0
	}
	return len(out) - len(rest)
}

func isObject(raw []byte) bool {
	return len(raw) >= 2 && raw[0] == '{' && raw[len(raw)-1] == '}'
}

// closeResult makes the result object out[body:] fit a line, and adds what the modern era wants
// at its end.
func (v *view) closeResult(out []byte, body int, version mcp.Version, t resultType) []byte {
	if bytes.IndexByte(out[body:], '\n') >= 0 {
		flatten(out[body:]) // Slow path: a raw handler gave indented JSON.
	}
	if !version.Modern() {
		return out
	}
	if bytes.HasPrefix(out[body:], metaPrefix) { // Slow path: the result has a _meta of its own.
		return v.mergeMeta(out, body, t)
	}
	out = out[:len(out)-1]
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return append(out, v.about.Load().tails[t]...)
}

// flatten blanks line ends: in valid JSON they are white space, and they would end a line frame.
func flatten(raw []byte) {
	for i, c := range raw {
		if c == '\n' || c == '\r' {
			raw[i] = ' '
		}
	}
}

var metaPrefix = []byte(`{"_meta":`)

// mergeMeta closes a modern result whose first member is _meta: its members join the server's.
func (v *view) mergeMeta(out []byte, body int, t resultType) []byte {
	result := bytes.Clone(out[body:])
	own := codec.Find(result, "_meta")
	rest := bytes.TrimLeft(result[len(metaPrefix)+len(own):], " ")
	out = append(out[:body], '{')
	if rest[0] == ',' {
		out = append(out, rest[1:len(rest)-1]...)
		out = append(out, ',')
	}
	out = append(out, v.about.Load().tails[t]...)
	if !isObject(own) || len(bytes.TrimSpace(own[1:len(own)-1])) == 0 {
		return out
	}
	out = append(out[:len(out)-2], ',')
	return append(append(out, own[1:]...), '}')
}
