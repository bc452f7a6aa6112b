package schema

import "testing"

// What conforms at first sight, and what is left to the walk and refused there.
func TestFirstSight(t *testing.T) {
	c, err := Compile([]byte(threeProperties))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{
		threeArguments, `{"message":""}`, `{"verbose":false,"message":"a","limit":100}`,
	} {
		if !c.root.conforms([]byte(value)) || c.Check([]byte(value)) != nil {
			t.Errorf("%s is not passed at first sight", value)
		}
	}
	const long = "0123456789012345678901234567890123456789012345678901234567890123"
	for _, value := range []string{
		`{"limit":10}`, `{"message":"a","message":"a"}`, `{"message":"` + long + `4"}`,
		`{"message":true}`, `{"message":1}`, `{"message":"a","limit":"1"}`,
		`{"message":"a","limit":true}`, `{"message":"a","limit":101}`, `{"message":"a","limit":0}`,
		`{"message":"a","verbose":1}`, `{"message":"a","verbose":"true"}`,
		`{"message":"a","more":1}`,
		`{"message":null}`, `{}`, `"a"`, `{"message":"a","limit":1.5}`,
	} {
		if c.root.conforms([]byte(value)) || c.Check([]byte(value)) == nil {
			t.Errorf("%s conforms", value)
		}
	}
	for _, schema := range []string{
		`{"properties":{"a":{"type":"string","minLength":2}}}`,
		`{"minProperties":2,"properties":{"a":{"type":"string"}}}`,
		`{"properties":{"a":{"type":"string","pattern":"b"}}}`,
		`{"enum":[{"a":"c"}],"properties":{"a":{"type":"string"}}}`,
		`{"properties":{"a":{"type":"string","enum":["b"]}}}`, `{"properties":{"a":false}}`,
		`{"type":"array","properties":{"a":{"type":"string"}}}`,
	} {
		c, err := Compile([]byte(schema))
		if err != nil || c.Check([]byte(`{"a":"a"}`)) == nil {
			t.Errorf("%s: %v, or all conforms", schema, err)
		}
	}
}
