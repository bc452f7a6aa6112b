package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// checkVersionAndMethod compares the headers that repeat the body (2026-07-28,
// basic/transports, "Standard request headers"); what is missing is not its business.
func checkVersionAndMethod(r *codec.Request, in *inbound) *codec.Error {
	switch {
	case r.Dup:
		return codec.ErrHeaderMismatch.With("a header that MCP reads came more than once")
	case r.ProtocolVersion != nil && !bytes.Equal(r.ProtocolVersion, in.env.VersionName):
		return codec.ErrHeaderMismatch.With("MCP-Protocol-Version is %.64q, the body says %.64q",
			r.ProtocolVersion, in.env.VersionName)
	case r.McpMethod != nil && !bytes.Equal(r.McpMethod, in.msg.Method):
		return codec.ErrHeaderMismatch.With("Mcp-Method is %.64q, the body says %.64q",
			r.McpMethod, in.msg.Method)
	}
	return nil
}

// checkHeaders checks the rest: that required headers are there, Mcp-Name, and Mcp-Param-*.
func (s *Server) checkHeaders(r *codec.Request, in *inbound) *codec.Error {
	switch {
	case r.ProtocolVersion == nil:
		return codec.ErrHeaderMismatch.With("the header MCP-Protocol-Version is missing")
	case r.McpMethod == nil:
		return codec.ErrHeaderMismatch.With("the header Mcp-Method is missing")
	}
	param := in.method.NameParam()
	if param == "" || in.msg.Kind != codec.KindRequest {
		return nil
	}
	want, ok := codec.StringContent(in.msg.Param(param))
	if !ok {
		return nil // the method itself refuses it
	}
	if r.McpName == nil {
		return codec.ErrHeaderMismatch.With("the header Mcp-Name is missing")
	}
	// Slow path: it may be encoded. No tool has a name that would have to be.
	if !bytes.Equal(r.McpName, want) || in.method != mcp.MethodToolsCall {
		name, fault := decodeHeader("Mcp-Name", r.McpName)
		if fault != nil || !bytes.Equal(name, want) {
			return codec.ErrHeaderMismatch.With("Mcp-Name is %.128q, the body says %.128q",
				r.McpName, want)
		}
	}
	if t := in.view.tools.Lookup(want); t != nil && len(t.Handler.mirrored) > 0 {
		return checkParams(r, t.Handler.mirrored, in.msg.Arguments)
	}
	return nil
}

// Bounds of the sentinel that carries a value which a header cannot hold as it is (2026-07-28,
// basic/transports, "Value encoding").
var (
	sentinelPrefix = []byte("=?base64?")
	sentinelSuffix = []byte("?=")
)

// decodeHeader returns the value of an Mcp-Name or Mcp-Param-* header. What is not visible ASCII,
// space or tab must be encoded (RFC 9110 allows other bytes, but they mean nothing).
func decodeHeader(name string, value []byte) ([]byte, *codec.Error) {
	for _, c := range value {
		if c >= 0x7f || c < ' ' && c != '\t' {
			return nil, codec.ErrHeaderMismatch.With("%s has characters that must be encoded", name)
		}
	}
	if !bytes.HasPrefix(value, sentinelPrefix) || !bytes.HasSuffix(value, sentinelSuffix) ||
		len(value) < len(sentinelPrefix)+len(sentinelSuffix) {
		return value, nil
	}
	inner := value[len(sentinelPrefix) : len(value)-len(sentinelSuffix)]
	out, err := base64.StdEncoding.Strict().AppendDecode(nil, inner)
	if err != nil {
		return nil, codec.ErrHeaderMismatch.With("%s is not valid base64", name)
	}
	return out, nil
}

// checkParams compares every mirrored argument with its header.
func checkParams(r *codec.Request, mirrored []mcp.Mirror, arguments []byte) *codec.Error {
	for i := range mirrored {
		if fault := checkParam(&mirrored[i], r, arguments); fault != nil {
			return fault
		}
	}
	return nil
}

func checkParam(m *mcp.Mirror, r *codec.Request, arguments []byte) *codec.Error {
	value := json.RawMessage(arguments)
	for _, name := range m.Path {
		one, ok := member(value, name)
		if !ok {
			return codec.ErrHeaderMismatch.With("argument %.64q is there in two spellings", name)
		}
		value = one
	}
	raw, times := r.Header(m.Lower)
	absent := value == nil || string(value) == "null"
	switch {
	case times > 1:
		return codec.ErrHeaderMismatch.With("%s came more than once", m.Lower)
	case absent && times > 0:
		return codec.ErrHeaderMismatch.With("%s is there, its argument is not", m.Lower)
	case absent:
		return nil
	case times == 0:
		return codec.ErrHeaderMismatch.With("the header %s is missing", m.Lower)
	}
	got, fault := decodeHeader(m.Lower, raw)
	if fault != nil {
		return fault
	}
	if m.Kind == "integer" && !isSafe(value) {
		return codec.ErrHeaderMismatch.With("the argument of %s is beyond ±(2^53-1), where "+
			"readers of the header may round", m.Lower)
	}
	if !sameValue(string(got), value) {
		return codec.ErrHeaderMismatch.With("%s does not match the argument", m.Lower)
	}
	return nil
}

// member returns the member of an object, nil when there is none. It is false when a handler
// might take another value for it than we do: the name came twice, or in the wrong case, which
// encoding/json forgives.
func member(object []byte, name string) (value json.RawMessage, ok bool) {
	if len(object) == 0 || object[0] != '{' {
		return nil, true
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token()
	for dec.More() {
		token, _ := dec.Token()
		key, _ := token.(string)
		var one json.RawMessage
		if dec.Decode(&one) != nil {
			return nil, true // cannot be: the frame was scanned
		}
		if !strings.EqualFold(key, name) {
			continue
		}
		if key != name || value != nil {
			return nil, false
		}
		value = one
	}
	return value, true
}

// isSafe tells whether a number is one that every reader takes for the same (2026-07-28,
// server/tools: "Integer values MUST be within the safe range").
func isSafe(value json.RawMessage) bool {
	const largest = 1<<53 - 1
	f, err := strconv.ParseFloat(string(value), 64)
	return err == nil && f >= -largest && f <= largest || value[0] != '-' && value[0]-'0' > 9
}

// sameValue compares a header with a raw argument; integers by their value.
func sameValue(header string, value json.RawMessage) bool {
	if value[0] == '"' {
		var text string
		return json.Unmarshal(value, &text) == nil && header == text
	}
	if header == string(value) {
		return value[0] != '{' && value[0] != '['
	}
	a, okA := wholeNumber(header)
	b, okB := wholeNumber(string(value))
	return okA && okB && a == b
}

// wholeNumber is the plain form of a whole number of any length: "-0" and "5.00" are "0" and "5".
func wholeNumber(text string) (string, bool) {
	if whole, decimals, ok := strings.Cut(text, "."); ok {
		if decimals == "" || strings.Trim(decimals, "0") != "" {
			return "", false
		}
		text = whole
	}
	digits := strings.TrimPrefix(text, "-")
	switch {
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		return "", false
	case digits == "0":
		return digits, true
	}
	return text, digits[0] != '0'
}
