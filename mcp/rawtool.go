package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/codec"
)

// RawTool is the definition of a tool as another server listed it. What it says is shown as it was
// written, unknown members included, less what a revision must not show; the name in Raw is
// replaced by Name, and execution is left out: whoever shows the tool says how it runs.
//
// In JSON it is Raw; reading one takes Name from it.
type RawTool struct {
	Name string
	Raw  json.RawMessage // a JSON object
}

// UnmarshalJSON keeps b and reads the name from it.
func (t *RawTool) UnmarshalJSON(b []byte) error {
	var named struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(b, &named); err != nil {
		return fmt.Errorf("cannot read a tool: %w", err)
	}
	t.Name, t.Raw = named.Name, bytes.Clone(b)
	return nil
}

// Mirrors is Mirrors of the tool's input schema.
func (t *RawTool) Mirrors() ([]Mirror, error) { return Mirrors(codec.Find(t.Raw, "inputSchema")) }

func (t *RawTool) key() (string, error) {
	return (&Tool{Name: t.Name}).key()
}

// rawToolSince says from which revision on a member may be shown; members that are not here always.
var rawToolSince = map[string]Version{
	"title": V20250618, "outputSchema": V20250618, "_meta": V20250618,
	"annotations": V20250326, "icons": V20251125,
}

func (t *RawTool) encode(v Version) ([]byte, error) {
	return (&RawDefinition{Kind: KindTool, Name: t.Name, Raw: t.Raw}).encode(v)
}

// toolMemberAt is the value of a tool's member as revision v knows it; nil: not at all.
func toolMemberAt(key string, value []byte, v Version) ([]byte, error) {
	switch {
	case key == "execution" || v < rawToolSince[key]:
		return nil, nil
	case key == "outputSchema" && !v.Modern():
		wrapped, err := legacyOutputSchema(json.RawMessage(value))
		if err != nil {
			return nil, err
		}
		return json.Marshal(wrapped)
	}
	return value, nil
}

// member is one of an object.
type member struct {
	key   string
	value []byte // raw JSON
}

// eachMember calls f for every member of object in its order.
func eachMember(object []byte, f func(key string, value []byte) error) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		name, _ := key.(string)
		if err := f(name, value); err != nil {
			return err
		}
	}
	return nil
}
