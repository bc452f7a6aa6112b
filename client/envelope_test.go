package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

func testFacts(v mcp.Version) *facts {
	return newFacts(v, "", []byte(`{"name":"c"}`), []byte(`{}`))
}

const envelope = `"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientInfo":{"name":"c"},` +
	`"io.modelcontextprotocol/clientCapabilities":{}`

func TestEncode(t *testing.T) {
	progress := func(*Call, []byte) {}
	f := func(v mcp.Version, c *Call, want string) {
		t.Helper()
		e := &encoder{}
		if err := e.read(c); err != nil {
			t.Errorf("%s: %v", c.Params, err)
			return
		}
		e.encode(c, 7, testFacts(v))
		if string(e.body) != want {
			t.Errorf("got  %s\nwant %s", e.body, want)
		}
	}
	const opening = `{"jsonrpc":"2.0","id":7,"method":"m"`
	f(mcp.V20251125, &Call{Method: "m"}, opening+`}`)
	f(mcp.V20251125, &Call{Method: "m", Params: []byte("{\"a\":\n 1.0}")},
		opening+`,"params":{"a":  1.0}}`)
	f(mcp.V20251125, &Call{Method: "m", verb: verbNotify}, `{"jsonrpc":"2.0","method":"m"}`)
	f(mcp.V20251125, &Call{Method: "m", Progress: progress},
		opening+`,"params":{"_meta":{"progressToken":7}}}`)
	f(mcp.V20260728, &Call{Method: "m"}, opening+`,"params":{"_meta":{`+envelope+`}}}`)
	able := Call{Method: "m", Capabilities: []byte(`{"roots":{}}`)}
	f(mcp.V20251125, &able, opening+`}`)
	f(mcp.V20260728, &able, opening+`,"params":{"_meta":{`+
		strings.Replace(envelope, `s":{}`, `s":{"roots":{}}`, 1)+`}}}`)
	// The caller's _meta is kept, but for what speaks for the connection.
	claims := []byte(`{"x":[1],"_meta":{"io.modelcontextprotocol/protocolVersion":"2031-01-01",` +
		`"progressToken":"p","traceparent":"t"},"y":2}`)
	f(mcp.V20260728, &Call{Method: "m", Params: claims, Progress: progress},
		opening+`,"params":{"x":[1],"y":2,"_meta":{`+envelope+
			`,"progressToken":7,"traceparent":"t"}}}`)
	f(mcp.V20251125, &Call{Method: "m", Params: claims},
		opening+`,"params":{"x":[1],"y":2,"_meta":{"progressToken":"p","traceparent":"t"}}}`)
	f(mcp.V20251125, &Call{Method: "m", Params: []byte(`{"_meta":null}`)},
		opening+`,"params":{"_meta":null}}`)
}

func TestEncodeRefused(t *testing.T) {
	for _, params := range []string{
		``, `[]`, `1`, `null`, `{`, `{"a":01}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{}}`, `{}{}`,
		`{},"id":1`, `{},"x":{}`, `{},"params":{}`,
	} {
		c := Call{Method: "m", Params: []byte(params)}
		if err := new(encoder).read(&c); !errors.Is(err, codec.ErrInvalidParams) {
			t.Errorf("got %v for params %s", err, params)
		}
	}
}

func TestHeaderValues(t *testing.T) {
	f := func(value, want string) {
		t.Helper()
		if got := string(appendValue(nil, "N", value)); got != "N: "+want+"\r\n" {
			t.Errorf("got %q for %q", got, value)
		}
	}
	f("plain value", "plain value")
	f("", "=?base64??=")
	f(" x", "=?base64?IHg=?=")
	f("x\r\nA: b", "=?base64?eA0KQTogYg==?=")
	f("grün", "=?base64?Z3LDvG4=?=")
	f("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?=")
}

// FuzzEncode: whatever the params, what goes out is one line that holds the same params.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"name":"x","arguments":{"a":1},"_meta":{"k":"v"}}`))
	f.Add([]byte("{\n\"\\u005fmeta\":{\"progressToken\":1}}"))
	f.Add([]byte(`{},"id":9`))
	f.Fuzz(func(t *testing.T, params []byte) {
		c := Call{Method: "tools/call", Params: params, Progress: func(*Call, []byte) {}}
		e := &encoder{}
		if e.read(&c) != nil {
			return
		}
		e.encode(&c, 7, testFacts(mcp.V20260728))
		var scanner codec.Scanner
		var m codec.Message
		if fault := scanner.Scan(e.body, &m); fault != nil || bytes.ContainsAny(e.body, "\r\n") ||
			string(m.ID) != "7" || string(m.Method) != "tools/call" {
			t.Fatalf("got %v for %q", fault, e.body)
		}
		var in, out map[string]json.RawMessage
		if json.Unmarshal(params, &in) != nil || json.Unmarshal(m.Params, &out) != nil {
			t.Fatalf("cannot read %q or %q", params, m.Params)
		}
		for key, value := range in {
			if key != "_meta" && !bytes.Equal(oneLined(value), oneLined(out[key])) {
				t.Errorf("got %s for %q, want %s", out[key], key, value)
			}
		}
	})
}

func oneLined(b []byte) []byte {
	e := &encoder{body: bytes.Clone(b)}
	e.toOneLine()
	return e.body
}
