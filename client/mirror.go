package client

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/mcploop/mcploop/mcp"
)

// learn remembers what headers of a call repeat, and returns the tools that may be used. Over
// Streamable HTTP of the modern era a client must leave out those whose annotations are not valid
// (2026-07-28, basic/transports/streamable-http, "Schema Extension"); elsewhere they mean nothing.
func (c *Client) learn(tools []mcp.RawDefinition) (fit []mcp.RawDefinition, unfit []Unfit) {
	if !c.mirrored() {
		return tools, nil
	}
	known := map[string][]mcp.Mirror{}
	fit = slices.DeleteFunc(tools, func(t mcp.RawDefinition) bool {
		mirrors, err := (&mcp.RawTool{Name: t.Name, Raw: t.Raw}).Mirrors()
		if err != nil {
			c.opt.Log.Warn("client: tool left out", "tool", t.Name, "reason", err)
			unfit = append(unfit, Unfit{t.Name, err.Error()})
			return true
		}
		if len(mirrors) > 0 {
			known[t.Name] = mirrors
		}
		return false
	})
	c.mirrors.Store(&known)
	return fit, unfit
}

// mirrored tells whether headers repeat arguments here.
func (c *Client) mirrored() bool {
	return strings.HasPrefix(c.opt.URL, "http://") && c.Version().Modern()
}

// LearnFrom has c know what headers of a call repeat as the last list of tools of other says, a
// client of the same server: then c need not list them.
func (c *Client) LearnFrom(other *Client) {
	if known := other.mirrors.Load(); known != nil {
		c.mirrors.Store(known)
	}
}

// MirrorHeaders returns the header lines (Call.Headers) that repeat arguments of a call of the tool
// with these raw params, as the last list of tools wants it; nil for none.
func (c *Client) MirrorHeaders(tool string, params []byte) []byte {
	known := c.mirrors.Load()
	if known == nil || !c.mirrored() || len((*known)[tool]) == 0 {
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
		if text, ok := mirrorText(&m, wire.Arguments); ok {
			lines = appendValue(lines, m.Header, text)
		}
	}
	return lines
}

// mirrorText is the argument as a header says it; null and absent ones have no header.
func mirrorText(m *mcp.Mirror, arguments map[string]any) (string, bool) {
	var value any = arguments
	for _, name := range m.Path {
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
