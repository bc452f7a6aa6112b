package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/mcploop/mcploop/server/gateway/declared"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// operation is one of a document, as a tool.
type operation struct {
	*declared.Tool
	method string
	path   string // as the document has it
	base   *url.URL

	item *openapi3.PathItem // until it was compiled
	op   *openapi3.Operation

	parts      []part // of the path
	parameters []*parameter
	body       *body
	carried    []credential
}

// selected are the operations that are offered, in the order of their paths and methods.
func (p *Provider) selected(doc *openapi3.T) []*operation {
	var all []*operation
	for at, item := range doc.Paths.Map() {
		if item == nil || len(p.opt.Paths) > 0 && !fits(p.opt.Paths, at) {
			continue
		}
		for method, op := range item.Operations() {
			if p.selects(method, op) {
				all = append(all, &operation{method: method, path: at, item: item, op: op})
			}
		}
	}
	slices.SortFunc(all, func(a, b *operation) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method))
	})
	return all
}

func (p *Provider) selects(method string, op *openapi3.Operation) bool {
	o := &p.opt
	known := slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions,
	}, method)
	return known && op != nil &&
		(len(o.Methods) == 0 || slices.Contains(o.Methods, method)) &&
		(len(o.Operations) == 0 || fits(o.Operations, op.OperationID)) &&
		(len(o.Tags) == 0 || slices.ContainsFunc(op.Tags, func(tag string) bool {
			return slices.Contains(o.Tags, tag)
		}))
}

func fits(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, text) // New has tried it
		return ok
	})
}

// nameFor is the name of an operation: its id, or else its method and path.
func (e *edition) nameFor(o *operation) string {
	text := o.op.OperationID
	if text == "" {
		text = strings.ToLower(o.method) + o.path
	}
	name := argumentName(text)
	for n := 2; e.operations[name] != nil; n++ {
		name = fmt.Sprintf("%s_%d", argumentName(text), n)
	}
	return name
}

// nameMax is more than what fits behind an upstream's name, whose owner cuts it with care.
const nameMax = 120

// argumentName makes a name of letters, digits, _, - and . of any text.
func argumentName(text string) string {
	var b strings.Builder
	for _, c := range text {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		switch {
		case b.Len() == nameMax:
			return b.String()
		case alnum || c == '_' || c == '-' || c == '.':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.TrimSuffix(b.String(), "_")
}

// compile makes a tool of the operation.
func (o *operation) compile(doc *openapi3.T, opt *Options, name string) error {
	var err error
	if o.parts, err = splitPath(o.path); err != nil {
		return err
	}
	in := newSchemas(doc, asRequest)
	root := in.root()
	if err := o.setParameters(in, root); err != nil {
		return err
	}
	if err := o.setBody(in, root); err != nil {
		return err
	}
	if o.carried, err = o.credentials(doc, opt.Credentials); err != nil {
		return err
	}
	input, err := in.encode(root)
	if err != nil {
		return err
	}
	def := declared.Definition{
		Name: name, Title: o.op.Summary, Description: o.description(), Input: input,
		Annotations: rest.MethodAnnotations(o.method),
	}
	if !opt.NoOutput && opt.Pointer == "" && len(opt.Fields) == 0 {
		if def.Output, err = o.output(doc); err != nil {
			return err
		}
	}
	o.Tool, err = declared.New(def)
	o.item, o.op = nil, nil
	return err
}

// descriptionBytes bounds a description: models pay for each word of a list.
const descriptionBytes = 4 << 10

// description is the document's, or else what is asked.
func (o *operation) description() string {
	text := strings.TrimSpace(o.op.Description)
	if text == "" {
		text = cmp.Or(strings.TrimSpace(o.op.Summary), o.method+" "+o.path)
	}
	if len(text) > descriptionBytes {
		text = strings.ToValidUTF8(text[:descriptionBytes], "") + "…"
	}
	return text
}

// output is the schema of the answer: of the one response that is well and has a JSON object; nil
// where there is none, or a choice.
func (o *operation) output(doc *openapi3.T) (json.RawMessage, error) {
	if o.op.Responses == nil {
		return nil, nil
	}
	var found *openapi3.SchemaRef
	responses := o.op.Responses.Map()
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		r := responses[status]
		if r == nil || r.Value == nil || status[0] != '2' {
			continue
		}
		_, media := jsonOf(r.Value.Content)
		if found != nil || media == nil || media.Schema == nil {
			return nil, nil // an answer may be without content, or of two kinds
		}
		found = media.Schema
	}
	if found == nil || !isObject(found, 0) {
		return nil, nil
	}
	out := newSchemas(doc, asResponse)
	converted, err := out.convert(found, 0)
	root, ok := converted.(map[string]any)
	if err != nil || !ok {
		return nil, err
	}
	root["type"] = "object"
	return out.encode(root)
}

// isObject tells whether a schema is one of objects.
func isObject(ref *openapi3.SchemaRef, depth int) bool {
	if ref == nil || ref.Value == nil || depth > schemaDepthMax {
		return false
	}
	s := ref.Value
	if s.Type.Is("object") {
		return !s.Nullable
	}
	if !s.Type.IsEmpty() || len(s.AllOf) == 0 {
		return s.Type.IsEmpty() && len(s.Properties) > 0
	}
	return slices.ContainsFunc(s.AllOf, func(part *openapi3.SchemaRef) bool {
		return isObject(part, depth+1)
	})
}

// jsonOf finds the JSON among contents.
func jsonOf(content openapi3.Content) (string, *openapi3.MediaType) {
	for _, name := range slices.Sorted(maps.Keys(content)) {
		kind, _, _ := strings.Cut(strings.ToLower(name), ";")
		kind = strings.TrimSpace(kind)
		isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
		if content[name] != nil && isJSON {
			return kind, content[name]
		}
	}
	return "", nil
}

// part is a piece of a path: a literal, or the place of a parameter.
type part struct {
	literal string
	name    string
	place   *parameter // of that name; setParameters finds it
}

// splitPath takes a path of a document apart: "/pets/{id}".
func splitPath(text string) ([]part, error) {
	var parts []part
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if literal != "" {
			parts = append(parts, part{literal: literal})
		}
		if !found {
			break
		}
		name, next, closed := strings.Cut(after, "}")
		if !closed || name == "" {
			return nil, fmt.Errorf("cannot use the path %.100q; its braces do not close", text)
		}
		parts = append(parts, part{name: name})
		rest = next
	}
	return parts, nil
}

// request makes the request of a call. The error is the arguments'.
func (o *operation) request(a declared.Arguments) (*rest.Request, error) {
	r := &rest.Request{Method: o.method, Header: http.Header{}}
	for _, p := range o.parameters {
		if err := p.put(r, a); err != nil {
			return nil, err
		}
	}
	at, err := o.expandPath(a)
	if err != nil {
		return nil, err
	}
	u := *o.base
	u.RawPath = strings.TrimSuffix(o.base.EscapedPath(), "/") + at
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, fmt.Errorf("cannot make a path of the arguments: %w", err)
	}
	r.URL = &u
	if o.body != nil {
		if err := o.body.put(r, a); err != nil {
			return nil, err
		}
	}
	for _, c := range o.carried {
		c.put(r)
	}
	return r, nil
}

// expandPath is the escaped path behind the base's.
func (o *operation) expandPath(a declared.Arguments) (string, error) {
	var b strings.Builder
	for _, part := range o.parts {
		if part.place == nil {
			b.WriteString(part.literal)
			continue
		}
		text, err := part.place.pathText(a)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), rest.CheckPath(b.String())
}
