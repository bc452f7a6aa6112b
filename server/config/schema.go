package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// envPattern lets a ${VAR} stand wherever a number or a switch may stand.
const envPattern = `\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}`

type object = map[string]any

// Schema returns the JSON schema (draft 2020-12) of a config file, for editors. It is made
// from the structs and the field table, and is committed as docs/config.schema.json.
func Schema() []byte {
	root := schemaOf(reflect.ValueOf(Default()).Elem(), "")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "mcploop configuration"
	root["$defs"] = object{
		"env": object{"type": "string", "pattern": envPattern},
		"size": object{
			"type":    "string",
			"pattern": `^([0-9]+(\.[0-9]+)? *(KiB|MiB|GiB|KB|MB|GB)|[0-9][0-9_]* *B?)$`,
		},
		"duration": object{
			"type":    "string",
			"pattern": `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`,
		},
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic("BUG: the config schema is not JSON: " + err.Error())
	}
	return out.Bytes()
}

// schemaOf returns the schema of one section, whose defaults are in v.
func schemaOf(v reflect.Value, path string) object {
	properties := object{}
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "" {
			continue
		}
		child := join(path, key)
		if v.Field(i).Kind() == reflect.Struct {
			section := schemaOf(v.Field(i), child)
			section["type"] = []string{"object", "null"}
			properties[key] = section
			continue
		}
		if all, ok := asNamed(v.Field(i)); ok {
			one := schemaOf(all.fresh(), join(child, all.word()))
			properties[key] = object{
				"type": []string{"object", "null"}, "additionalProperties": one,
				"maxProperties": listMax,
			}
			continue
		}
		properties[key] = fieldAt(child).schema(v.Field(i))
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// schema returns the schema of one leaf, whose default is v.
func (f *field) schema(v reflect.Value) object {
	s := object{"description": f.describe(), "default": f.defaultJSON(v)}
	if f.unit != "" {
		s["x-unit"] = f.unit
	}
	if f.hot {
		s["x-change"] = "hot"
	} else {
		s["x-change"] = "cold"
	}
	switch {
	case f.unit == schemaUnit:
		s["type"] = []string{"object", "null"}
	case f.unit == jsonUnit: // any value
	case v.Kind() == reflect.Slice:
		s["type"], s["items"], s["maxItems"] = "array", object{"type": "string"}, listMax
	case v.Kind() == reflect.Map:
		s["type"], s["maxProperties"] = "object", listMax
		s["additionalProperties"] = object{"type": []string{"string", "number"}}
	case v.Kind() == reflect.String && f.enum != nil:
		s["anyOf"] = []object{{"enum": f.enum}, ref("env")}
	case f.word != nil && f.unit == bytesUnit:
		s["anyOf"] = []object{{"enum": f.word}, f.integerSchema(), ref("size"), ref("env")}
	case f.word != nil:
		s["anyOf"] = []object{{"enum": f.word}, f.integerSchema(), ref("env")}
	case v.Kind() == reflect.String:
		s["type"] = []string{"string", "number"}
	case v.Kind() == reflect.Bool:
		s["anyOf"] = []object{{"type": "boolean"}, ref("env")}
	case f.unit == durationUnit:
		s["anyOf"] = []object{ref("duration"), ref("env")}
		if f.zero != "" {
			s["anyOf"] = []object{{"const": 0}, ref("duration"), ref("env")}
		}
	case f.unit == bytesUnit:
		s["anyOf"] = []object{f.integerSchema(), ref("size"), ref("env")}
	default:
		s["anyOf"] = []object{f.integerSchema(), ref("env")}
	}
	return s
}

func ref(name string) object {
	return object{"$ref": "#/$defs/" + name}
}

func (f *field) integerSchema() object {
	low := f.min
	if f.zero != "" {
		low = 0
	}
	return object{"type": "integer", "minimum": low, "maximum": f.max}
}

// describe returns the text that an editor shows beside the key.
func (f *field) describe() string {
	text := f.doc
	if f.unit != "" {
		text += fmt.Sprintf(" Unit: %s.", f.unit)
	}
	if limits := f.limits(); limits != "" {
		text += fmt.Sprintf(" Limits: %s.", limits)
	}
	return text
}

// limits returns "1KiB to 1GiB; 0 is never", or "".
func (f *field) limits() string {
	text := ""
	if f.max != 0 {
		text = f.format(f.min) + " to " + f.format(f.max)
	}
	if f.zero != "" {
		text += "; 0 is " + f.zero
	}
	return text
}

// defaultJSON returns the default as a file would hold it.
func (f *field) defaultJSON(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case time.Duration:
		return f.format(int64(value))
	case int:
		if f.unit == bytesUnit {
			return f.format(int64(value))
		}
	case []string:
		if value == nil {
			return []string{}
		}
	case map[string]string:
		return object{}
	case JSON:
		return nil
	}
	return v.Interface()
}
