package schema

import (
	"errors"
	"strings"
	"testing"
)

// What looks at members and items a second time names the place and the keyword, too.
func TestFaultsOfMembers(t *testing.T) {
	c := compiled(t, `{"type":"object","properties":{"n":{"type":"integer"},
		"list":{"contains":{"const":1},"minContains":2,"maxContains":3},
		"some":{"contains":{"$ref":"#word"}},"sub":{"dependentSchemas":{"a":{"minProperties":2}}}},
		"patternProperties":{"^x-":{"type":"string","maxLength":3},"^x-n":{"minLength":2}},
		"propertyNames":{"maxLength":6},"additionalProperties":false,
		"dependentRequired":{"n":["x-n"]},"$defs":{"w":{"$anchor":"word","type":"string"}}}`)
	if c.Slow() != "" {
		t.Fatal(c.Slow())
	}
	for _, value := range []string{
		`{}`, `{"x-a":"abc"}`, `{"n":1,"x-n":"ab"}`, `{"list":[1,2,1]}`, `{"some":[1,"a"]}`,
		`{"sub":{"a":1,"b":2}}`, `{"sub":{"b":2}}`, `{"x\u002da":"abc"}`, `{"list":"a","some":{}}`,
	} {
		if err := c.Check([]byte(value)); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
	for _, f := range []struct{ value, pointer, keyword string }{
		{`{"x-a":1}`, "/x-a", "type"},
		{`{"x-a":"abcd"}`, "/x-a", "maxLength"},
		{`{"x-n":"a"}`, "/x-n", "minLength"},
		{`{"x\u002dn":"a"}`, "/x-n", "minLength"},
		{`{"y":1}`, "", "additionalProperties"},
		{`{"x-long-name":"a"}`, "/x-long-name", "maxLength"},
		{`{"n":1}`, "", "dependentRequired"},
		{`{"n":"a","x-n":"ab"}`, "/n", "type"},
		{`{"list":[1,2]}`, "/list", "minContains"},
		{`{"list":[1,1,1,1]}`, "/list", "maxContains"},
		{`{"some":[1]}`, "/some", "contains"},
		{`{"sub":{"a":1}}`, "/sub", "minProperties"},
		{`{"x-a":"abc","x-a":"abc"}`, "", ""},
		{`{"x-a":"abc","x\u002da":"abc"}`, "", ""},
	} {
		var got *Fault
		err := c.Check([]byte(f.value))
		if !errors.As(err, &got) || got.Pointer != f.pointer || got.Keyword != f.keyword {
			t.Errorf("%s: got %+v", f.value, err)
		}
	}
}

// Keywords that draft 7 does not know mean nothing there.
func TestNewerKeywordsInDraft7(t *testing.T) {
	for schema, value := range map[string]string{
		`"dependentRequired":{"a":["b"]}`: `{"a":1}`,
		`"dependentSchemas":{"a":false}`:  `{"a":1}`,
		`"contains":{},"maxContains":1`:   `[1,2]`,
	} {
		c := compiled(t, `{"$schema":"http://json-schema.org/draft-07/schema#",`+schema+`}`)
		if err := c.Check([]byte(value)); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
		if err := compiled(t, `{`+schema+`}`).Check([]byte(value)); err == nil {
			t.Errorf("%s does not refuse %s", schema, value)
		}
	}
}

// More patterns or names than a word has bits are left to the slow checker.
func TestManyMembersAreSlow(t *testing.T) {
	var patterns, names []string
	for i := range membersMax + 1 {
		name := strings.Repeat("a", i+1)
		patterns = append(patterns, `"^`+name+`$":{"type":"integer"}`)
		names = append(names, `"`+name+`"`)
	}
	for schema, bad := range map[string]string{
		`{"patternProperties":{` + strings.Join(patterns, ",") + `}}`:    `{"aaa":"b"}`,
		`{"dependentRequired":{"b":[` + strings.Join(names, ",") + `]}}`: `{"b":1}`,
	} {
		c := compiled(t, schema)
		if c.slow == nil || c.Check([]byte(bad)) == nil || c.Check([]byte(`{"c":1}`)) != nil {
			t.Errorf("%.100s: slow %q", schema, c.Slow())
		}
	}
}

// A pattern is RE2, short, and small when compiled, wherever it stands.
func TestPatternsAreBounded(t *testing.T) {
	for pattern, why := range map[string]string{
		`(?=a)`: "invalid or unsupported Perl syntax", `(a)\\1`: "invalid escape",
		strings.Repeat("a", patternBytesMax+1): "want at most",
		`((a{0,100}){0,100}){0,10}`:            "invalid repeat",
		`(([a-z]{0,30}b){0,30}c){0,1}[xy]{900}(a{900}){1}(b{1000})(c{1000})(d{1000})(e{1000})` +
			`(f{1000})(g{1000})(h{1000})(i{1000})`: "instructions",
	} {
		for _, schema := range []string{
			`{"type":"string","pattern":"` + pattern + `"}`,
			`{"patternProperties":{"` + pattern + `":{}}}`,
			`{"unevaluatedItems":{"pattern":"` + pattern + `"}}`,
		} {
			_, err := Compile([]byte(schema))
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%.100s: %.300v, want %q", schema, err, why)
			}
		}
	}
}
