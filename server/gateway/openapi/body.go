package openapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/mcploop/mcploop/server/gateway/declared"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// bodyArgument is the argument that becomes the body.
const bodyArgument = "body"

// body is how it does.
type body struct {
	media  string // its type
	kind   bodyKind
	binary []string // members of a multipart body that are base64 of a file
}

type bodyKind uint8

const (
	bodyJSON bodyKind = iota
	bodyForm
	bodyMultipart
	bodyText
	bodyBinary
)

// setBody chooses one of the types that a body may have, JSON before all others, and adds its
// schema to root's properties.
func (o *operation) setBody(in *schemas, root map[string]any) error {
	if o.op.RequestBody == nil || o.op.RequestBody.Value == nil {
		return nil
	}
	b := o.op.RequestBody.Value
	own, media := choose(b.Content)
	if own == nil {
		if !b.Required {
			return nil
		}
		return fmt.Errorf("its body is none of JSON, a form, text or bytes, but %.64s",
			strings.Join(slices.Sorted(maps.Keys(b.Content)), ", "))
	}
	var schema any = map[string]any{"type": "string"}
	switch own.kind {
	case bodyText:
	case bodyBinary:
		schema = map[string]any{"type": "string", "contentEncoding": "base64"}
	default:
		var err error
		if schema, err = in.convert(media.Schema, 0); err != nil {
			return err
		}
		own.binary = binaryMembers(media.Schema)
	}
	root["properties"].(map[string]any)[bodyArgument] = describe(schema, b.Description)
	if b.Required {
		required, _ := root["required"].([]string)
		root["required"] = append(required, bodyArgument)
	}
	o.body = own
	return nil
}

// choose finds the type that is used.
func choose(content openapi3.Content) (*body, *openapi3.MediaType) {
	if kind, media := jsonOf(content); media != nil {
		return &body{media: kind, kind: bodyJSON}, media
	}
	names := slices.Sorted(maps.Keys(content))
	for _, try := range []struct {
		kind  bodyKind
		match func(name string) bool
	}{
		{bodyForm, func(name string) bool { return name == "application/x-www-form-urlencoded" }},
		{bodyMultipart, func(name string) bool { return name == "multipart/form-data" }},
		{bodyText, func(name string) bool { return strings.HasPrefix(name, "text/") }},
		{bodyBinary, func(name string) bool { return name == "application/octet-stream" }},
	} {
		for _, name := range names {
			if content[name] != nil && try.match(name) {
				return &body{media: name, kind: try.kind}, content[name]
			}
		}
	}
	return nil, nil
}

// binaryMembers are the members of a form that are files.
func binaryMembers(ref *openapi3.SchemaRef) []string {
	var names []string
	if ref == nil || ref.Value == nil {
		return nil
	}
	for name, one := range ref.Value.Properties {
		if one != nil && one.Value != nil && (one.Value.Format == "binary" ||
			one.Value.Format == "byte" || one.Value.ContentMediaType != "") {
			names = append(names, name)
		}
	}
	return names
}

// put makes the body of the argument.
func (b *body) put(r *rest.Request, a declared.Arguments) error {
	raw := a.JSON(bodyArgument)
	if raw == nil {
		return nil
	}
	r.Type = b.media
	switch b.kind {
	case bodyJSON:
		r.Body = raw
	case bodyText:
		text, _ := a.Text(bodyArgument)
		r.Body = []byte(text)
	case bodyBinary:
		text, _ := a.Text(bodyArgument)
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("%s must be base64", bodyArgument)
		}
		r.Body = data
	case bodyForm:
		pairs, err := formPairs(raw)
		if err != nil {
			return err
		}
		r.Body = []byte(rest.EncodePairs(pairs))
	default:
		return b.putMultipart(r, raw)
	}
	return nil
}

// formPairs are the members of an object; an array is its name several times.
func formPairs(raw json.RawMessage) ([]rest.Pair, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("%s must be an object: it is a form", bodyArgument)
	}
	var pairs []rest.Pair
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if string(members[name]) == "null" {
			continue
		}
		for _, text := range declared.TextsOf(members[name]) {
			pairs = append(pairs, rest.Pair{Name: name, Value: text})
		}
	}
	return pairs, nil
}

// putMultipart makes parts of the members: a file of what is base64, a field of what else there is.
func (b *body) putMultipart(r *rest.Request, raw json.RawMessage) error {
	pairs, err := formPairs(raw)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out) // it escapes names, and writing to memory does not fail
	for _, p := range pairs {
		if !slices.Contains(b.binary, p.Name) {
			_ = w.WriteField(p.Name, p.Value)
			continue
		}
		data, err := base64.StdEncoding.DecodeString(p.Value)
		if err != nil {
			return fmt.Errorf("%s in %s must be base64: it is a file", p.Name, bodyArgument)
		}
		file, err := w.CreateFormFile(p.Name, p.Name)
		if err != nil {
			return fmt.Errorf("cannot make a file of %s: %w", p.Name, err)
		}
		_, _ = file.Write(data)
	}
	_ = w.Close()
	r.Body, r.Type = out.Bytes(), w.FormDataContentType()
	return nil
}
