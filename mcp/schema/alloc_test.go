//go:build !race

package schema

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// What is checked fast takes next to no memory, however it is made.
func TestMemoryIsBounded(t *testing.T) {
	c := compiled(t, `{"type":"object","properties":{"l":{"type":"array","uniqueItems":true}}}`)
	var keys, list strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `"k%d":%d,`, i, i)
		fmt.Fprintf(&list, `123456789012345678901234567890%d,`, i)
	}
	for name, value := range map[string]string{
		"keys": `{` + keys.String() + `"z":1}`, "items": `{"l":[` + list.String() + `1]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := c.Check([]byte(value)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > uint64(4*len(value)) {
			t.Errorf("%s: %d bytes took %d of memory", name, len(value), grown)
		}
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	f := func(schema, value string) {
		t.Helper()
		c, raw := compiled(t, schema), []byte(value)
		if n := testing.AllocsPerRun(1000, func() {
			if err := c.Check(raw); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", schema, n)
		}
	}
	f(threeProperties, threeArguments)
	f(`{"type":"object"}`, threeArguments)
	f(`{"properties":{"a":{"enum":["x","y"]},"b":{"type":"number","minimum":0.5,"maximum":2.5},
		"c":{"anyOf":[{"type":"null"},{"items":{"type":"string","pattern":"^a"}}]}}}`,
		`{"a":"y","b":1.25,"c":["ab","ac"],"d":null}`)
	f(`{"properties":{"d":{"contains":{"type":"integer","minimum":2},"maxContains":1}},
		"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":{"type":"array"},
		"propertyNames":{"pattern":"^[a-z-]+$"},"dependentRequired":{"d":["x-e"]}}`,
		`{"x-e":"text","d":[1,2,"three"],"other":[]}`)
}
