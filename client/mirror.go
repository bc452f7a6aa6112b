package client

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/mcploop/mcploop/mcp"
)

// mirror is an argument that a header repeats, so that proxies can route by it: "x-mcp-header"
// in the tool's input schema (2026-07-28, server/tools).
type mirror struct {
	path   []string // the chain of properties from the arguments' root
	header string
}

const mirrorDepthMax = 16

// learn remembers the annotations of a whole tools/list.
func (c *Client) learn(tools []mcp.ListedTool) {
	found := map[string][]mirror{}
	for i := range tools {
		if !bytes.Contains(tools[i].InputSchema, []byte("x-mcp-header")) {
			continue
		}
		var root schema
		if json.Unmarshal(tools[i].InputSchema, &root) == nil {
			found[tools[i].Name] = root.mirrors(nil, nil)
		}
	}
	c.mirrors.Store(&found)
}

// schema is what of a JSON Schema matters here: only properties lead to an annotation.
type schema struct {
	Header     string                     `json:"x-mcp-header"`
	Properties map[string]json.RawMessage `json:"properties"`
}

func (s *schema) mirrors(found []mirror, path []string) []mirror {
	if len(path) > mirrorDepthMax {
		return found
	}
	for name, raw := range s.Properties {
		var property schema
		if json.Unmarshal(raw, &property) != nil {
			continue // true, or a type that is not for headers
		}
		here := append(slices.Clone(path), name)
		if isToken(property.Header) {
			found = append(found, mirror{path: here, header: "Mcp-Param-" + property.Header})
		}
		found = property.mirrors(found, here)
	}
	return found
}

// mirrorHeaders returns the header lines for a call with these raw params; nil for none.
func (c *Client) mirrorHeaders(tool string, params []byte) []byte {
	known := c.mirrors.Load()
	if known == nil || !c.Version().Modern() || len((*known)[tool]) == 0 {
		return nil
	}
	var wire struct {
		Arguments map[string]any `json:"arguments"`
	}
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.UseNumber()
	if dec.Decode(&wire) != nil {
		return nil
	}
	var lines []byte
	for _, m := range (*known)[tool] {
		if text, ok := m.text(wire.Arguments); ok {
			lines = appendValue(lines, m.header, text)
		}
	}
	return lines
}

// text is the argument as a header says it; null and absent ones have no header.
func (m *mirror) text(arguments map[string]any) (string, bool) {
	var value any = arguments
	for _, name := range m.path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}
