package schema

import (
	"testing"

	"github.com/mcploop/mcploop/codec"
)

// listed is what the scanner lists of arguments.
func listed(t *testing.T, arguments string) []codec.Member {
	t.Helper()
	var m codec.Message
	frame := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":` +
		arguments + `}}`
	_ = new(codec.Scanner).Scan([]byte(frame), &m) // what is nested too deep is not listed
	return m.ArgumentMembers
}

// What conforms at first sight, and what is left to the walk and refused there.
func TestFirstSight(t *testing.T) {
	c, err := Compile([]byte(threeProperties))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{
		threeArguments, `{"message":""}`, `{"verbose":false,"message":"a","limit":100}`,
		`{ "message" : "a" , "limit": 1 }`,
	} {
		members := listed(t, value)
		if !c.root.conforms(members, false) || c.CheckMembers([]byte(value), members) != nil ||
			c.Check([]byte(value)) != nil {
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
		`{"message":null}`, `{}`, `"a"`, `{"message":"a","limit":1.5}`, `{"messag\u0065":1}`,
	} {
		members := listed(t, value)
		if c.root.conforms(members, false) || c.CheckMembers([]byte(value), members) == nil {
			t.Errorf("%s conforms", value)
		}
	}
	open, err := Compile([]byte(`{"type":"object","properties":{"a":{"type":"string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]bool{
		`{"b":1,"c":{"b":1}}`: true, `{"b":1,"a":"a","b":2}`: false, `{"b":1,"b":1}`: false,
	} {
		members := listed(t, value)
		good := open.CheckMembers([]byte(value), members) == nil
		if open.root.conforms(members, false) != want || good != want {
			t.Errorf("%s: want %v of an open schema, at first sight, too", value, want)
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
		value := `{"a":"a"}`
		if err != nil || c.CheckMembers([]byte(value), listed(t, value)) == nil {
			t.Errorf("%s: %v, or all conforms", schema, err)
		}
	}
}
