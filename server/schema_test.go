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

const (
	fastSchema = `{"type":"object","properties":{"message":{"type":"string","maxLength":8},` +
		`"limit":{"type":"integer","minimum":1}},"required":["message"]}`
	slowSchema = `{"type":"object","properties":{"message":{"type":"string","maxLength":8},` +
		`"limit":{"type":"integer","minimum":1}},"required":["message"],` +
		`"unevaluatedProperties":true}`
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// addChecked offers one tool of each kind with each schema. All answer "ran".
func addChecked(s *server.Server) {
	raw := func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
		return mcp.AppendTextResult(dst, []byte("ran")), nil
	}
	async := func(c *server.Call) { c.ReplyRaw(mcp.AppendTextResult(nil, []byte("ran"))) }
	type in struct {
		Message string `json:"message"`
		Limit   int    `json:"limit"`
	}
	typed := func(context.Context, *mcp.Request, in) (string, error) { return "ran", nil }
	for kind, schema := range map[string]string{"fast": fastSchema, "slow": slowSchema} {
		input := json.RawMessage(schema)
		must(s.AddRawTool(mcp.Tool{Name: kind + "_raw", InputSchema: input}, raw))
		must(s.AddAsyncTool(mcp.Tool{Name: kind + "_async", InputSchema: input}, async))
		server.AddTool(s, mcp.Tool{Name: kind + "_typed", InputSchema: input}, typed)
	}
	input := json.RawMessage(fastSchema)
	must(s.AddRawTool(mcp.Tool{Name: "fast_inline", InputSchema: input}, raw, server.Inline))
	server.AddTool(s, mcp.Tool{Name: "derived_inline"}, typed, server.Inline)
	must(s.AddRawTool(mcp.Tool{Name: "free"}, raw, server.Inline))
}

func checkedTools() []string {
	return []string{
		"fast_raw", "fast_async", "fast_typed", "slow_raw", "slow_async", "slow_typed",
		"fast_inline", "derived_inline",
	}
}

// Arguments that do not fit never reach a handler, whatever kind of tool it is: the model sees
// why from 2025-11-25 on, the client before that.
func TestArgumentsAreChecked(t *testing.T) {
	r := start(t, nil, addChecked)
	for _, era := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		c := r.dialTCP()
		call := modernCall
		if era < "2026" {
			c.initialize(era)
			call = legacyCall
		}
		for _, tool := range checkedTools() {
			if got := c.ask(call("1", tool, `{"limit":3,"message":"m"}`)); !ran(got) {
				t.Errorf("%s %s: %s", era, tool, got)
			}
			for _, bad := range []string{
				`{}`, `{"message":7}`, `{"message":"m","limit":0}`, `{"message":"m","limit":1.5}`,
				`{"message":"m","message":"n"}`, `{"message":"m","\u006dessage":"n"}`,
			} {
				if tool == "derived_inline" && strings.Contains(bad, `:0}`) {
					continue // a type knows no minimum
				}
				got := c.ask(call("1", tool, bad))
				wanted := `"isError":true`
				if era < "2025-11-25" {
					wanted = `"code":-32602`
				}
				if ran(got) || !strings.Contains(got, wanted) ||
					!strings.Contains(got, "invalid arguments for tool") {
					t.Errorf("%s %s: %s was answered %s", era, tool, bad, got)
				}
			}
		}
		if got := c.ask(call("1", "free", `{"a":1,"a":2}`)); !ran(got) {
			t.Errorf("%s: a tool without a schema is not checked: %s", era, got)
		}
	}
	got := r.dialTCP().ask(modernRequest("1", "tools/call", `"name":"fast_raw"`))
	if !strings.Contains(got, "is missing") {
		t.Errorf("no arguments: %s", got)
	}
}

func ran(answer string) bool { return strings.Contains(answer, `"text":"ran"`) }

// encoding/json takes "Message" for message: a schema given by hand must not let it.
func TestFoldedNamesAreRefusedForTypedTools(t *testing.T) {
	r := start(t, nil, addChecked)
	c := r.dialTCP()
	for _, name := range []string{"MESSAGE", `mes\u017fage`} {
		arguments := fmt.Sprintf(`{"message":"m","%s":"other"}`, name)
		for _, tool := range []string{"fast_typed", "slow_typed"} {
			got := c.ask(modernCall("1", tool, arguments))
			if ran(got) || !strings.Contains(got, "written in another case") {
				t.Errorf("%s: %s", tool, got)
			}
		}
		if got := c.ask(modernCall("1", "fast_raw", arguments)); !ran(got) {
			t.Errorf("a raw tool reads its names itself: %s", got)
		}
	}
}

// Hostile arguments are answered with a short reason, and take memory in proportion.
func TestHostileArgumentsAreBounded(t *testing.T) {
	r := start(t, nil, addChecked)
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `,"k%d":%d`, i, i)
	}
	long := strings.Repeat("é", 200_000)
	nines := strings.Repeat("9", 100_000)
	c := r.dialTCP()
	for _, tool := range checkedTools() {
		for name, more := range map[string]string{
			"100k keys":       keys.String(),
			"100k keys twice": keys.String() + `,"k0":1`,
			"long text":       `,"limit":"` + long + `"`,
			"long name":       `,"limit":0,"` + long + `":1`,
			"large exponent":  `,"limit":1e999999999`,
			"many digits":     `,"limit":` + nines,
			"many decimals":   `,"limit":0.` + nines,
			"deep":            `,"limit":` + strings.Repeat("[", 60) + strings.Repeat("]", 60),
		} {
			message := modernCall("1", tool, `{"message":"m"`+more+`}`)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := c.ask(message)
			runtime.ReadMemStats(&after)
			grown, limit := after.TotalAlloc-before.TotalAlloc, uint64(8*len(message)+1<<20)
			if strings.HasPrefix(tool, "slow") {
				limit *= 2 // it decodes them
			}
			if grown > limit || len(got) > 4<<10 {
				t.Errorf("%s: %s: %d bytes took %d of memory, were answered %.200s", tool, name,
					len(message), grown, got)
			}
			if wide := name == "100k keys"; !wide && ran(got) {
				t.Errorf("%s: %s ran", tool, name)
			}
		}
	}
}

func TestSchemasThatCannotBeUsed(t *testing.T) {
	r := start(t, nil)
	raw := func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) { return dst, nil }
	property := func(a string) string {
		return `{"type":"object","properties":{"a":` + a + `}}`
	}
	long, large := strings.Repeat("a", 5000), strings.Repeat("(a{1000})", 30)
	for schema, why := range map[string]string{
		`{"type":"array"}`:                                                 "MCP wants",
		property(`{"$ref":"http://localhost/a"}`):                          "ever fetched",
		property(`{"$ref":"file:///etc/passwd"}`):                          "ever fetched",
		`{"type":"object","$schema":"https://example.com/schema"}`:         "its $schema",
		property(`{"type":"text"}`):                                        "cannot compile",
		property(`{"type":"string","pattern":"(?=a)"}`):                    "(?=a)",
		property(`{"unevaluatedItems":false}`):                             "inline",
		property(`{"pattern":"` + long + `"}`):                             "want at most 4096",
		property(`{"pattern":"` + large + `"}`):                            "want at most 10000",
		`{"type":"object","required":["a"],"unevaluatedProperties":false}`: "inline",
		property(`{"type":"string","type":"number"}`):                      "comes twice",
		property(`{"$ref":"#/$defs/nowhere"}`):                             "nowhere",
		property(`{"type":"string","minLength":"many"}`):                   "cannot compile",
	} {
		tool := mcp.Tool{Name: "bad", InputSchema: json.RawMessage(schema)}
		err := r.AddRawTool(tool, raw, server.Inline)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", schema, err, why)
		}
	}
}

// addBadResults offers tools whose results do not conform to their output schema, and good ones.
func addBadResults(s *server.Server) {
	output := json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}},` +
		`"required":["n"]}`)
	results := map[string]string{
		"bad":     `{"content":[],"structuredContent":{"n":"one"}}`,
		"missing": `{"content":[]}`,
		"torn":    `{"content":[],"structuredContent":{"n":1}`,
		"good":    `{"content":[],"structuredContent":{"n":1}}`,
		"error":   `{"content":[],"isError":true}`,
	}
	for name, result := range results {
		raw := func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
			return append(dst, result...), nil
		}
		async := func(c *server.Call) { c.ReplyRaw([]byte(result)) }
		tool := func(kind string) mcp.Tool {
			return mcp.Tool{Name: name + kind, OutputSchema: output}
		}
		must(s.AddRawTool(tool("_inline"), raw, server.Inline))
		must(s.AddRawTool(tool("_raw"), raw))
		must(s.AddAsyncTool(tool("_async"), async))
	}
	server.AddTool(s, mcp.Tool{Name: "bad_typed", OutputSchema: output},
		func(context.Context, *mcp.Request, struct{}) (any, error) {
			return map[string]any{"n": 1.5}, nil
		})
	server.AddTool(s, mcp.Tool{Name: "good_list", OutputSchema: json.RawMessage(
		`{"type":"array","items":{"type":"integer"}}`)},
		func(_ context.Context, _ *mcp.Request, in struct{}) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{StructuredContent: []int{1, 2}}, nil
		})
}

// What does not conform to the output schema is never sent; the operator reads why.
func TestResultsAreChecked(t *testing.T) {
	r := start(t, nil, addBadResults)
	for _, era := range []string{"2025-03-26", "2025-06-18", "2026-07-28"} {
		c := r.dialTCP()
		call := modernCall
		if era < "2026" {
			c.initialize(era)
			call = legacyCall
		}
		ask := func(tool, want string) {
			t.Helper()
			if got := c.ask(call("1", tool, "{}")); !strings.Contains(got, want) {
				t.Errorf("%s %s: %s, want %s", era, tool, got, want)
			}
		}
		for _, kind := range []string{"_inline", "_raw", "_async"} {
			ask("good"+kind, `"structuredContent":{"n":1}`)
			ask("error"+kind, `"isError":true`)
			if era >= "2025-06-18" { // before, nobody knew of structured content
				ask("bad"+kind, `"code":-32603`)
				ask("missing"+kind, `"code":-32603`)
			}
		}
		ask("torn_raw", `"code":-32603`)
		if era >= "2025-06-18" {
			ask("bad_typed", `"code":-32603`)
			ask("good_list", `[1,2]`)
		}
	}
	eventually(t, "the log says why", func() bool {
		return strings.Contains(r.log.String(), "breaks type") &&
			strings.Contains(r.log.String(), "name=bad_typed")
	})
}

func schemaRows() []metricRow {
	return []metricRow{
		{
			[]string{"mcploop_arguments_refused_total"},
			nil,
			asks(legacyCall("1", "echo", "{}")),
		},
		{[]string{"mcploop_results_refused_total"}, nil, func(r *running) {
			addBadResults(r.Server)
			asks(modernCall("1", "bad_inline", "{}"))(r)
		}},
	}
}
