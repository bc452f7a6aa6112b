package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// facts are what was agreed with the server. They are immutable; a Mux swaps them whole.
type facts struct {
	version mcp.Version
	meta    []byte    // begins every request's _meta, up to the capabilities; nil in the legacy era
	able    []byte    // the capabilities, where the call has none of its own
	session string    // Mcp-Session-Id; "" in the modern era and on line wires
	lines   []byte    // HTTP header lines that follow from the above
	loud    *loudness // of a legacy session; nil in the modern era
}

// newFacts prepares what every request of version v says of itself. info and capabilities are
// raw JSON objects.
func newFacts(v mcp.Version, session string, info, capabilities []byte) *facts {
	f := &facts{version: v, session: session}
	if v != mcp.NoVersion {
		f.lines = codec.AppendHeader(nil, "MCP-Protocol-Version", []byte(v.String()))
	}
	if session != "" {
		f.lines = codec.AppendHeader(f.lines, "Mcp-Session-Id", []byte(session))
	}
	if !v.Modern() {
		f.loud = &loudness{}
	} else {
		f.able = capabilities
		f.meta = fmt.Appendf(nil, `"%s":"%s","%s":%s,"%s":`,
			mcp.MetaProtocolVersion, v, mcp.MetaClientInfo, info, mcp.MetaClientCapabilities)
	}
	return f
}

// encoder writes one request. It is used by one goroutine at a time; Mux keeps a pool of them.
type encoder struct {
	scanner codec.Scanner
	msg     codec.Message // of probe: the params' members
	probe   []byte        // a message around params, to scan them
	body    []byte        // the encoded message, one line without its end
	name    []byte        // what Mcp-Name repeats; nil for a method without it
	own     []byte        // holds name if the caller gave it
}

const encoderBytesMax = 256 << 10 // an encoder that grew beyond is not kept

// read checks params and finds their members.
func (e *encoder) read(c *Call) error {
	e.msg, e.name = codec.Message{}, nil
	switch {
	case c.Params == nil:
		return nil
	case c.Sound: // Fast path.
		if nameParam(c.Method) != "" {
			e.own = append(e.own[:0], c.Name...)
			e.name = e.own
		}
		return nil
	}
	const opening = `{"jsonrpc":"2.0","method":"m","params":`
	e.probe = append(append(append(e.probe[:0], opening...), c.Params...), '}')
	fault := e.scanner.Scan(e.probe, &e.msg)
	// Params that close their own object would smuggle members into the envelope.
	if fault != nil || len(e.msg.Params) != len(bytes.TrimSpace(c.Params)) {
		return fmt.Errorf("cannot call %q: its params must be a JSON object: %w", c.Method,
			codec.ErrInvalidParams)
	}
	if key := nameParam(c.Method); key != "" {
		if name, ok := codec.StringContent(e.msg.Param(key)); ok {
			e.name = name
		}
	}
	return nil
}

// nameParam is the member of params that Mcp-Name repeats (2026-07-28, basic/transports,
// "Standard request headers"; the tasks extension for the last).
func nameParam(method string) string {
	switch method {
	case "tools/call", "prompts/get":
		return "name"
	case "resources/read":
		return "uri"
	case "tasks/get", "tasks/update", "tasks/cancel":
		return "taskId"
	}
	return ""
}

// encode writes the message of c under id to e.body. read came before.
func (e *encoder) encode(c *Call, id uint64, f *facts) {
	switch c.verb {
	case verbReply:
		e.body = append(e.body[:0], c.Params...)
		e.toOneLine()
		return
	case verbNotify:
		e.body = append(e.body[:0], `{"jsonrpc":"2.0","method":`...)
	default:
		e.body = append(e.body[:0], `{"jsonrpc":"2.0","id":`...)
		e.body = strconv.AppendUint(e.body, id, 10)
		e.body = append(e.body, `,"method":`...)
	}
	e.body = codec.AppendString(e.body, c.Method)
	switch {
	case f.meta != nil, c.Progress != nil, e.claims():
		e.body = append(e.body, `,"params":`...)
		e.appendParams(c, id, f)
	case c.Params != nil:
		e.body = append(append(e.body, `,"params":`...), c.Params...)
	}
	e.body = append(e.body, '}')
	e.toOneLine()
}

// claims tells whether the params' own _meta speaks for another connection.
func (e *encoder) claims() bool {
	for i := range e.msg.MetaMembers {
		if reserved(e.msg.MetaMembers[i].Key) {
			return true
		}
	}
	return false
}

func reserved(key []byte) bool {
	switch string(key) {
	case mcp.MetaProtocolVersion, mcp.MetaClientCapabilities, mcp.MetaClientInfo:
		return true
	}
	return false
}

// appendParams writes the params with their _meta merged: ours goes first and wins.
func (e *encoder) appendParams(c *Call, id uint64, f *facts) {
	if c.Sound {
		e.body = append(append(e.body, c.Params[:len(c.Params)-1]...), ',')
	} else {
		e.body = append(e.body, '{')
	}
	for i := range e.msg.ParamMembers {
		m := &e.msg.ParamMembers[i]
		if string(m.Key) == "_meta" {
			continue
		}
		e.appendMember(m)
	}
	e.body = append(e.body, `"_meta":{`...)
	if f.meta != nil {
		able := f.able
		if c.Capabilities != nil {
			able = c.Capabilities
		}
		e.body = append(append(append(e.body, f.meta...), able...), ',')
	}
	if c.Progress != nil {
		e.body = append(e.body, `"progressToken":`...)
		e.body = append(strconv.AppendUint(e.body, id, 10), ',')
	}
	for i := range e.msg.MetaMembers {
		m := &e.msg.MetaMembers[i]
		if reserved(m.Key) || c.Progress != nil && string(m.Key) == mcp.MetaProgressToken {
			continue
		}
		e.appendMember(m)
	}
	if last := len(e.body) - 1; e.body[last] == ',' {
		e.body = e.body[:last]
	}
	e.body = append(e.body, "}}"...)
}

func (e *encoder) appendMember(m *codec.Member) {
	e.body = append(codec.AppendStringBytes(e.body, m.Key), ':')
	e.body = append(append(e.body, m.Value...), ',')
}

// toOneLine puts blanks for line breaks. The body is JSON, so they stand between tokens.
func (e *encoder) toOneLine() {
	if bytes.IndexByte(e.body, '\n') < 0 && bytes.IndexByte(e.body, '\r') < 0 {
		return
	}
	for i, c := range e.body {
		if c == '\n' || c == '\r' {
			e.body[i] = ' '
		}
	}
}

// rawObject marshals v to a JSON object; nil is an empty one.
func rawObject(what string, v any) ([]byte, error) {
	if v == nil {
		return []byte("{}"), nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("cannot encode %s: %w", what, err)
	}
	if raw[0] != '{' {
		return nil, fmt.Errorf("cannot encode %s: it must be a JSON object, not %.20s", what, raw)
	}
	return raw, nil
}
