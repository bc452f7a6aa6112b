package declared_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway/declared"
)

const twoArguments = `{"type":"object","properties":{"a":{},"b":{"default":[1]},"c-d":{}}}`

func newTool(t *testing.T, def declared.Definition) *declared.Tool {
	t.Helper()
	def.Name = "t"
	if def.Input == nil {
		def.Input = json.RawMessage(twoArguments)
	}
	tool, err := declared.New(def)
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// TestTemplates: what stands between braces is an argument, braces twice are braces.
func TestTemplates(t *testing.T) {
	tool := newTool(t, declared.Definition{Defaults: true})
	a, err := tool.Arguments([]byte(`{"a":"x{b}","c-d":1.50}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"": "", "plain": "plain", "{a}": "x{b}", "<{a}{c-d}>": "<x{b}1.50>", "{b}": "[1]",
		"{{a}}": "{a}", "{{{a}}}": "{x{b}}", "}}{{": "}{", "é{a}漢": "éx{b}漢",
	} {
		p, err := declared.ParseTemplate(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, ok := p.Expand(a, nil); !ok || got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, ok, want)
		}
	}
	p, err := declared.ParseTemplate("{a}{none}")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := p.Expand(a, nil); ok {
		t.Errorf("got %q without an argument that it needs", got)
	}
	for _, bad := range []string{
		"{", "}", "a}", "{a", "{}", "{ a}", "{a b}", "{1a}", "{a.b}", "{+}", "{...}", "{é}", "{{}",
	} {
		if p, err := declared.ParseTemplate(bad); err == nil {
			t.Errorf("%q: got %+v", bad, p)
		}
	}
}

// TestArguments: null is nothing where a text is wanted, and null where JSON is.
func TestArguments(t *testing.T) {
	for defaults, b := range map[bool]string{true: "[1]", false: ""} {
		tool := newTool(t, declared.Definition{Defaults: defaults})
		a, err := tool.Arguments([]byte(`{"a":null}`))
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := a.Text("a"); ok || string(a.JSON("a")) != "null" || a.Raw("a") != nil {
			t.Errorf("null is %q", text)
		}
		if got := string(a.JSON("b")); got != b {
			t.Errorf("with defaults %v: got %s, want %s", defaults, got, b)
		}
	}
}

// TestRefuse: what is wrong with arguments is the tool's answer, or the protocol's for old clients.
func TestRefuse(t *testing.T) {
	tool := newTool(t, declared.Definition{})
	fault := errors.New(strings.Repeat("é", 10_000))
	for v, inBand := range map[mcp.Version]bool{
		mcp.V20241105: false, mcp.V20250618: false, mcp.V20251125: true, mcp.V20260728: true,
	} {
		raw, err := tool.Refuse(fault, v)
		if (err == nil) != inBand || len(raw) > 2000 || err != nil && len(err.Error()) > 2000 {
			t.Errorf("%v: got %.100s, %.100v", v, raw, err)
		}
		if !inBand && !errors.Is(err, codec.ErrInvalidParams) {
			t.Errorf("%v: got %.100v", v, err)
		}
	}
}

// TestCut: a text that is too long ends in a whole character, and says how much there was.
func TestCut(t *testing.T) {
	for max, want := range map[int]string{
		0: "\n… cut here: 0 of 6 bytes", 3: "aé\n… cut here: 3 of 6 bytes",
		2: "a\n… cut here: 1 of 6 bytes", 5: "aé\n… cut here: 3 of 6 bytes", 6: "aé漢",
	} {
		raw := declared.TextAnswer([]byte("aé漢"), max, false)
		if got := textOf(t, raw); got != want {
			t.Errorf("%d: got %q, want %q", max, got, want)
		}
	}
	if got := textOf(t, declared.TextAnswer([]byte("ab"), 5, true)); !strings.HasSuffix(got,
		"cut here: 2 of more than 2 bytes") {
		t.Errorf("got %q", got)
	}
}

func textOf(t *testing.T, raw []byte) string {
	t.Helper()
	var r struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(raw, &r); err != nil || len(r.Content) != 1 {
		t.Fatalf("%s: %v", raw, err)
	}
	return r.Content[0].Text
}

// TestDefinitionFaults: a schema that cannot be used is an error of its tool.
func TestDefinitionFaults(t *testing.T) {
	for _, def := range []declared.Definition{
		{Input: json.RawMessage(`{"type":"array"}`)},
		{Input: json.RawMessage(`{"type":7}`)},
		{Input: json.RawMessage(`{`)},
		{Output: json.RawMessage(`{"type":"string"}`)},
		{Output: json.RawMessage(`[]`)},
	} {
		def.Name = "t"
		if tool, err := declared.New(def); err == nil {
			t.Errorf("%+v: got %s", def, tool.Raw)
		}
	}
}

// TestHints: each word is what clients see of it.
func TestHints(t *testing.T) {
	for word, want := range map[string]string{
		declared.ReadOnly: `{"readOnlyHint":true}`, declared.Idempotent: `{"idempotentHint":true}`,
		declared.Additive:    `{"destructiveHint":false}`,
		declared.Destructive: `{"destructiveHint":true}`,
		declared.ClosedWorld: `{"openWorldHint":false}`,
	} {
		a, err := declared.Annotations([]string{word})
		raw, _ := json.Marshal(a)
		if err != nil || string(raw) != want {
			t.Errorf("%s: got %s, %v", word, raw, err)
		}
	}
	if a, err := declared.Annotations(nil); a != nil || err != nil {
		t.Errorf("got %+v, %v", a, err)
	}
	if _, err := declared.Annotations([]string{"x"}); err == nil ||
		!strings.Contains(err.Error(), fmt.Sprint(strings.Join(declared.HintWords(), ", "))) {
		t.Errorf("got %v", err)
	}
}
