package schema

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// doubling is a subschema in two ways; each level of a value doubles the work.
const doubling = `[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]`

// bombs are schemas and values whose check would take 2^60 steps. more goes into the schema.
func bombs(more string) map[string]string {
	def := func(a string) string {
		return `{"$ref":"#/$defs/a","$defs":{"a":` + a + `}` + more + `}`
	}
	arrays := strings.Repeat("[", 60) + strings.Repeat("]", 60)
	objects := strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)
	laughs := `{"$ref":"#/$defs/a0","$defs":{"a60":{"minItems":1}`
	for i := range 60 {
		laughs += fmt.Sprintf(`,"a%d":{"items":{"oneOf":[{"$ref":"#/$defs/a%d"},`+
			`{"$ref":"#/$defs/a%d"}]}}`, i, i+1, i+1)
	}
	return map[string]string{
		def(`{"items":{"oneOf":` + doubling + `}}`):              arrays,
		def(`{"items":{"anyOf":` + doubling + `},"minItems":1}`): arrays,
		def(`{"items":{"allOf":` + doubling + `}}`):              arrays,
		def(`{"not":{"items":{"oneOf":` + doubling + `}}}`):      arrays,
		def(`{"if":{"items":{"not":{"$ref":"#/$defs/a"}}},` +
			`"then":{"items":{"$ref":"#/$defs/a"}},` +
			`"else":{"items":{"$ref":"#/$defs/a"}}}`): arrays,
		def(`{"additionalProperties":{"anyOf":` + doubling + `},"type":"object"}`): objects,
		laughs + "}" + more + "}": arrays,
	}
}

// What could be looked at without end is not for a loop, and is given up soon.
func TestBombsAreHeavy(t *testing.T) {
	for schema, value := range bombs("") {
		c := compiled(t, schema)
		if c.slow != nil || !strings.Contains(c.Slow(), "several ways") {
			t.Errorf("%.200s is not heavy but %q", schema, c.Slow())
		}
		err := c.Check([]byte(value))
		if err == nil || !strings.Contains(err.Error(), "more steps") {
			t.Errorf("%.200s: %v", schema, err)
		}
	}
}

// A long value gives a bomb no more steps than a short one may have.
func TestStepsOfALongValue(t *testing.T) {
	schema := `{"$ref":"#/$defs/a","$defs":{"a":{"items":{"oneOf":` + doubling + `}}}}`
	c := compiled(t, schema)
	deep := strings.Repeat("[", 59) + strings.Repeat("]", 59)
	value := "[" + deep + strings.Repeat(",1", 2<<20) + "]"
	r := run{b: []byte(value), steps: c.steps(len(value))}
	if r.steps > stepsHeavy || r.value(c.root, 0) >= 0 || !r.aborted || r.note.kind != noteSteps {
		t.Errorf("%d steps left, note %v", r.steps, r.note.kind)
	}
}

// Trees and alternatives of the usual kind are checked on the loop.
func TestUsualRecursionIsNotHeavy(t *testing.T) {
	for _, schema := range []string{
		threeProperties,
		`{"properties":{"v":{"type":"integer"},"left":{"$ref":"#"},"right":{"$ref":"#"},` +
			`"more":{"items":{"$ref":"#"}}}}`,
		`{"anyOf":[{"type":"string"},{"type":"array","items":{"$ref":"#"}},` +
			`{"type":"object","additionalProperties":{"$ref":"#"}}]}`,
		`{"anyOf":[{"type":["null","number"]},{"items":{"$ref":"#"}},` +
			`{"properties":{"a":{"$ref":"#"}}}]}`,
		`{"items":{"oneOf":[` + strings.Repeat(`{"required":["a"]},`, 20) + `{}]}}`,
	} {
		if c := compiled(t, schema); c.Slow() != "" {
			t.Errorf("%s is slow: %s", schema, c.Slow())
		}
	}
	many := `{"oneOf":[` + strings.Repeat(`{"required":["a"]},`, 40) + `{}]}`
	if compiled(t, many).Slow() == "" {
		t.Error("40 alternatives are not heavy")
	}
}

// The bound is true: no value is looked at more often than isHeavy says.
func TestLightSchemasNeverRunOutOfSteps(t *testing.T) {
	branches := strings.Repeat(`{"type":"string","maxLength":0},`, visitsMax-3)
	c := compiled(t, `{"items":{"items":{"anyOf":[`+branches+`{"type":"integer"}]}}}`)
	if c.Slow() != "" {
		t.Fatal(c.Slow())
	}
	value := "[[" + strings.Repeat("1,", 1<<18) + "1]]"
	if err := c.Check([]byte(value)); err != nil {
		t.Errorf("%.200v", err)
	}
}

// The same with a keyword that makes santhosh do it: its steps and its memory are bounded, too.
func TestMeterBoundsTheSlowChecker(t *testing.T) {
	all := bombs(`,"unevaluatedItems":true`)
	arrays := strings.Repeat("[", 60) + strings.Repeat("]", 60)
	all[`{"$dynamicRef":"#a","$defs":{"a":{"$dynamicAnchor":"a","items":{"allOf":[`+
		`{"$dynamicRef":"#a"},{"$dynamicRef":"#a"}]}}}}`] = arrays
	all[`{"$ref":"#/$defs/a","$defs":{"a":{"contains":{"anyOf":`+doubling+`},`+
		`"unevaluatedItems":{"$ref":"#/$defs/a"}}}}`] = arrays
	all[`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"$ref":"#"}],`+
		`"allOf":[{"items":[{"$ref":"#"}]}]}`] = arrays
	all[`{"unevaluatedItems":true,"items":{"pattern":"^(([a-z]{0,30}){0,30})*$"}}`] =
		`["` + strings.Repeat("a", 1<<20) + `"]`
	var numbers strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&numbers, "%d,", i)
	}
	all[`{"unevaluatedItems":true,"items":{"enum":[`+numbers.String()+`-1]}}`] =
		`[` + strings.Repeat("-1,", 10_000) + `-1]`
	for schema, value := range all {
		c := compiled(t, schema)
		if c.slow == nil {
			t.Errorf("%.200s is not left to santhosh: %q", schema, c.Slow())
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.Check([]byte(value))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "more steps") {
			t.Errorf("%.200s: %v", schema, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
			t.Errorf("%.200s: took %d bytes of memory", schema, grown)
		}
		err = c.Check([]byte(`[]`))
		if err != nil && strings.Contains(err.Error(), "more steps") {
			t.Errorf("%.200s: the next check has no steps", schema)
		}
	}
}

// What is large but honest has steps enough.
func TestMeterLetsHonestValuesPass(t *testing.T) {
	f := func(schema, value string) {
		t.Helper()
		c := compiled(t, schema)
		if err := c.Check([]byte(value)); err != nil || c.slow == nil {
			t.Errorf("%.200s: %v, slow %q", schema, err, c.Slow())
		}
	}
	f(`{"unevaluatedItems":{"type":"object","allOf":[{"properties":{"a":{}}}],`+
		`"properties":{"b":{"enum":[1,2]}},"unevaluatedProperties":false}}`,
		`[`+strings.Repeat(`{"a":1,"b":2},`, 5000)+`{}]`)
	f(`{"unevaluatedItems":true,"uniqueItems":false,"items":{"pattern":"^[a-z]+$"}}`,
		`["`+strings.Repeat("a", 1<<20)+`"]`)
}

// Checks of one schema at the same time do not share their steps.
func TestSlowChecksAtTheSameTime(t *testing.T) {
	c := compiled(t, `{"unevaluatedItems":{"type":"integer"}}`)
	value := []byte(`[` + strings.Repeat("1,", 1000) + `1]`)
	done := make(chan error)
	for range 8 {
		go func() {
			for range 50 {
				if err := c.Check(value); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(c.slow.free); n != runtime.GOMAXPROCS(0) {
		t.Errorf("%d compilations are free", n)
	}
}
