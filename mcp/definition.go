package mcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// The definitions of a server's lists, each with the members that a revision knows: tool
// annotations from 2025-03-26, title, outputSchema and _meta from 2025-06-18, icons from
// 2025-11-25 (schema.ts of each revision).

// ErrToolName is returned for a name that clients would refuse.
var ErrToolName = errors.New(
	"mcp: a tool's name must have 1 to 128 characters, each a letter, a digit, '_', '-' or '.'")

func (t *Tool) key() (string, error) {
	if !validToolName(t.Name) {
		return "", fmt.Errorf("cannot add tool %q: %w", t.Name, ErrToolName)
	}
	return t.Name, nil
}

func (t *Tool) encode(v Version) ([]byte, error) {
	down := *t
	if down.InputSchema == nil {
		down.InputSchema = map[string]string{"type": "object"}
	}
	if v < V20251125 {
		down.Icons = nil
	}
	if v != V20251125 { // experimental there, a matter of the server since 2026-07-28
		down.Execution = nil
	}
	if v < V20250618 {
		down.Title, down.OutputSchema, down.Meta = "", nil, nil
	}
	if v < V20250326 {
		down.Annotations = nil
	}
	if down.OutputSchema != nil && !v.Modern() {
		wrapped, err := legacyOutputSchema(down.OutputSchema)
		if err != nil {
			return nil, err
		}
		down.OutputSchema = wrapped
	}
	return json.Marshal(&down)
}

// legacyOutputSchema makes the root of an output schema an object, as every revision before
// 2026-07-28 wants: structuredContent is then wrapped the same way (StructuredMember).
func legacyOutputSchema(schema any) (any, error) {
	raw, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	var root struct {
		Type any `json:"type"`
	}
	if err := json.Unmarshal(raw, &root); err != nil || root.Type == "object" {
		return schema, err
	}
	return map[string]any{
		"type":       "object",
		"properties": map[string]any{StructuredMember: json.RawMessage(raw)},
		"required":   []string{StructuredMember},
	}, nil
}

// StructuredMember is the member under which a structured result that is no object is sent to
// legacy clients, which know objects alone.
const StructuredMember = "result"

// validToolName: 1 to 128 characters of [A-Za-z0-9_.-] (2025-11-25, server/tools).
func validToolName(name string) bool {
	if len(name) == 0 || len(name) > 128 {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// nameBytesMax bounds the names of prompts and the URIs of resources.
const nameBytesMax = 8 << 10

func (p *Prompt) key() (string, error) {
	if p.Name == "" || len(p.Name) > nameBytesMax {
		return "", fmt.Errorf("cannot add prompt %.64q: its name must have 1 to %d bytes",
			p.Name, nameBytesMax)
	}
	return p.Name, nil
}

func (p *Prompt) encode(v Version) ([]byte, error) {
	down := *p
	if v < V20251125 {
		down.Icons = nil
	}
	if v < V20250618 {
		down.Title, down.Meta = "", nil
		down.Arguments = append([]PromptArgument(nil), p.Arguments...)
		for i := range down.Arguments {
			down.Arguments[i].Title = ""
		}
	}
	return json.Marshal(&down)
}

func (r *Resource) key() (string, error) {
	u, err := url.Parse(r.URI)
	if err != nil || !u.IsAbs() || len(r.URI) > nameBytesMax {
		return "", fmt.Errorf("cannot add resource %.64q: its URI must be absolute, "+
			"e.g. \"file:///etc/hosts\", and have at most %d bytes", r.URI, nameBytesMax)
	}
	if r.Name == "" {
		return "", fmt.Errorf("cannot add resource %.64q: it needs a Name", r.URI)
	}
	return r.URI, nil
}

func (r *Resource) encode(v Version) ([]byte, error) {
	down := *r
	down.Annotations = r.Annotations.at(v)
	if v < V20251125 {
		down.Icons = nil
	}
	if v < V20250618 {
		down.Title, down.Meta = "", nil
	}
	return json.Marshal(&down)
}

func (r *ResourceTemplate) key() (string, error) {
	if _, err := CompileTemplate(r.URITemplate); err != nil {
		return "", err
	}
	if r.Name == "" {
		return "", fmt.Errorf("cannot add resource template %.64q: it needs a Name", r.URITemplate)
	}
	return r.URITemplate, nil
}

func (r *ResourceTemplate) encode(v Version) ([]byte, error) {
	down := *r
	down.Annotations = r.Annotations.at(v)
	if v < V20251125 {
		down.Icons = nil
	}
	if v < V20250618 {
		down.Title, down.Meta = "", nil
	}
	return json.Marshal(&down)
}

// at is the annotations as revision v knows them: lastModified is of 2025-06-18.
func (a *Annotations) at(v Version) *Annotations {
	if a == nil || a.LastModified == "" || v >= V20250618 {
		return a
	}
	down := *a
	down.LastModified = ""
	return &down
}
