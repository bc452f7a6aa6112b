package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/codec"
)

// generator makes schemas and values of the bytes of the fuzzer, or of chance.
type generator struct {
	*rand.Rand
	depth int
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) name() string { return g.pick("a", "b", "A", "é", `\u0061`, `x\"y`, "") }

func (g *generator) number() string {
	return g.pick("0", "1", "-1", "1.0", "10", "1e1", "0.5", "2.50", "-0", "3e-2", "1e19",
		"12345678901234567890", "0.1", "100000000000000000000000000001", "7", "1E+2", "1e-400")
}

func (g *generator) text() string {
	return g.pick(`""`, `"a"`, `"ab"`, `"é"`, `"\ud83d\ude00"`, `"\u0061"`, `"\\"`, `"aaaaaaaaaa"`,
		`"1"`)
}

func (g *generator) value() string {
	g.depth++
	defer func() { g.depth-- }()
	n := g.IntN(10)
	if g.depth > 4 {
		n %= 6
	}
	switch n {
	case 0:
		return g.pick("null", "true", "false")
	case 1, 2, 3:
		return g.number()
	case 4, 5:
		return g.text()
	case 6, 7:
		list := make([]string, g.IntN(4))
		for i := range list {
			list[i] = g.value()
		}
		return "[" + strings.Join(list, g.pick(",", " , ")) + "]"
	}
	var members []string
	for range g.IntN(4) {
		members = append(members, `"`+g.name()+`"`+g.pick(":", " : ")+g.value())
	}
	return g.pick("{", "{ ") + strings.Join(members, ",") + g.pick("}", " }")
}

func (g *generator) schema() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 5 || g.IntN(12) == 0 {
		return g.pick("true", "false", "{}", `{"$ref":"#/$defs/d"}`)
	}
	var words []string
	for range 1 + g.IntN(3) {
		words = append(words, g.keyword())
	}
	if g.depth == 1 {
		words = append(words, `"$defs":{"d":`+g.schema()+`}`)
	}
	return "{" + strings.Join(words, ",") + "}"
}

func (g *generator) schemas() string {
	list := make([]string, 1+g.IntN(3))
	for i := range list {
		list[i] = g.schema()
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (g *generator) keyword() string {
	switch g.IntN(18) {
	case 0, 1:
		kinds := `"null","boolean","number","integer","string","array","object"`
		one := g.pick(strings.Split(kinds, ",")...)
		return `"type":` + g.pick(one, one, `[`+one+`]`, `["integer","string"]`)
	case 2, 3, 4:
		return fmt.Sprintf(`"properties":{"a":%s,"b":%s,"x\"y":%s}`, g.schema(), g.schema(),
			g.schema())
	case 5:
		return `"required":` + g.pick(`["a"]`, `["a","b"]`, `["c"]`, `["A","é"]`)
	case 6:
		return `"additionalProperties":` + g.schema()
	case 7:
		return `"` + g.pick("items", "not", "if", "then", "else") + `":` + g.schema()
	case 8:
		return `"` + g.pick("prefixItems", "allOf", "anyOf", "oneOf") + `":` + g.schemas()
	case 9:
		return `"enum":[` + g.value() + "," + g.value() + `]`
	case 10:
		return `"const":` + g.value()
	case 11:
		return `"` + g.pick("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") + `":` +
			g.number()
	case 12:
		return `"multipleOf":` + g.pick("1", "0.1", "2", "0.01", "1e1", "3")
	}
	if n := g.IntN(10); n < 4 {
		return g.memberWord(n)
	}
	return g.pick(`"minLength":1`, `"maxLength":1`, `"minItems":1`, `"maxItems":2`,
		`"uniqueItems":true`, `"minProperties":1`, `"maxProperties":2`, `"pattern":"^a+$"`)
}

// memberWord is a keyword that looks at members or items a second time.
func (g *generator) memberWord(n int) string {
	switch n {
	case 0:
		return fmt.Sprintf(`"patternProperties":{"^a":%s,"[b-é]":%s}`, g.schema(), g.schema())
	case 1:
		return `"propertyNames":` + g.pick(`{"maxLength":1}`, `{"pattern":"a"}`, "false",
			`{"enum":["a","b"]}`, g.schema())
	case 2:
		return `"contains":` + g.schema() + g.pick("", "", `,"minContains":0`, `,"minContains":2`,
			`,"maxContains":1`)
	}
	return g.pick(`"dependentRequired":{"a":["b","é"],"x\"y":["a"]}`,
		`"dependentSchemas":{"a":`+g.schema()+`,"b":`+g.schema()+`}`,
		`"dependencies":{"a":["b"],"b":`+g.schema()+`}`)
}

// compare checks one pair in both ways; it tells whether the fast one took part.
func compare(t *testing.T, schema, value string) bool {
	c, err := Compile([]byte(schema))
	if err != nil || c.Slow() != "" {
		return false
	}
	doc, err := decode([]byte(schema), schemaValuesMax)
	if err != nil {
		t.Fatal(err)
	}
	general, err := compileSlow(doc, noLoader{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode([]byte(value), slowValuesMax); err != nil {
		return false // a member comes twice where the schema does not look
	}
	slowErr, fastErr := general.check([]byte(value), false), c.Check([]byte(value))
	if (slowErr == nil) != (fastErr == nil) && !selfReference(fastErr) {
		t.Errorf("schema %s\nvalue %s\nfast: %v\nslow: %v", schema, value, fastErr, slowErr)
	}
	atSight := c.CheckMembers([]byte(value), listed(t, value))
	if (atSight == nil) != (fastErr == nil) {
		t.Errorf("schema %s\nvalue %s\nlisted: %v\nwalk: %v", schema, value, atSight, fastErr)
	}
	return true
}

// selfReference: a $ref that leads to itself is refused by the walk and passed by santhosh.
func selfReference(err error) bool {
	var f *Fault
	return errors.As(err, &f) && strings.Contains(f.Text, "deeper than allowed")
}

func TestBothAgreeOnRandomPairs(t *testing.T) {
	g := generator{Rand: rand.New(rand.NewPCG(1, 2))}
	fast := 0
	for range 3000 {
		schema := g.schema()
		for range 4 {
			if compare(t, schema, g.value()) {
				fast++
			}
		}
	}
	if fast < 3000 {
		t.Errorf("only %d pairs of 12000 were checked in both ways", fast)
	}
}

// FuzzCheck compares the two ways, with generated pairs and with the fuzzer's own.
func FuzzCheck(f *testing.F) {
	f.Add(uint64(1), threeProperties, threeArguments)
	f.Add(uint64(2), `{"type":["object","null"]}`, `{"a":{"a":1,"a":2}}`)
	f.Add(uint64(3), "{\"\xd8\":[]}", `{}`)
	f.Fuzz(func(t *testing.T, n uint64, schema, value string) {
		var s codec.Scanner
		g := generator{Rand: rand.New(rand.NewPCG(n, 0))}
		compare(t, g.schema(), g.value())
		if json.Valid([]byte(schema)) && s.Valid([]byte(value)) {
			compare(t, schema, value)
		}
	})
}
