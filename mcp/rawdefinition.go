package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/codec"
)

// RawDefinition is a definition as another server listed it. What it says is shown as it was
// written, unknown members included, less what a revision must not show; what Raw has for
// Kind.Key() is replaced by Name.
type RawDefinition struct {
	Kind Kind
	Name string          // a name, a URI or a URI template
	Raw  json.RawMessage // a JSON object

	members []member // of Raw, when it was encoded for one revision
}

// ReadDefinition reads a definition of a list: Name is taken from raw, which is kept.
func ReadDefinition(kind Kind, raw json.RawMessage) (RawDefinition, error) {
	d := RawDefinition{Kind: kind, Raw: raw}
	if text := bytes.TrimSpace(raw); len(text) == 0 || text[0] != '{' {
		return d, fmt.Errorf("cannot read a %s: it is no object", kind)
	}
	name := codec.Find(raw, kind.Key())
	if name == nil {
		return d, nil
	}
	text, ok := codec.StringContent(name)
	if !ok {
		return d, fmt.Errorf("cannot read a %s: its %s must be a string", kind, kind.Key())
	}
	d.Name = string(text)
	return d, nil
}

func (d *RawDefinition) key() (string, error) {
	switch d.Kind {
	case KindTool:
		return (&Tool{Name: d.Name}).key()
	case KindResource:
		return (&Resource{URI: d.Name, Name: d.label()}).key()
	case KindTemplate:
		return (&ResourceTemplate{URITemplate: d.Name, Name: d.label()}).key()
	}
	return (&Prompt{Name: d.Name}).key()
}

// label is the name of a resource, which its URI is not.
func (d *RawDefinition) label() string {
	text, _ := codec.StringContent(codec.Find(d.Raw, "name"))
	return string(text)
}

func (d *RawDefinition) encode(v Version) ([]byte, error) {
	if d.members == nil {
		err := eachMember(d.Raw, func(key string, value []byte) error {
			d.members = append(d.members, member{key, value})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	at := memberAt
	if d.Kind == KindTool {
		at = toolMemberAt
	}
	out := codec.AppendString(append(make([]byte, 0, len(d.Raw)+len(d.Name)+64), '{'), d.Kind.Key())
	out = codec.AppendString(append(out, ':'), d.Name)
	for _, m := range d.members {
		if m.key == d.Kind.Key() {
			continue
		}
		value, err := at(m.key, m.value, v)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out = append(codec.AppendString(append(out, ','), m.key), ':')
			out = append(out, value...)
		}
	}
	return append(out, '}'), nil
}

// rawSince says from which revision on a member of a prompt, a resource or a template may be shown;
// members that are not here always.
var rawSince = map[string]Version{
	"title": V20250618, "_meta": V20250618, "icons": V20251125,
}

// memberAt is the value of a definition's member as revision v knows it; nil: not at all.
// lastModified of resources and the title of a prompt's argument are of 2025-06-18.
func memberAt(key string, value []byte, v Version) ([]byte, error) {
	switch {
	case v < rawSince[key]:
		return nil, nil
	case v >= V20250618:
		return value, nil
	}
	switch key {
	case "annotations":
		return without(value, "lastModified")
	case "arguments":
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil {
			return value, nil // it is the other server's fault, and its client's to find
		}
		for i := range list {
			down, err := without(list[i], "title")
			if err != nil {
				return nil, err
			}
			list[i] = down
		}
		return json.Marshal(list)
	}
	return value, nil
}

// without returns object less a member; what is no object comes back as it is.
func without(object []byte, name string) ([]byte, error) {
	if len(object) == 0 || object[0] != '{' || codec.Find(object, name) == nil {
		return object, nil
	}
	out := []byte{'{'}
	err := eachMember(object, func(key string, value []byte) error {
		if key != name {
			out = append(codec.AppendString(out, key), ':')
			out = append(append(out, value...), ',')
		}
		return nil
	})
	if last := len(out) - 1; out[last] == ',' {
		out = out[:last]
	}
	return append(out, '}'), err
}
