package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addHostileSchemas offers a tool for each schema, with the walk ("fast_…") and with santhosh
// ("slow_…"). Their argument is v.
func addHostileSchemas(s *server.Server) {
	raw := func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
		return mcp.AppendTextResult(dst, []byte("ran")), nil
	}
	for name, v := range map[string]string{
		"deep":     `{"$ref":"#/$defs/tree"}`,
		"items":    `{"items":{"type":"integer","minimum":0}}`,
		"unique":   `{"uniqueItems":true}`,
		"contains": `{"contains":{"const":-1}}`,
		"pattern":  `{"items":{"pattern":"^[a-z]+$"}}`,
		"costly":   `{"items":{"pattern":"^(([a-z]{0,30}){0,30})*$"}}`,
		"names":    `{"propertyNames":{"maxLength":6},"patternProperties":{"^k":{"minimum":1}}}`,
	} {
		for kind, word := range map[string]string{
			"fast": "", "slow": `"unevaluatedProperties":true,`,
		} {
			must(s.AddRawTool(mcp.Tool{
				Name: kind + "_" + name,
				InputSchema: json.RawMessage(`{"type":"object",` + word + `"properties":{"v":` + v +
					`},"$defs":{"tree":{"type":["array","object","integer"],"items":` +
					`{"$ref":"#/$defs/tree"},"additionalProperties":{"$ref":"#/$defs/tree"}}}}`),
			}, raw))
		}
	}
}

// hostileValue is a value for v and what its call is answered with, by the walk and by santhosh.
type hostileValue struct{ tool, value, fast, slow string }

func hostileValues() []hostileValue {
	const many = 300_000
	var distinct, keys strings.Builder
	for i := range many {
		fmt.Fprintf(&distinct, "%d,", i)
		fmt.Fprintf(&keys, `"k%d":1,`, i%100_000+many*(i/100_000))
	}
	arrays := strings.Repeat("[", 58) + `"x"` + strings.Repeat("]", 58)
	objects := strings.Repeat(`{"a":`, 58) + `"x"` + strings.Repeat("}", 58)
	long := strings.Repeat("a", 1<<20)
	const ran, tooMany, tooLong = `"ran"`, "too many values", "more steps"
	return []hostileValue{
		{"deep", arrays, "breaks type", "got string"},
		{"deep", objects, "breaks type", "got string"},
		{"deep", strings.Repeat("[", 500) + strings.Repeat("]", 500), "-32", "-32"},
		{"items", "[" + distinct.String() + "1]", ran, tooMany},
		{"items", "[" + distinct.String() + "-1]", "breaks minimum", tooMany},
		{"unique", "[" + distinct.String() + "-1]", ran, tooMany},
		{"unique", "[" + distinct.String() + "299999]", "breaks uniqueItems", tooMany},
		{"contains", "[" + distinct.String() + "-1]", ran, tooMany},
		{"contains", "[" + distinct.String() + "1]", "breaks contains", tooMany},
		{"pattern", `["` + long + `"]`, ran, ran},
		{"pattern", `["` + long + `A"]`, "breaks pattern", "at /v/0: 'aaa"},
		{"costly", `["` + long + `"]`, tooLong, tooLong},
		{"names", "{" + keys.String() + `"z":1}`, "breaks maxLength", tooMany},
	}
}

// Values that are deep, long or many take memory in proportion, are answered with a reason, and
// leave others served, also where the schema looks at all of them.
func TestFaultValuesThatASchemaLooksAt(t *testing.T) {
	r := start(t, nil, addHostileSchemas)
	other := r.dialTCP()
	ask := func(tool, value, want string) {
		t.Helper()
		c := r.dialTCP()
		message := modernCall(`"v"`, tool, `{"v":`+value+`}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.line(message)
		got := other.ask(modernCall(`"other"`, "echo", `{"message":"m"}`))
		if !strings.Contains(got, `"text":"m"`) {
			t.Errorf("%s: another client got %.200s", tool, got)
		}
		got = c.read()
		runtime.ReadMemStats(&after)
		if !strings.Contains(got, want) || len(got) > 4<<10 {
			t.Errorf("%s %.20s: got %.300s, want %s", tool, value, got, want)
		}
		limit := uint64(32*len(message) + 1<<20) // buffers that grow are counted whole
		if strings.HasPrefix(tool, "slow") {
			limit *= 2 // it decodes, and quotes
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > limit {
			t.Errorf("%s %.20s: %d bytes took %d of memory", tool, value, len(message), grown)
		}
		if got := c.ask(modernCall(`"v"`, "fast_items", `{"v":[1]}`)); !ran(got) {
			t.Errorf("%s: the next call got %s", tool, got)
		}
	}
	for _, v := range hostileValues() {
		ask("fast_"+v.tool, v.value, v.fast)
		ask("slow_"+v.tool, v.value, v.slow)
	}
}

// Schemas that nobody can mean well are refused when their tool is added, and say why.
func TestFaultSchemas(t *testing.T) {
	r := start(t, nil)
	raw := func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) { return dst, nil }
	object := func(more string) string { return `{"type":"object",` + more + `}` }
	property := func(v string) string { return object(`"properties":{"v":` + v + `}`) }
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, `"p%d":{},`, i)
	}
	deep := strings.Repeat(`{"items":`, 600) + "{}" + strings.Repeat("}", 600)
	for schema, why := range map[string]string{
		object(`"properties":{` + many.String() + `"z":{}}`): "want at most 5000",
		property(deep): "deeper than",
		property(`{"$ref":"http://127.0.0.1:1/schema.json"}`):         "ever fetched",
		property(`{"$ref":"file:///proc/self/environ"}`):              "ever fetched",
		property(`{"$id":"http://127.0.0.1:1/","$ref":"other.json"}`): "ever fetched",
		property(`{"$dynamicRef":"http://127.0.0.1:1/#a"}`):           "ever fetched",
		property(`{"pattern":"(a+)+$(?!b)"}`):                         "(?!",
		property(`{"pattern":"(a)\\1"}`):                              `\1`,
	} {
		tool := mcp.Tool{Name: "hostile", InputSchema: json.RawMessage(schema)}
		err := r.AddRawTool(tool, raw)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.100s: %.300v, want %q", schema, err, why)
		}
	}
	// A $ref that leads to itself has no end; only a value that meets it is refused.
	must(r.AddRawTool(mcp.Tool{Name: "circle", InputSchema: json.RawMessage(
		object(`"properties":{"v":{"$ref":"#/$defs/a"}},` +
			`"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"$ref":"#/$defs/a"}}`))},
		func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
			return mcp.AppendTextResult(dst, []byte("ran")), nil
		}))
	c := r.dialTCP()
	if got := c.ask(modernCall("1", "circle", `{"v":1}`)); !strings.Contains(got, "deeper than") {
		t.Errorf("got %s", got)
	}
	if got := c.ask(modernCall("1", "circle", `{}`)); !ran(got) {
		t.Errorf("got %s", got)
	}
}
