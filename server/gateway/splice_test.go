package gateway

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

func TestSplice(t *testing.T) {
	f := func(v mcp.Version, in, want string) {
		t.Helper()
		got, err := splice(nil, []byte(in), mcp.MethodToolsCall, v)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
	modern, legacy := mcp.V20260728, mcp.V20250618
	f(modern, `{}`, `{}`)
	f(modern, ` { "resultType" : "complete" } `, `{}`)
	f(modern, `{"content":[],"resultType":"complete","x":1.0}`, `{"content":[],"x":1.0}`)
	f(legacy, `{"b":1e400,"a":{"b" : [1, 2]}}`, `{"b":1e400,"a":{"b" : [1, 2]}}`)
	f(modern, `{"a":1,"_meta":{"k":1,"io.modelcontextprotocol/serverInfo":{"name":"up"},"l":2}}`,
		`{"_meta":{"k":1,"l":2},"a":1}`)
	f(modern, `{"_meta":{"io.modelcontextprotocol/serverInfo":{}}}`, `{}`)
	f(modern, `{"structuredContent":[1]}`, `{"structuredContent":[1]}`)
	f(legacy, `{"structuredContent":[1],"content":[]}`,
		`{"structuredContent":{"result":[1]},"content":[]}`)
	f(legacy, `{"structuredContent":{"a":1}}`, `{"structuredContent":{"a":1}}`)
	for in, want := range map[string]error{
		`{"resultType":"input_required"}`: client.ErrInputRequired,
		`{"resultType":"task"}`:           client.ErrAnswer,
		`{"resultType":5}`:                client.ErrAnswer,
		`[]`:                              client.ErrAnswer,
		`{"_meta":5}`:                     client.ErrAnswer,
	} {
		if got, err := splice(nil, []byte(in), mcp.MethodToolsCall, modern); !errors.Is(err, want) {
			t.Errorf("%s: got %s, %v, want %v", in, got, err, want)
		}
	}
}

func TestSpliceOfContent(t *testing.T) {
	f := func(v mcp.Version, m mcp.Method, in, want string) {
		t.Helper()
		got, err := splice(nil, []byte(in), m, v)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
	const audio = `{"type":"audio","data":"AQ==","mimeType":"audio/wav","x":1.0}`
	const link = `{"type":"resource_link","uri":"a:b","name":"n"}`
	const text = `{ "type":"text", "text":"\"audio\" \"resource_link\"", "y":1.0}`
	result := `{"content":[` + audio + `,` + link + `,` + text + `]}`
	f(mcp.V20250618, mcp.MethodToolsCall, result, result)
	f(mcp.V20250326, mcp.MethodToolsCall, result, `{"content":[`+audio+
		`,{"type":"text","text":"n: a:b"},`+
		`{"type":"text","text":"\"audio\" \"resource_link\"","y":1.0}]}`)
	const blob = `{"type":"resource","resource":{"uri":"audio:content","mimeType":"audio/wav",` +
		`"blob":"AQ=="}}`
	f(mcp.V20241105, mcp.MethodPromptsGet,
		`{"messages":[{"role":"user","content":`+audio+`,"z":2.0},{"role":"user","content":7},5]}`,
		`{"messages":[{"role":"user","content":`+blob+`,"z":2.0},{"role":"user","content":7},5]}`)
	f(mcp.V20241105, mcp.MethodToolsCall, `{"content":"audio"}`, `{"content":"audio"}`)
}

func TestSpliceOfWhatWasRead(t *testing.T) {
	f := func(v mcp.Version, in, want string) {
		t.Helper()
		got, err := splice(nil, []byte(in), mcp.MethodResourcesRead, v)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
	const said = `{"contents":[],"ttlMs":5,"cacheScope":"public"}`
	f(mcp.V20260728, said, said)
	f(mcp.V20251125, said, `{"contents":[]}`)
	f(mcp.V20251125, `{"contents":[]}`, `{"contents":[]}`)
	f(mcp.V20260728, `{"contents":[]}`, `{"contents":[],"ttlMs":0,"cacheScope":"private"}`)
	f(mcp.V20260728, `{}`, `{"ttlMs":0,"cacheScope":"private"}`)
}

func TestWithToken(t *testing.T) {
	got := withToken([]byte(`{"progress":0.10,"progressToken":12,"message":"m"}`), []byte(`"t"`))
	if want := `{"progressToken":"t","progress":0.10,"message":"m"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzSplice: whatever a client's scanner lets through is spliced to valid JSON with the same
// members.
func FuzzSplice(f *testing.F) {
	f.Add([]byte(`{"content":[{"type":"text","text":"a\"}"}],"resultType":"complete"}`))
	f.Add([]byte(`{"_meta":{"a":{"b":"}"}},"x":[{}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var s codec.Scanner
		var m codec.Message
		frame := append(append([]byte(`{"jsonrpc":"2.0","id":1,"result":`), in...), '}')
		if s.Scan(frame, &m) != nil || m.Kind != codec.KindResult {
			return
		}
		out, err := splice(nil, m.Result, mcp.MethodToolsCall, mcp.V20260728)
		if err != nil {
			return
		}
		var before, after map[string]any
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%s became %s: %v", m.Result, out, err)
		}
		if json.Unmarshal(m.Result, &before) != nil {
			return // a number that Go does not hold
		}
		delete(before, "resultType")
		delete(before, "_meta")
		delete(after, "_meta")
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%s became %s", m.Result, out)
		}
	})
}
