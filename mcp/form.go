package mcp

import "encoding/json"

// Forms of elicitation by revision: 2025-11-25 brought choices with titles by oneOf, and choices of
// several (SEP-1330; PrimitiveSchemaDefinition of each schema.ts).

// properties are those of a form, decoded; nil when it has none.
func properties(form any) (root, fields map[string]any) {
	raw, err := json.Marshal(form)
	if err != nil || json.Unmarshal(raw, &root) != nil {
		return nil, nil
	}
	fields, _ = root["properties"].(map[string]any)
	return root, fields
}

// asksForSeveral tells whether a form has a field for several values, which nothing in 2025-06-18
// can stand for.
func asksForSeveral(form any) bool {
	_, fields := properties(form)
	for _, field := range fields {
		if f, ok := field.(map[string]any); ok && f["type"] == "array" {
			return true
		}
	}
	return false
}

// formOf20250618 is a form whose choices with titles are enum and enumNames.
func formOf20250618(form any) any {
	root, fields := properties(form)
	changed := false
	for _, field := range fields {
		f, _ := field.(map[string]any)
		choices, ok := f["oneOf"].([]any)
		if !ok {
			continue
		}
		values, names := make([]any, len(choices)), make([]any, len(choices))
		for i, choice := range choices {
			c, _ := choice.(map[string]any)
			values[i], names[i] = c["const"], c["title"]
		}
		delete(f, "oneOf")
		f["enum"], f["enumNames"] = values, names
		changed = true
	}
	if !changed {
		return form // as it was written, its order too
	}
	return root
}
