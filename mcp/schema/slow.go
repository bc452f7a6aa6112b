package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// slow checks a schema that the walk cannot express: decode, then santhosh-tekuri/jsonschema.
type slow struct {
	doc      any
	loader   jsonschema.URLLoader
	declared declared

	// free holds what runs one check at a time, one for each core; nil when it was never needed.
	// More checks than that wait, on their workers.
	free chan *metered
}

// metered is one compilation of the schema, for one check at a time.
type metered struct {
	schema *jsonschema.Schema
	meter  meter
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
	c.UseRegexpEngine(patternEngine)
	for _, name := range formatNames {
		c.RegisterFormat(&jsonschema.Format{
			Name: name, Validate: func(any) error { return nil },
		})
	}
	return c
}

// compileSlow compiles doc; other documents come from loader.
func compileSlow(doc any, loader jsonschema.URLLoader) (*slow, error) {
	s := &slow{
		doc: doc, loader: loader, declared: declaredNames(doc),
		free: make(chan *metered, runtime.GOMAXPROCS(0)),
	}
	m, err := s.compile()
	if err != nil {
		return nil, fmt.Errorf("cannot compile the schema: %w", err)
	}
	for range runtime.GOMAXPROCS(0) - 1 {
		s.free <- nil
	}
	s.free <- m
	return s, nil
}

// compile takes about a millisecond.
func (s *slow) compile() (*metered, error) {
	c := newCompiler(s.loader)
	if err := c.AddResource(schemaURL, s.doc); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(schemaURL)
	if err != nil {
		return nil, err
	}
	m := &metered{schema: compiled}
	seen := map[*jsonschema.Schema]bool{}
	m.meter.attach(compiled, seen)
	for _, pointer := range dynamicAnchors(nil, "", s.doc) { // no subschema leads to them
		if one, err := c.Compile(schemaURL + "#" + pointer); err == nil {
			m.meter.attach(one, seen)
		}
	}
	return m, nil
}

// dynamicAnchors returns the pointers to what a $dynamicRef may find.
func dynamicAnchors(found []string, pointer string, v any) []string {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			found = dynamicAnchors(found, pointer+"/"+strconv.Itoa(i), e)
		}
	case map[string]any:
		if _, ok := v["$dynamicAnchor"].(string); ok {
			found = append(found, pointer)
		}
		for name, e := range v {
			found = dynamicAnchors(found, pointer+"/"+url.PathEscape(escapeToken(name)), e)
		}
	}
	return found
}

// validate returns nil, a *jsonschema.ValidationError or errSteps.
func (s *slow) validate(value any, values, bytes int) (err error) {
	m := <-s.free
	defer func() { s.free <- m }()
	if m == nil {
		if m, err = s.compile(); err != nil {
			return err // cannot be: it was compiled before
		}
	}
	m.meter.fill(values, bytes)
	err = m.schema.Validate(value)
	if m.meter.spent() {
		return errSteps
	}
	return err
}

func (s *slow) check(raw []byte, folded bool) error {
	value, err := decode(raw, slowValuesMax)
	if err != nil {
		return &Fault{Text: err.Error()}
	}
	if folded {
		if err := s.declared.refuseFolded(value); err != nil {
			return err
		}
	}
	err = s.validate(value, countValues(raw), len(raw))
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

// appendToken appends a reference token to a JSON pointer, which stays short.
func appendToken(pointer, token string) string {
	const pointerBytes = 256
	if len(pointer) > pointerBytes {
		return pointer
	}
	return pointer + "/" + quote([]byte(escapeToken(token)))
}

func escapeToken(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// wanted is the value of a keyword, for a fault.
func wanted(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return quote(raw)
}
