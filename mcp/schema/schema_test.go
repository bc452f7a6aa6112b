package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func compiled(t testing.TB, schema string) *Checker {
	t.Helper()
	c, err := Compile([]byte(schema))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return c
}

// A fault names the place, the keyword and the value, shortly.
func TestFaults(t *testing.T) {
	const schema = `{"type":"object","properties":{
		"list":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer",
			"minimum":1,"maximum":9},"a/b":{"enum":["x","y"]}},"required":["n"]}},
		"text":{"type":"string","minLength":2,"maxLength":3,"pattern":"^[a-z]+$"},
		"no":false},"additionalProperties":false}`
	c := compiled(t, schema)
	if c.Slow() != "" {
		t.Fatal(c.Slow())
	}
	for _, f := range []struct{ value, pointer, keyword, text string }{
		{`[]`, "", "type", `[] breaks type "object"`},
		{`{"list":[{"n":1},{"n":0}]}`, "/list/1/n", "minimum", `0 breaks minimum 1`},
		{`{"list":[{"n":1},{"n":9.5}]}`, "/list/1/n", "type", `9.5 breaks type "integer"`},
		{`{"list":[{"n":10}]}`, "/list/0/n", "maximum", `10 breaks maximum 9`},
		{`{"list":[{}]}`, "/list/0", "required", `required member "n" is missing`},
		{
			`{"list":[{"n":1,"a/b":"z"}]}`, "/list/0/a~1b", "enum",
			`"z" breaks enum ["x","y"]`,
		},
		{`{"text":"a"}`, "/text", "minLength", `"a" breaks minLength 2`},
		{`{"text":"\u00e9éé"}`, "/text", "pattern", `"\u00e9éé" breaks pattern "^[a-z]+$"`},
		{`{"text":"abcd"}`, "/text", "maxLength", `"abcd" breaks maxLength 3`},
		{
			`{"other":1}`, "", "additionalProperties",
			`member "other" breaks additionalProperties false`,
		},
		{`{"no":1}`, "/no", "", `1 is not allowed`},
		{`{"text":"ab","text":"cd"}`, "", "", `member "text" comes twice`},
		{`{"text":"ab","te\u0078t":"cd"}`, "", "", `member "text" comes twice`},
	} {
		err := c.Check([]byte(f.value))
		var got *Fault
		if !errors.As(err, &got) || got.Pointer != f.pointer || got.Keyword != f.keyword ||
			got.Text != f.text {
			t.Errorf("%s: got %+v", f.value, err)
		}
	}
	long := c.Check([]byte(`{"text":"` + strings.Repeat("é", 1<<20) + `"}`))
	if long == nil || len(long.Error()) > 300 {
		t.Errorf("a long value gives a long text: %.400v", long)
	}
}

// Nobody may name a member twice, be it declared or not, nor in a branch that need not hold.
func TestTwiceIsRefused(t *testing.T) {
	many := ""
	for i := range 40 {
		many += fmt.Sprintf(`"k%d":1,`, i)
	}
	for _, schema := range []string{
		`{"type":"object"}`, `{"type":"object","properties":{"a":{}}}`,
		`{"type":"object","not":{"properties":{"a":{"const":7}},"required":["a"]}}`,
		`{"anyOf":[{"properties":{"a":{"const":7}}},true]}`,
		`{"type":"object","propertyNames":{"maxLength":9}}`,
		`{"patternProperties":{"^[ab]":{"type":"integer"}}}`, `{"dependentRequired":{"a":["b"]}}`,
		`{"type":"object","unevaluatedProperties":true}`,
	} {
		for _, value := range []string{
			`{"a":1,"a":2}`, `{"b":1,"b":2}`, `{"b":1,"\u0062":2}`, `{` + many + `"k3":1}`,
			`{` + many + `"b":1,"\u0062":1}`,
		} {
			if err := compiled(t, schema).Check([]byte(value)); err == nil {
				t.Errorf("%s accepts %s", schema, value)
			}
		}
		if err := compiled(t, schema).Check([]byte(`{` + many + `"b":1}`)); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

// One decoder would see that "not" holds, another that it does not.
func TestTwiceBelowNotIsRefused(t *testing.T) {
	for schema, value := range map[string]string{
		`{"not":{"properties":{"z":{"properties":{"a":{"const":7}}}}}}`: `{"z":{"a":1,"a":7}}`,
		`{"not":{"properties":{"z":{"const":7}}}}`:                      `{"z":1,"\u007a":7}`,
		`{"not":{"patternProperties":{"z":{"required":["b"]}}}}`:        `{"z":{"a":1,"a":7}}`,
		`{"not":{"contains":{"properties":{"a":{"const":7}}}}}`:         `[{"a":1,"a":7}]`,
		`{"not":{"const":{"z":{"a":7}}}}`:                               `{"z":{"a":1,"a":7}}`,
		`{"not":{"enum":[[{"a":7}]]}}`:                                  `[{"a":1,"a":7}]`,
		`{"not":{"uniqueItems":true}}`:                                  `[{"a":1},{"a":7,"a":1}]`,
		`{"uniqueItems":true}`:                                          `[{"a":1},{"a":7,"a":1}]`,
	} {
		err := compiled(t, schema).Check([]byte(value))
		if err == nil || !strings.Contains(err.Error(), "comes twice") {
			t.Errorf("%s: %s: %v", schema, value, err)
		}
	}
}

// With RefuseFolded names that encoding/json would take for a declared one are refused, and a
// branch that need not hold does not hide them.
func TestFoldedIsRefused(t *testing.T) {
	for _, schema := range []string{
		`{"type":"object","properties":{"desk":{}}}`, `{"type":"object","required":["desk"]}`,
		`{"not":{"properties":{"desk":{"const":1}},"required":["desk"]}}`,
		`{"type":"object","properties":{"desk":{}},"propertyNames":{"maxLength":9}}`,
		`{"type":"object","properties":{"desk":{}},"unevaluatedProperties":true}`,
	} {
		c := compiled(t, schema)
		for _, name := range []string{"Desk", "DESK", `de\u017fk`, "desK"} {
			value := []byte(`{"desk":2,"` + name + `":3}`)
			if err := c.Check(value); err != nil {
				t.Errorf("%s: %s: %v", schema, value, err)
			}
			err := c.RefuseFolded().Check(value)
			if err == nil || !strings.Contains(err.Error(), "in another case") {
				t.Errorf("%s: %s: %v", schema, value, err)
			}
		}
	}
}

// Schemas whose check could take exponential time, or never end, end with a fault.
func TestWorkIsBounded(t *testing.T) {
	branches := `{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}`
	f := func(schema, value, want string) {
		t.Helper()
		err := compiled(t, schema).Check([]byte(value))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: %v, want %q", schema, err, want)
		}
	}
	f(`{"$ref":"#/$defs/a","$defs":{"a":{"items":{"oneOf":[`+branches+`]}}}}`,
		strings.Repeat("[", 60)+strings.Repeat("]", 60), "more steps")
	f(`{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[`+branches+`]}}}`, `1`, "deeper than allowed")
	f(`{"type":"string","pattern":"^(([a-z]{0,30}){0,30})*$"}`,
		`"`+strings.Repeat("a", 1<<20)+`"`, "more steps")
	f(`{"type":"number","minimum":1}`, `1e999999999`, "too many digits")
	f(`{"type":"number","minimum":1}`, `1e99999`, "too many digits")
	f(`{"type":"number","maximum":1}`, strings.Repeat("9", 1<<16), "too many digits")
	f(`{"type":"number","minimum":1,"unevaluatedItems":{}}`, `1e999999999`, "too many digits")
	f(`{"type":"array","unevaluatedItems":{}}`, `[`+strings.Repeat("1,", 1<<15)+`1]`,
		"too many values")
}
