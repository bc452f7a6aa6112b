package codec

import (
	"encoding/json"
	"testing"
)

func TestFind(t *testing.T) {
	f := func(object, key, want string) {
		t.Helper()
		if got := string(Find([]byte(object), key)); got != want {
			t.Errorf("Find(%s, %q) = %s; want %s", object, key, got, want)
		}
	}
	f(`{}`, "a", "")
	f(``, "a", "")
	f(`[1]`, "a", "")
	f(`{"a":1}`, "a", "1")
	f(`{"a":1}`, "b", "")
	f(`{"a" : -1.5e3 , "b":true}`, "a", "-1.5e3")
	f(`{"a":1,"b":"x"}`, "b", `"x"`)
	f("{ \"a\" :\t\"}\" ,\n\"b\":[{\"b\":\"]\"}, 2] }", "b", `[{"b":"]"}, 2]`)
	f(`{"o":{"a":"\"}"},"a":null}`, "a", "null")
	f(`{"\u0061":"é\\"}`, "a", `"é\\"`)
	f(`{"a":1,"a":2}`, "a", "1")
	f(`{"":{}}`, "", "{}")
	f(`{"a":"x","b":1}`, `a":"x`, "")
	f(`{"a\"":1,"b":1}`, `a\`, "")
	f(`{"abc":1,"ab":2}`, "ab", "2")
}

// FuzzFind compares with encoding/json on every object that a Scanner passes.
func FuzzFind(f *testing.F) {
	f.Add(`{"a":1,"b":"x","c":[1,{"a":2}]}`, "c")
	f.Add(`{"\u0061":"é\\"}`, "a")
	f.Add(`{"a":"x","b":1}`, `a":"x`)
	f.Add(`{"a\"":1}`, `a\`)
	f.Fuzz(func(t *testing.T, object, key string) {
		var s Scanner
		if !s.Valid([]byte(object)) || object[0] != '{' {
			return
		}
		raw := Find([]byte(object), key)
		if raw != nil && !s.Valid(raw) {
			t.Fatalf("Find(%q, %q) = %q is not JSON", object, key, raw)
		}
		var all map[string]json.RawMessage
		if json.Unmarshal([]byte(object), &all) != nil {
			return
		}
		if _, has := all[key]; has != (raw != nil) && key != "\ufffd" && isPlain(key) {
			t.Fatalf("Find(%q, %q) = %q; encoding/json has it: %v", object, key, raw, has)
		}
	})
}

// isPlain: encoding/json and Find decode lone surrogates to the same U+FFFD, so only keys
// without it are compared.
func isPlain(key string) bool {
	for _, r := range key {
		if r == '\ufffd' {
			return false
		}
	}
	return true
}
