package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mcploop/mcploop/mcp"
)

// inputSchema checks arguments before a typed handler sees them.
type inputSchema struct {
	resolved *jsonschema.Resolved
}

// prepareSchemas fills t's schemas from the types of a typed handler where t brings none.
func prepareSchemas(t *mcp.Tool, in, out reflect.Type) (*inputSchema, error) {
	if t.InputSchema == nil {
		derived, err := jsonschema.ForType(in, &jsonschema.ForOptions{})
		if err != nil {
			return nil, fmt.Errorf("cannot derive a schema from %s: %w", in, err)
		}
		t.InputSchema = derived
	}
	resolved, err := resolve(t.InputSchema)
	if err != nil {
		return nil, fmt.Errorf("cannot use the input schema: %w", err)
	}
	if t.OutputSchema == nil && structured(out) {
		derived, err := jsonschema.ForType(out, &jsonschema.ForOptions{})
		if err != nil {
			return nil, fmt.Errorf("cannot derive a schema from %s: %w", out, err)
		}
		t.OutputSchema = derived
	}
	return &inputSchema{resolved: resolved}, nil
}

// structured tells whether an answer of type t is sent as structuredContent.
func structured(t reflect.Type) bool {
	if t == reflect.TypeFor[*mcp.CallToolResult]() || t == reflect.TypeFor[mcp.CallToolResult]() ||
		t.Implements(reflect.TypeFor[mcp.Content]()) {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Map
}

// resolve compiles any value that marshals to a JSON Schema whose root is an object. A $ref to
// another document is refused: the default loader of the library loads nothing.
func resolve(schema any) (*jsonschema.Resolved, error) {
	raw, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if s.Type != "object" {
		return nil, fmt.Errorf("its type is %q; MCP wants \"object\" at the root", s.Type)
	}
	return s.Resolve(nil)
}

// check returns what is wrong with the raw arguments, or nil. No arguments are an empty object.
func (s *inputSchema) check(raw []byte) error {
	value := any(map[string]any{})
	if raw != nil {
		var err error
		dec := json.NewDecoder(bytes.NewReader(raw))
		if value, err = decodeUnique(dec); err != nil {
			return err
		}
	}
	return s.resolved.Validate(value)
}

// decodeUnique decodes one JSON value and refuses an object that names a member twice: the
// decoder of the handler and the validator could take different ones.
func decodeUnique(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return decodeArray(dec)
	case json.Delim('{'):
		return decodeObject(dec)
	}
	return token, nil
}

func decodeArray(dec *json.Decoder) (any, error) {
	list := []any{}
	for dec.More() {
		v, err := decodeUnique(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := dec.Token()
	return list, err
}

func decodeObject(dec *json.Decoder) (any, error) {
	object := map[string]any{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := token.(string)
		if !ok {
			return nil, errors.New("a member's name must be a string")
		}
		if _, twice := object[key]; twice {
			return nil, fmt.Errorf("member %q comes twice", key)
		}
		if object[key], err = decodeUnique(dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return object, err
}
