package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/mcploop/mcploop/server/gateway/declared"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// parameter is one of an operation: an argument under a name of its own, and where it goes.
type parameter struct {
	name     string // in the request
	argument string // in the arguments
	in       string
	style    string
	explode  bool
	asJSON   bool // its content is JSON
}

// setParameters adds the operation's parameters, and their schemas to root's properties.
func (o *operation) setParameters(in *schemas, root map[string]any) error {
	properties := root["properties"].(map[string]any)
	var required []string
	for _, p := range o.merged() {
		if p.In == openapi3.ParameterInHeader && ignoredHeader(p.Name) {
			continue
		}
		own, schema, err := newParameter(p)
		if err != nil {
			return err
		}
		own.argument = freeName(properties, p)
		converted, err := in.convert(schema, 0)
		if err != nil {
			return err
		}
		properties[own.argument] = describe(converted, p.Description)
		if p.Required || p.In == openapi3.ParameterInPath {
			required = append(required, own.argument)
		}
		o.parameters = append(o.parameters, own)
	}
	if len(required) > 0 {
		root["required"] = required
	}
	for i := range o.parts {
		if name := o.parts[i].name; name != "" {
			at := slices.IndexFunc(o.parameters, func(p *parameter) bool {
				return p.in == openapi3.ParameterInPath && p.name == name
			})
			if at < 0 {
				return fmt.Errorf("its path has {%.64s}, which is no parameter", name)
			}
			o.parts[i].place = o.parameters[at]
		}
	}
	return nil
}

// merged are the parameters of the path, less those that the operation has its own of, and these.
func (o *operation) merged() []*openapi3.Parameter {
	var all []*openapi3.Parameter
	add := func(list openapi3.Parameters) {
		for _, ref := range list {
			if ref == nil || ref.Value == nil {
				continue
			}
			all = slices.DeleteFunc(all, func(p *openapi3.Parameter) bool {
				return p.Name == ref.Value.Name && p.In == ref.Value.In
			})
			all = append(all, ref.Value)
		}
	}
	add(o.item.Parameters)
	add(o.op.Parameters)
	return all
}

// ignoredHeader: OpenAPI says of these that a parameter means nothing; those of a connection must
// not be an argument's.
func ignoredHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Accept", "Content-Type", "Authorization":
		return true
	}
	return rest.HeaderFault(name, "") != ""
}

// newParameter reads where a parameter goes.
func newParameter(p *openapi3.Parameter) (*parameter, *openapi3.SchemaRef, error) {
	own := &parameter{name: p.Name, in: p.In, style: p.Style}
	schema := p.Schema
	if schema == nil {
		if _, media := jsonOf(p.Content); media != nil {
			own.asJSON, schema = true, media.Schema
		} else {
			return nil, nil, fmt.Errorf("its parameter %.64q is neither simple nor JSON", p.Name)
		}
	}
	if own.style == "" {
		own.style = map[string]string{
			openapi3.ParameterInPath: "simple", openapi3.ParameterInHeader: "simple",
			openapi3.ParameterInQuery: "form", openapi3.ParameterInCookie: "form",
		}[p.In]
	}
	own.explode = own.style == "form"
	if p.Explode != nil {
		own.explode = *p.Explode
	}
	fits := map[string][]string{
		openapi3.ParameterInPath:   {"simple", "label", "matrix"},
		openapi3.ParameterInHeader: {"simple"}, openapi3.ParameterInCookie: {"form"},
		openapi3.ParameterInQuery: {"form", "spaceDelimited", "pipeDelimited", "deepObject"},
	}
	if !slices.Contains(fits[p.In], own.style) {
		return nil, nil, fmt.Errorf("its parameter %.64q has the style %.32q in %.16q", p.Name,
			own.style, p.In)
	}
	return own, schema, nil
}

// freeName is the name of an argument: the parameter's, unless another has it.
func freeName(properties map[string]any, p *openapi3.Parameter) string {
	name := argumentName(p.Name)
	if name == "" {
		name = p.In
	}
	if _, taken := properties[name]; taken || name == bodyArgument {
		name += "_" + p.In
	}
	for {
		if _, taken := properties[name]; !taken {
			return name
		}
		name += "_"
	}
}

// describe adds what a parameter's description says to its schema.
func describe(schema any, text string) any {
	object, ok := schema.(map[string]any)
	if !ok || text == "" {
		return schema
	}
	if len(text) > descriptionBytes {
		text = strings.ToValidUTF8(text[:descriptionBytes], "") + "…"
	}
	object["description"] = text // beside a $ref, too, in 2020-12
	return object
}

// value is an argument taken apart: a text, the entries of an array, or the members of an object.
type value struct {
	text    string
	entries []string
	members []rest.Pair
	kind    byte // 't', 'a' or 'o'
}

// read takes the argument apart; false: it is not there.
func (p *parameter) read(a declared.Arguments) (value, bool, error) {
	raw := bytes.TrimSpace(a.Raw(p.argument))
	switch {
	case len(raw) == 0:
		return value{}, false, nil
	case p.asJSON:
		return value{text: string(raw), kind: 't'}, true, nil
	case raw[0] == '[':
		return value{entries: declared.TextsOf(raw), kind: 'a'}, true, nil
	case raw[0] == '{':
		members, err := membersOf(raw)
		return value{members: members, kind: 'o'}, true, err
	}
	return value{text: declared.TextsOf(raw)[0], kind: 't'}, true, nil
}

// membersOf are the members of an object in their order.
func membersOf(raw []byte) ([]rest.Pair, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var members []rest.Pair
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if string(value) != "null" {
			text := strings.Join(declared.TextsOf(value), ",")
			members = append(members, rest.Pair{Name: name.(string), Value: text})
		}
	}
	return members, nil
}

// flat joins what was taken apart: entries by the separator, members as NAME,VALUE or, exploded,
// NAME=VALUE. each is done to every text.
func (v *value) flat(
	separator string, explode bool, each func(string) (string, error),
) (string, error) {
	var texts []string
	var faults []error
	add := func(text string) string {
		out, err := each(text)
		faults = append(faults, err)
		return out
	}
	switch v.kind {
	case 't':
		texts = append(texts, add(v.text))
	case 'a':
		for _, entry := range v.entries {
			texts = append(texts, add(entry))
		}
	default:
		for _, m := range v.members {
			name, value := add(m.Name), add(m.Value)
			if explode {
				texts = append(texts, name+"="+value)
			} else {
				texts = append(texts, name, value)
			}
		}
	}
	return strings.Join(texts, separator), errors.Join(faults...)
}

func unchanged(text string) (string, error) { return text, nil }

// put puts the argument into its place, unless that is the path.
func (p *parameter) put(r *rest.Request, a declared.Arguments) error {
	v, there, err := p.read(a)
	if err != nil || !there {
		return err
	}
	switch p.in {
	case openapi3.ParameterInQuery:
		r.Query = append(r.Query, p.queryPairs(&v)...)
	case openapi3.ParameterInHeader:
		text, err := v.flat(",", p.explode, unchanged)
		if err == nil {
			text, err = rest.HeaderText(p.argument, text)
		}
		r.Header.Set(p.name, text)
		return err
	case openapi3.ParameterInCookie:
		text, err := v.flat(",", false, func(s string) (string, error) {
			return rest.EscapeQuery(s), nil
		})
		addCookie(r, p.name, text)
		return err
	}
	return nil
}

// addCookie adds a cookie to those that r has.
func addCookie(r *rest.Request, name, value string) {
	text := rest.EscapeQuery(name) + "=" + value
	if old := r.Header.Get("Cookie"); old != "" {
		text = old + "; " + text
	}
	r.Header.Set("Cookie", text)
}

// queryPairs are the argument's part of the query.
func (p *parameter) queryPairs(v *value) []rest.Pair {
	separator := map[string]string{"spaceDelimited": " ", "pipeDelimited": "|"}[p.style]
	if separator == "" {
		separator = ","
	}
	var pairs []rest.Pair
	switch {
	case v.kind == 'o' && p.style == "deepObject":
		for _, m := range v.members {
			pairs = append(pairs, rest.Pair{Name: p.name + "[" + m.Name + "]", Value: m.Value})
		}
		return pairs
	case v.kind == 'o' && p.explode:
		return v.members
	case v.kind == 'a' && (p.explode || p.style == "deepObject"):
		for _, entry := range v.entries {
			pairs = append(pairs, rest.Pair{Name: p.name, Value: entry})
		}
		return pairs
	}
	text, _ := v.flat(separator, false, unchanged) // unchanged texts have no faults
	return []rest.Pair{{Name: p.name, Value: text}}
}

// pathText is the argument's part of the path, escaped.
func (p *parameter) pathText(a declared.Arguments) (string, error) {
	v, there, err := p.read(a)
	if err != nil {
		return "", err
	}
	if !there || v.kind == 'a' && len(v.entries) == 0 || v.kind == 'o' && len(v.members) == 0 {
		return "", fmt.Errorf("%s must not be empty: it is a part of the path", p.argument)
	}
	each := func(text string) (string, error) { return rest.PathText(p.argument, text, false) }
	separator := ","
	switch {
	case p.style == "label" && p.explode:
		separator = "."
	case p.style == "matrix" && p.explode:
		separator = ";"
		if v.kind == 'a' {
			separator = ";" + rest.EscapeQuery(p.name) + "="
		}
	}
	text, err := v.flat(separator, p.explode, each)
	switch {
	case p.style == "label":
		text = "." + text
	case p.style == "matrix" && p.explode && v.kind == 'o':
		text = ";" + text
	case p.style == "matrix":
		text = ";" + rest.EscapeQuery(p.name) + "=" + text
	}
	return text, err
}
