package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// slow checks a schema that the walk cannot express: decode, then santhosh-tekuri/jsonschema.
type slow struct {
	schema   *jsonschema.Schema
	declared []string // names of members that the schema speaks of, anywhere
}

// dialect is a draft of JSON Schema. Without $schema a schema is of 2020-12 (2026-07-28,
// server/tools; SEP-1613).
type dialect uint8

const (
	draft2020 dialect = iota
	draft2019
	draft7
	older
)

func dialectOf(doc any) (dialect, error) {
	m, _ := doc.(map[string]any)
	uri, ok := m["$schema"].(string)
	if !ok {
		return draft2020, nil
	}
	_, name, _ := strings.Cut(strings.TrimSuffix(uri, "#"), "://json-schema.org/")
	switch name {
	case "draft/2020-12/schema":
		return draft2020, nil
	case "draft/2019-09/schema":
		return draft2019, nil
	case "draft-07/schema":
		return draft7, nil
	case "draft-06/schema", "draft-04/schema":
		return older, nil
	}
	return 0, fmt.Errorf("cannot compile the schema: its $schema is %.64q; want "+
		"https://json-schema.org/draft/2020-12/schema, or leave it out", uri)
}

// noLoader refuses every other document.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%.128q is another document, and none is ever fetched; "+
		"put it under $defs", url)
}

// schemaURL is the base of relative references. No other document can have it.
const schemaURL = "mcploop:///schema"

// formatNames are annotations here, in every draft.
var formatNames = []string{
	"date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4",
	"ipv6", "iri", "iri-reference", "json-pointer", "period", "regex", "relative-json-pointer",
	"semver", "time", "uri", "uri-reference", "uri-template", "uuid",
}

// newCompiler returns santhosh's compiler, which asserts no format.
func newCompiler(loader jsonschema.URLLoader) *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.UseLoader(loader)
	for _, name := range formatNames {
		c.RegisterFormat(&jsonschema.Format{
			Name: name, Validate: func(any) error { return nil },
		})
	}
	return c
}

// compileSlow compiles doc; other documents come from loader.
func compileSlow(doc any, loader jsonschema.URLLoader) (*slow, error) {
	c := newCompiler(loader)
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, fmt.Errorf("cannot compile the schema: %w", err)
	}
	compiled, err := c.Compile(schemaURL)
	if err != nil {
		return nil, fmt.Errorf("cannot compile the schema: %w", err)
	}
	return &slow{schema: compiled, declared: declaredNames(nil, doc)}, nil
}

// declaredNames collects the names under properties and in required of a schema.
func declaredNames(names []string, v any) []string {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			names = declaredNames(names, e)
		}
	case map[string]any:
		if properties, ok := v["properties"].(map[string]any); ok {
			for name := range properties {
				names = append(names, name)
			}
		}
		if required, ok := v["required"].([]any); ok {
			for _, name := range required {
				if s, ok := name.(string); ok {
					names = append(names, s)
				}
			}
		}
		for _, e := range v {
			names = declaredNames(names, e)
		}
	}
	return names
}

func (s *slow) check(raw []byte, folded bool) error {
	value, err := decode(raw, slowValuesMax)
	if err != nil {
		return &Fault{Text: err.Error()}
	}
	if folded {
		if err := s.refuseFolded(value); err != nil {
			return err
		}
	}
	err = s.schema.Validate(value)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return &Fault{Text: fmt.Sprintf("%.256s", err)}
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	f := &Fault{Text: invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English))}
	if path := invalid.ErrorKind.KeywordPath(); len(path) > 0 {
		f.Keyword = path[0]
	}
	f.Text = quote([]byte(f.Text))
	for _, token := range invalid.InstanceLocation {
		f.Pointer = appendToken(f.Pointer, token)
	}
	return f
}

// refuseFolded looks at all members of value. It takes a declared name for declared everywhere.
func (s *slow) refuseFolded(value any) error {
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			if err := s.refuseFolded(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, e := range v {
			if twin := foldedTwin(s.declared, name); twin != "" {
				return foldFault("", name, twin)
			}
			if err := s.refuseFolded(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// foldedTwin returns the declared name that differs from name in nothing but case, or "".
func foldedTwin(declared []string, name string) string {
	twin := ""
	for _, d := range declared {
		if d == name {
			return ""
		}
		if strings.EqualFold(d, name) {
			twin = d
		}
	}
	return twin
}

func foldFault(pointer, name, twin string) *Fault {
	return &Fault{Pointer: pointer, Text: fmt.Sprintf(
		"member %.64q is %.64q written in another case", name, twin)}
}

// appendToken appends a reference token to a JSON pointer, which stays short.
func appendToken(pointer, token string) string {
	const pointerBytes = 256
	if len(pointer) > pointerBytes {
		return pointer
	}
	token = strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
	return pointer + "/" + quote([]byte(token))
}

// wanted is the value of a keyword, for a fault.
func wanted(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return quote(raw)
}
