package gateway

import (
	"bytes"
	"encoding/json"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// contentFor is the member content of a tool's result, or messages of a prompt's, as clients of
// revision v know it: what they cannot read comes in a form that they can, as it does from this
// server's own tools. Everything else stays as it was written.
func contentFor(key string, value []byte, v mcp.Version) []byte {
	if v >= mcp.V20250618 || !bytes.Contains(value, []byte(`"resource_link"`)) &&
		!bytes.Contains(value, []byte(`"audio"`)) {
		return value // Fast path.
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return value // it is the upstream's fault, and the client's to find
	}
	for i, raw := range list {
		if key == `"content"` {
			list[i] = mcp.RawContentAt(raw, v)
			continue
		}
		out := []byte{'{'}
		err := eachMember(raw, func(m member) {
			if string(m.key) == `"content"` {
				m.value = mcp.RawContentAt(m.value, v)
			}
			out = append(append(append(append(out, m.key...), ':'), m.value...), ',')
		})
		if err == nil && len(out) > 1 && codec.Find(raw, "content") != nil {
			out[len(out)-1] = '}'
			list[i] = out
		}
	}
	down, err := json.Marshal(list)
	if err != nil {
		return value
	}
	return down
}
