package config

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// JSON is a JSON value that a file holds as YAML; "" is none.
type JSON string

// Units of JSON values.
const (
	jsonUnit   = "JSON"        // any value; ${VAR} stands in its texts
	schemaUnit = "JSON Schema" // an object, taken as it is: a pattern may hold ${
)

// jsonDepthMax bounds the nesting of one.
const jsonDepthMax = 64

// json reads a JSON value.
func (d *decoder) json(n *yaml.Node, path string) (JSON, bool) {
	unit := fieldAt(path).unit
	if unit == schemaUnit && n.Kind != yaml.MappingNode {
		d.fault(n, path, "%s where a JSON Schema must be, such as {type: object}", describe(n))
		return "", false
	}
	value, ok := d.jsonValue(n, path, unit == jsonUnit, 0)
	if !ok {
		return "", false
	}
	raw, err := json.Marshal(value)
	if err != nil {
		d.fault(n, path, "it cannot be written as JSON: %v", err)
		return "", false
	}
	d.origin[path] = origin{file: d.file, line: n.Line}
	return JSON(raw), true
}

// jsonValue turns a node into what encodes as its JSON.
func (d *decoder) jsonValue(n *yaml.Node, path string, env bool, depth int) (any, bool) {
	if depth > jsonDepthMax {
		d.fault(n, path, "it is nested deeper than %d", jsonDepthMax)
		return nil, false
	}
	if !d.plain(n, path) {
		return nil, false
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var ok bool
			if list[i], ok = d.jsonValue(item, path, env, depth+1); !ok {
				return nil, false
			}
		}
		return list, true
	case yaml.MappingNode:
		return d.jsonObject(n, path, env, depth)
	}
	return d.jsonScalar(n, path, env)
}

// member is one of an object, which keeps their order.
type member struct {
	name  string
	value any
}

type members []member

// MarshalJSON writes the object.
func (m members) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, one := range m {
		name, err := json.Marshal(one.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(one.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

func (d *decoder) jsonObject(n *yaml.Node, path string, env bool, depth int) (any, bool) {
	object := members{}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		line, dup := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fault(key, path, "%s where a name must be", describe(key))
			return nil, false
		case dup:
			d.fault(key, path, "%q is given twice, first on line %d; keep one", clip(key.Value),
				line)
			return nil, false
		}
		seen[key.Value] = key.Line
		value, ok := d.jsonValue(n.Content[i+1], path, env, depth+1)
		if !ok {
			return nil, false
		}
		object = append(object, member{key.Value, value})
	}
	return object, true
}

func (d *decoder) jsonScalar(n *yaml.Node, path string, env bool) (any, bool) {
	switch n.Tag {
	case "!!null":
		return nil, true
	case "!!bool":
		var on bool
		err := n.Decode(&on)
		return on, err == nil
	case "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) {
			d.fault(n, path, "%q is no number of JSON; write it in decimal digits", clip(n.Value))
			return nil, false
		}
		return json.Number(n.Value), true
	}
	if !env {
		return n.Value, true
	}
	text, _, err := substitute(n.Value, d.lookup)
	if err != nil {
		d.fault(n, path, "%s", err)
		return nil, false
	}
	return text, true
}
