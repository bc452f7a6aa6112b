package mcp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
)

// TestRawInputPasses: bytes stay as they are where a revision reads them, and become what it knows
// where it does not.
func TestRawInputPasses(t *testing.T) {
	const titled = `{"message":"m", "requestedSchema":{"type":"object","properties":{"c":{` +
		`"type":"string","oneOf":[{"const":"a","title":"A"}]}}},"x-own":1.0}`
	const url = `{"mode":"url","message":"m","url":"https://a","elicitationId":"e"}`
	const said = `{"maxTokens":9.0,"messages":[{"role":"user",` +
		`"content":{"type":"text","text":"t"}}]}`
	f := func(method, params string, v mcp.Version, want string) {
		t.Helper()
		raw := &mcp.RawInput{Method: method, Params: json.RawMessage(params)}
		got, err := mcp.AppendInputRequest(nil, raw, v)
		if err != nil || string(got) != want {
			t.Errorf("%v: got %s, %v; want %s", v, got, err, want)
		}
	}
	compact := strings.Replace(titled, `, "req`, `,"req`, 1)
	f(mcp.RequestElicit, titled, mcp.V20260728, compact)
	f(mcp.RequestElicit, titled, mcp.V20251125, compact)
	f(mcp.RequestElicit, titled, mcp.V20250618, `{"message":"m","requestedSchema":{"properties":`+
		`{"c":{"enum":["a"],"enumNames":["A"],"type":"string"}},"type":"object"}}`)
	f(mcp.RequestElicit, url, mcp.V20251125, url)
	f(mcp.RequestElicit, url, mcp.V20260728, `{"mode":"url","message":"m","url":"https://a"}`)
	f(mcp.RequestCreateMessage, said, mcp.V20251125, said)
	// One message of two blocks becomes two messages, and what is not known is left out.
	f(mcp.RequestCreateMessage, strings.NewReplacer(`{"type":"text","text":"t"}`,
		`[{"type":"text","text":"t"},{"type":"text","text":"u"}]`, "9.0", "9").Replace(said),
		mcp.V20250618,
		`{"messages":[{"role":"user","content":{"type":"text","text":"t"}},`+
			`{"role":"user","content":{"type":"text","text":"u"}}],"maxTokens":9}`)
	f(mcp.RequestListRoots, `{"x":1.0}`, mcp.V20241105, `{"x":1.0}`)
	f(mcp.RequestListRoots, ``, mcp.V20260728, `{}`)
}

// TestRawInputNeeds: what a client must have declared is read from the bytes.
func TestRawInputNeeds(t *testing.T) {
	f := func(method, params, able string, v mcp.Version, missing string) {
		t.Helper()
		rs := mcp.InputRequests{"a": &mcp.RawInput{Method: method, Params: json.RawMessage(params)}}
		got, err := json.Marshal(rs.Missing(json.RawMessage(able), v))
		if err != nil || string(got) != missing {
			t.Errorf("%s: got %s, %v; want %s", params, got, err, missing)
		}
	}
	const form, url = `{"message":"m"}`, `{"mode":"url","url":"https://a"}`
	f(mcp.RequestElicit, form, `{"elicitation":{}}`, mcp.V20250618, `null`)
	f(mcp.RequestElicit, form, `{"elicitation":{}}`, mcp.V20241105, `{"elicitation":{}}`)
	f(mcp.RequestElicit, url, `{"elicitation":{}}`, mcp.V20251125, `{"elicitation":{"url":{}}}`)
	f(mcp.RequestElicit, `{"message":7}`, `{}`, mcp.V20251125, `{"elicitation":{}}`)
	f(mcp.RequestCreateMessage, `{"messages":[],"tools":[]}`, `{"sampling":{}}`, mcp.V20251125,
		`{"sampling":{"tools":{}}}`)
	f(mcp.RequestListRoots, `{}`, `{"roots":{}}`, mcp.V20241105, `null`)
	for method, known := range map[string]bool{mcp.RequestElicit: true, "tools/call": false} {
		if got := (&mcp.RawInput{Method: method}).Known(); got != known {
			t.Errorf("%s: known is %v", method, got)
		}
	}
}
