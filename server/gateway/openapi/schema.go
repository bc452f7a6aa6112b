package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// direction is which way what a schema describes goes.
type direction uint8

const (
	asRequest  direction = iota // properties that are read only are left out
	asResponse                  // those that are write only are
)

// schemas turns schemas of a document into JSON Schema 2020-12 of one tool. What they refer to
// among the document's components comes along as $defs.
type schemas struct {
	doc  *openapi3.T
	way  direction
	defs map[string]any // by the component's name; nil while it is converted
}

func newSchemas(doc *openapi3.T, way direction) *schemas {
	return &schemas{doc: doc, way: way, defs: map[string]any{}}
}

// schemaDepthMax bounds what is converted in place.
const schemaDepthMax = 64

const componentRef = "#/components/schemas/"

// root is an object schema without properties.
func (s *schemas) root() map[string]any {
	return map[string]any{
		"type": "object", "properties": map[string]any{}, "additionalProperties": false,
	}
}

// encode writes a root with the definitions that it needs.
func (s *schemas) encode(root map[string]any) (json.RawMessage, error) {
	if len(s.defs) > 0 {
		root["$defs"] = s.defs
	}
	raw, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("cannot encode its schema: %w", err)
	}
	return raw, nil
}

// convert returns what stands for a schema: an object, or a switch.
func (s *schemas) convert(ref *openapi3.SchemaRef, depth int) (any, error) {
	switch {
	case ref == nil || ref.Value == nil:
		return true, nil
	case depth > schemaDepthMax:
		return nil, errors.New("its schema leads to itself, or is nested too deep")
	}
	name, isComponent := strings.CutPrefix(ref.Ref, componentRef)
	if !isComponent || strings.Contains(name, "/") || s.doc.Components == nil ||
		s.doc.Components.Schemas[name] == nil {
		return s.inPlace(ref.Value, depth)
	}
	own := argumentName(name)
	if _, known := s.defs[own]; !known {
		s.defs[own] = nil
		def, err := s.inPlace(ref.Value, 0)
		if err != nil {
			return nil, err
		}
		s.defs[own] = def
	}
	return map[string]any{"$ref": "#/$defs/" + own}, nil
}

// inPlace converts a schema itself.
func (s *schemas) inPlace(v *openapi3.Schema, depth int) (any, error) {
	if v.Always != nil {
		return *v.Always, nil
	}
	out, err := plainKeywords(v)
	if err != nil {
		return nil, err
	}
	for keyword, one := range map[string]*openapi3.SchemaRef{
		"not": v.Not, "items": v.Items, "contains": v.Contains, "propertyNames": v.PropertyNames,
		"if": v.If, "then": v.Then, "else": v.Else,
		"additionalProperties":  v.AdditionalProperties.Schema,
		"unevaluatedItems":      v.UnevaluatedItems.Schema,
		"unevaluatedProperties": v.UnevaluatedProperties.Schema,
	} {
		if one == nil {
			continue
		}
		if out[keyword], err = s.convert(one, depth+1); err != nil {
			return nil, err
		}
	}
	for keyword, list := range map[string]openapi3.SchemaRefs{
		"oneOf": v.OneOf, "anyOf": v.AnyOf, "allOf": v.AllOf, "prefixItems": v.PrefixItems,
	} {
		if err := s.list(out, keyword, list, depth); err != nil {
			return nil, err
		}
	}
	for keyword, named := range map[string]openapi3.Schemas{
		"patternProperties": v.PatternProperties, "dependentSchemas": v.DependentSchemas,
		"properties": s.shown(v),
	} {
		if err := s.named(out, keyword, named, depth); err != nil {
			return nil, err
		}
	}
	s.require(out, v)
	return orNull(out, v), nil
}

func (s *schemas) list(
	out map[string]any, keyword string, list openapi3.SchemaRefs, depth int,
) error {
	if len(list) == 0 {
		return nil
	}
	all := make([]any, len(list))
	for i, one := range list {
		var err error
		if all[i], err = s.convert(one, depth+1); err != nil {
			return err
		}
	}
	out[keyword] = all
	return nil
}

func (s *schemas) named(
	out map[string]any, keyword string, named openapi3.Schemas, depth int,
) error {
	if len(named) == 0 {
		return nil
	}
	all := map[string]any{}
	for name, one := range named {
		var err error
		if all[name], err = s.convert(one, depth+1); err != nil {
			return err
		}
	}
	out[keyword] = all
	return nil
}

// shown are the properties that go this way.
func (s *schemas) shown(v *openapi3.Schema) openapi3.Schemas {
	shown := openapi3.Schemas{}
	for name, one := range v.Properties {
		if !s.leftOut(one) {
			shown[name] = one
		}
	}
	return shown
}

func (s *schemas) leftOut(one *openapi3.SchemaRef) bool {
	return one != nil && one.Value != nil &&
		(s.way == asRequest && one.Value.ReadOnly || s.way == asResponse && one.Value.WriteOnly)
}

// require writes which of the properties that go this way must be there.
func (s *schemas) require(out map[string]any, v *openapi3.Schema) {
	required := slices.DeleteFunc(slices.Clone(v.Required), func(name string) bool {
		return s.leftOut(v.Properties[name])
	})
	if len(required) > 0 {
		slices.Sort(required)
		out["required"] = slices.Compact(required)
	}
}

// dropped are keywords that say nothing to whoever calls a tool, and those that convert writes.
var dropped = []string{
	"not", "items", "contains", "propertyNames", "if", "then", "else", "oneOf", "anyOf", "allOf",
	"prefixItems", "patternProperties", "dependentSchemas", "properties", "required", "nullable",
	"example", "examples", "externalDocs", "xml", "discriminator", "readOnly", "writeOnly",
	"allowEmptyValue", "$defs", "$schema", "$id", "$anchor", "$comment", "contentSchema",
}

// plainKeywords are those of a schema that hold no schema, as 2020-12 writes them.
func plainKeywords(v *openapi3.Schema) (map[string]any, error) {
	flat := *v
	flat.Extensions = nil
	raw, err := json.Marshal(&flat)
	if err != nil {
		return nil, fmt.Errorf("cannot encode its schema: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("cannot read its schema: %w", err)
	}
	for _, keyword := range dropped {
		delete(out, keyword)
	}
	for keyword, value := range out {
		if _, isObject := value.(map[string]any); isObject &&
			(keyword == "additionalProperties" || strings.HasPrefix(keyword, "unevaluated")) {
			delete(out, keyword)
		}
	}
	exclusive(out, "exclusiveMinimum", "minimum")
	exclusive(out, "exclusiveMaximum", "maximum")
	if pattern, ok := out["pattern"].(string); ok {
		if _, err := regexp.Compile(pattern); err != nil {
			delete(out, "pattern") // the API checks it all the same
		}
	}
	return out, nil
}

// exclusive writes a limit of 3.0, which is a switch beside another, as a number.
func exclusive(out map[string]any, keyword, limit string) {
	on, isSwitch := out[keyword].(bool)
	if !isSwitch {
		return
	}
	delete(out, keyword)
	if value, ok := out[limit]; ok && on {
		out[keyword] = value
		delete(out, limit)
	}
}

// orNull lets a schema of 3.0 that is nullable be null.
func orNull(out map[string]any, v *openapi3.Schema) any {
	if !v.Nullable {
		return out
	}
	if values, ok := out["enum"].([]any); ok && !slices.Contains(values, nil) {
		out["enum"] = append(values, nil)
	}
	switch kind := out["type"].(type) {
	case string:
		out["type"] = []any{kind, "null"}
		return out
	case nil:
		return map[string]any{"anyOf": []any{out, map[string]any{"type": "null"}}}
	}
	return out
}
