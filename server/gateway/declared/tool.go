package declared

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/mcp/schema"
)

// Definition is what is declared of a tool.
type Definition struct {
	Name        string // 1 to 128 characters of [A-Za-z0-9_.-]
	Title       string
	Description string
	Input       json.RawMessage // a JSON Schema of type "object"; nil is one without properties
	Output      json.RawMessage // of structuredContent; nil is none
	Annotations *mcp.ToolAnnotations

	// Defaults has an argument that a call leaves out take the default of its property.
	Defaults bool
}

// Tool is a compiled Definition. It is immutable and safe for concurrent use.
type Tool struct {
	Name string
	Raw  json.RawMessage // the definition, as tools/list has it

	input, output *schema.Checker
	properties    map[string]json.RawMessage // of the input schema
	defaults      map[string]json.RawMessage // of these; empty unless they are to be used
}

// New compiles a definition. The error says which of its schemas cannot be used, and why.
func New(def Definition) (*Tool, error) {
	if def.Input == nil {
		def.Input = json.RawMessage(`{"type":"object"}`)
	}
	wire := mcp.Tool{
		Name: def.Name, Title: def.Title, Description: def.Description, InputSchema: def.Input,
		Annotations: def.Annotations,
	}
	t := &Tool{Name: def.Name}
	var err error
	if t.input, err = compile("input", def.Input); err != nil {
		return nil, err
	}
	if def.Output != nil {
		if t.output, err = compile("output", def.Output); err != nil {
			return nil, err
		}
		wire.OutputSchema = def.Output
	}
	if t.Raw, err = json.Marshal(&wire); err != nil {
		return nil, fmt.Errorf("cannot encode the tool: %w", err)
	}
	return t, t.readProperties(def)
}

// compile compiles a schema whose type must be "object".
func compile(which string, raw json.RawMessage) (*schema.Checker, error) {
	c, err := schema.Compile(raw)
	if err != nil {
		return nil, fmt.Errorf("its %s schema: %w", which, err)
	}
	if !c.Object() {
		return nil, fmt.Errorf("its %s schema: cannot use %.64s; write type: object at its top",
			which, raw)
	}
	return c, nil
}

// readProperties keeps what the input schema says of each argument.
func (t *Tool) readProperties(def Definition) error {
	var root struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal(def.Input, &root); err != nil {
		return fmt.Errorf("its input schema: %w", err)
	}
	t.properties, t.defaults = root.Properties, map[string]json.RawMessage{}
	if !def.Defaults {
		return nil
	}
	for name, raw := range root.Properties {
		if value := codec.Find(raw, "default"); value != nil {
			t.defaults[name] = json.RawMessage(value)
		}
	}
	return nil
}

// Knows reports names of arguments that a template uses and the input schema does not have.
func (t *Tool) Knows(names []string) error {
	for _, name := range names {
		if _, ok := t.properties[name]; !ok {
			return fmt.Errorf("cannot use {%s}: its input schema has no such property; of those "+
				"that it has there are %q", name, slices.Sorted(maps.Keys(t.properties)))
		}
	}
	return nil
}

// DeriveInput returns the schema of arguments that are texts: those of required must be there.
func DeriveInput(names, required []string) json.RawMessage {
	properties := map[string]any{}
	for _, name := range names {
		properties[name] = map[string]string{"type": "string"}
	}
	root := map[string]any{
		"type": "object", "properties": properties, "additionalProperties": false,
	}
	if len(required) > 0 {
		root["required"] = slices.Compact(slices.Sorted(slices.Values(required)))
	}
	raw, err := json.Marshal(root)
	if err != nil {
		panic("BUG: a schema of texts is not JSON: " + err.Error())
	}
	return raw
}

// Arguments checks the raw arguments of a call, nil for none, and takes them apart. They are valid
// as long as raw.
func (t *Tool) Arguments(raw []byte) (Arguments, error) {
	if raw == nil {
		raw = []byte("{}")
	}
	if err := t.input.Check(raw); err != nil {
		return Arguments{}, err
	}
	a := Arguments{tool: t}
	if err := json.Unmarshal(raw, &a.given); err != nil {
		return Arguments{}, fmt.Errorf("cannot read the arguments: %w", err)
	}
	return a, nil
}

// Refuse is the answer to a call whose arguments cannot be used: the model shall see it from
// 2025-11-25 on (SEP-1303); before that it is a protocol error.
func (t *Tool) Refuse(fault error, v mcp.Version) ([]byte, error) {
	text := fmt.Sprintf("invalid arguments for tool %q: %v", t.Name, fault)
	if len(text) > faultTextBytes {
		text = strings.ToValidUTF8(text[:faultTextBytes], "") + " …"
	}
	if v >= mcp.V20251125 {
		return mcp.AppendErrorResult(nil, []byte(text)), nil
	}
	return nil, codec.ErrInvalidParams.With("%s", text)
}

// faultTextBytes bounds what an answer says of its faulty arguments, which may repeat them.
const faultTextBytes = 1 << 10
