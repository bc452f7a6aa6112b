package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/mcp/subschema"
)

// Mirror is an argument that a header of Streamable HTTP repeats, so that proxies can route by it:
// "x-mcp-header" in the tool's input schema (2026-07-28, server/tools).
type Mirror struct {
	Path   []string // the chain of properties from the arguments' root
	Header string   // "Mcp-Param-" and the annotation
	Lower  string   // Header in lower case
	Kind   string   // the argument's type: string, integer or boolean
}

const annotation = "x-mcp-header"

// Mirrors finds the annotations of an input schema, raw JSON. An error means that the tool is not
// valid over Streamable HTTP: an annotation is no token, comes twice, or stands where properties
// alone do not lead (2026-07-28, basic/transports/streamable-http, "Schema Extension").
func Mirrors(inputSchema []byte) ([]Mirror, error) {
	if !bytes.Contains(inputSchema, []byte(annotation)) &&
		!bytes.Contains(inputSchema, []byte(`\u`)) { // which may spell it
		return nil, nil
	}
	var root any
	if err := json.Unmarshal(inputSchema, &root); err != nil {
		return nil, fmt.Errorf("cannot read the input schema: %w", err)
	}
	annotations := 0
	subschema.Each(root, func(m map[string]any) {
		if _, ok := m[annotation]; ok {
			annotations++
		}
	})
	if annotations == 0 {
		return nil, nil
	}
	object, _ := root.(map[string]any)
	found, err := collectMirrors(nil, nil, object, map[string]bool{})
	if err == nil && len(found) != annotations {
		err = errors.New("x-mcp-header stands where properties alone do not lead")
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

func collectMirrors(
	found []Mirror, path []string, schema map[string]any, seen map[string]bool,
) ([]Mirror, error) {
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range properties {
		property, ok := value.(map[string]any)
		if !ok {
			continue
		}
		here := append(slices.Clone(path), name)
		if v, ok := property[annotation]; ok {
			name, _ := v.(string)
			kind, _ := property["type"].(string)
			header := "Mcp-Param-" + name
			lower := strings.ToLower(header)
			if !validMirror(name, kind) || seen[lower] {
				return nil, fmt.Errorf("property %.64q has a bad or repeated x-mcp-header %.64q; "+
					"want a token, at a string, integer or boolean", strings.Join(here, "."),
					fmt.Sprint(v))
			}
			seen[lower] = true
			found = append(found, Mirror{Path: here, Header: header, Lower: lower, Kind: kind})
		}
		var err error
		if found, err = collectMirrors(found, here, property, seen); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// validMirror tells whether a name is a token (RFC 9110, 5.6.2), and stands at a type that may be
// repeated.
func validMirror(name, kind string) bool {
	if kind != "string" && kind != "integer" && kind != "boolean" || name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return true
}
