package declared

import (
	"bytes"
	"encoding/json"
)

// Arguments are those of one call, checked. An argument that was left out is that of its default,
// where defaults are used.
type Arguments struct {
	tool  *Tool
	given map[string]json.RawMessage
}

// JSON returns an argument as it was given, null too; nil when there is none.
func (a Arguments) JSON(name string) json.RawMessage {
	if raw, ok := a.given[name]; ok {
		return raw
	}
	return a.tool.defaults[name]
}

// Raw is JSON where null counts as left out.
func (a Arguments) Raw(name string) json.RawMessage {
	raw := a.JSON(name)
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// Text returns an argument as text: a string's content, a number or a switch as it was written,
// an array or an object as JSON. False: there is none.
func (a Arguments) Text(name string) (string, bool) {
	raw := a.Raw(name)
	if raw == nil {
		return "", false
	}
	return textOf(raw), true
}

// Texts returns the entries of an array, or what else the argument is, as texts. False: there is no
// such argument.
func (a Arguments) Texts(name string) ([]string, bool) {
	raw := a.Raw(name)
	if raw == nil {
		return nil, false
	}
	return TextsOf(raw), true
}

// TextsOf returns the entries of an array, or what else raw is, as texts. raw is valid JSON.
func TextsOf(raw json.RawMessage) []string {
	var entries []json.RawMessage
	if json.Unmarshal(raw, &entries) != nil {
		return []string{textOf(raw)}
	}
	texts := make([]string, 0, len(entries))
	for _, entry := range entries {
		texts = append(texts, textOf(entry))
	}
	return texts
}

// textOf is a value as text. raw is valid JSON.
func textOf(raw json.RawMessage) string {
	var text string
	var flat bytes.Buffer
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
		return text
	case json.Compact(&flat, raw) == nil:
		return flat.String()
	}
	return string(raw)
}
