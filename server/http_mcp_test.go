package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

func TestContentTypeMustBeJSON(t *testing.T) {
	r := start(t, nil)
	f := func(value string, want int) {
		t.Helper()
		resp := r.post(modernCall("1", "echo", `{"message":"m"}`), "Content-Type:"+value)
		if resp.StatusCode != want {
			t.Errorf("Content-Type %q: got %s, want %d", value, resp.Status, want)
		}
	}
	f("application/json", 200)
	f("Application/JSON; charset=utf-8", 200)
	f("application/json ;charset=utf-8", 200)
	f("", 415)
	f("text/plain", 415)
	f("text/plain; application/json", 415)
	f("application/x-www-form-urlencoded", 415)
	f("multipart/form-data; boundary=x", 415)
	f("application/jsonp", 415)
	f("application/json-rpc", 415)
	f("text/json", 415)
	f("application/json, text/plain", 415)
}

func TestContentEncodingIsRefused(t *testing.T) {
	r := start(t, nil)
	for _, coding := range []string{"gzip", "deflate", "br", "x-gzip", "gzip, identity", "zstd"} {
		resp := r.post(modernCall("1", "echo", `{"message":"m"}`), "Content-Encoding:"+coding)
		if resp.StatusCode != 415 {
			t.Errorf("%s: got %s, want 415", coding, resp.Status)
		}
	}
	resp := r.post(modernCall("1", "echo", `{"message":"m"}`), "Content-Encoding:identity")
	if resp.StatusCode != 200 {
		t.Errorf("identity: got %s", resp.Status)
	}
}

func TestAcceptMustListBoth(t *testing.T) {
	r := start(t, nil)
	f := func(value string, want int) {
		t.Helper()
		c := r.dialHTTP()
		wire := wirePost(modernCall("1", "echo", `{"message":"m"}`))
		wire = strings.Replace(wire, "Accept: application/json, text/event-stream\r\n", value, 1)
		if a := c.exchange(wire); a.StatusCode != want {
			t.Errorf("%q: got %s, want %d", value, a.Status, want)
		}
	}
	f("Accept: application/json, text/event-stream\r\n", 200)
	f("Accept: text/event-stream,application/json;q=0.5\r\n", 200)
	f("Accept: application/json\r\nAccept: text/event-stream\r\n", 200)
	f("Accept: */*\r\n", 200)
	f("Accept: application/*, text/*\r\n", 200)
	f("", 200) // RFC 9110: no Accept takes everything
	f("Accept: application/json\r\n", 406)
	f("Accept: text/event-stream\r\n", 406)
	f("Accept: text/html\r\n", 406)
	f("Accept: \r\n", 406)
	f("Accept: application/json, text/event-stream;q=0\r\n", 406)
	f("Accept: */*, application/json;q=0.0\r\n", 406)
	f("Accept: application/jsonx, text/event-streams\r\n", 406)
}

// faulty posts a body and checks status, code and that the id comes back.
func (r *running) faulty(name string, status, want int, id, body string, headers ...string) {
	r.t.Helper()
	resp := r.post(body, headers...)
	text := r.text(resp)
	var m struct{ ID json.RawMessage }
	_ = json.Unmarshal([]byte(text), &m)
	if resp.StatusCode != status || code(text) != want || string(m.ID) != id {
		r.t.Errorf("%s: got %s %s, want %d, code %d, id %s", name, resp.Status, text, status,
			want, id)
	}
}

func TestModernFaultsOverHTTP(t *testing.T) {
	r := start(t, nil)
	f := r.faulty
	f("parse error", 400, -32700, "null", `{"jsonrpc": "2.0", "method": "foobar, "params"]`)
	f("empty body", 400, -32700, "null", ``)
	f("two documents", 400, -32700, "null", `{}{}`)
	f("bad UTF-8", 400, -32700, "null", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}")
	f("no request", 400, -32600, "null", `1`)
	f("no jsonrpc", 400, -32600, "1", `{"id":1,"method":"ping"}`)
	f("no method", 400, -32600, `"x"`, `{"jsonrpc":"2.0","id":"x"}`)
	f("id null", 400, -32600, "null", `{"jsonrpc":"2.0","id":null,"method":"ping"}`)
	f("id 1.5", 400, -32600, "null", `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`)
	meta := func(id, method, meta string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{"_meta":{%s}}}`,
			id, method, meta)
	}
	const version, caps = `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`,
		`"io.modelcontextprotocol/clientCapabilities":{}`
	f("no capabilities", 400, -32602, "1", meta("1", "tools/list", version))
	f("capabilities no object", 400, -32602, "1", meta("1", "tools/list",
		version+`,"io.modelcontextprotocol/clientCapabilities":[]`))
	f("no version in _meta under a modern header", 400, -32602, "1", meta("1", "tools/list", caps),
		"MCP-Protocol-Version:2026-07-28", "Mcp-Method:tools/list")
	f("no _meta under a modern header", 400, -32602, "7",
		`{"jsonrpc":"2.0","id":7,"method":"server/discover"}`, "MCP-Protocol-Version:2026-07-28")
	f("bad log level", 400, -32602, "1", meta("1", "tools/list",
		version+`,`+caps+`,"io.modelcontextprotocol/logLevel":"loud"`))
	for _, method := range []string{
		"initialize", "ping", "logging/setLevel", "resources/subscribe", "unknown/method",
		"notifications/initialized", "TOOLS/LIST", "tools/lists",
	} {
		f("method "+method, 404, -32601, `"m"`, meta(`"m"`, method, version+","+caps),
			"Mcp-Method:"+method)
	}
	f("unknown tool", 200, -32602, "2", modernCall("2", "nowhere", "{}"))
	f("arguments no object", 200, -32602, "2", modernCall("2", "echo", "[]"))
	f("a panic", 200, -32603, "3", modernCall("3", "crash", "{}"))
	f("an inline panic", 200, -32603, "3", modernCall("3", "crash_inline", "{}"))
	f("initialize under a modern header", 400, -32020, "4",
		`{"jsonrpc":"2.0","id":4,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`,
		"MCP-Protocol-Version:2026-07-28")
	f("a batch", 400, -32600, "null", `[`+modernCall("1", "echo", "{}")+`]`)
	f("an empty batch", 400, -32600, "null", `[]`)
	f("a broken batch", 400, -32700, "null", `[1,`)
}

func TestUnsupportedVersionOverHTTP(t *testing.T) {
	r := start(t, nil)
	for _, version := range []string{"v999.0.0", "1900-01-01", "2025-11-25", "2024-11-05", ""} {
		body := strings.ReplaceAll(modernCall("9", "echo", "{}"), "2026-07-28", version)
		resp := r.post(body)
		text := r.text(resp)
		var m struct {
			Error struct {
				Code int
				Data struct {
					Supported []string
					Requested string
				}
			}
		}
		err := json.Unmarshal([]byte(text), &m)
		data := m.Error.Data
		if err != nil || resp.StatusCode != 400 || m.Error.Code != -32022 ||
			data.Requested != version || len(data.Supported) == 0 {
			t.Errorf("version %q: %s %s", version, resp.Status, text)
		}
	}
	r.faulty("another version in the header than in the body", 400, -32020, "9",
		strings.ReplaceAll(modernCall("9", "echo", "{}"), "2026-07-28", "v999.0.0"),
		"MCP-Protocol-Version:2026-07-28")
}

func TestMissingCapabilityIs400(t *testing.T) {
	r := start(t, nil)
	server.AddTool(r.Server, mcp.Tool{Name: "needs_sampling"},
		func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
			if !req.HasCapability("sampling") {
				return "", mcp.MissingCapability("sampling")
			}
			return "sampled", nil
		})
	resp := r.post(modernCall("1", "needs_sampling", "{}"))
	text := r.text(resp)
	if resp.StatusCode != 400 || code(text) != -32021 ||
		!strings.Contains(text, `"requiredCapabilities":{"sampling":{}}`) {
		t.Errorf("without: %s %s", resp.Status, text)
	}
	with := strings.Replace(modernCall("1", "needs_sampling", "{}"), `Capabilities":{}`,
		`Capabilities":{"sampling":{}}`, 1)
	if text := r.text(r.post(with)); !strings.Contains(text, "sampled") {
		t.Errorf("with: %s", text)
	}
}

func TestModernNotificationIs202Empty(t *testing.T) {
	r := start(t, nil)
	body := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,` +
		modernMeta + `}}`
	f := func(name, body string, want int, headers ...string) {
		t.Helper()
		resp := r.post(body, headers...)
		if text := r.text(resp); resp.StatusCode != want || want == 202 && text != "" {
			t.Errorf("%s: got %s %q, want %d", name, resp.Status, text, want)
		}
	}
	f("cancelled", body, 202)
	f("unknown", strings.Replace(body, "/cancelled", "/nowhere", 1), 202)
	call := modernCall("1", "crash_inline", "{}")
	f("a call without an id", strings.Replace(call, `"id":1,`, "", 1), 202)
	f("no claim but a modern header", `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, 202,
		"MCP-Protocol-Version:2026-07-28")
	f("another method in the header", body, 400, "Mcp-Method:notifications/progress")
	if got := r.metric("mcploop_panics_total"); got != 0 {
		t.Errorf("a call without an id ran")
	}
}

func TestModernIgnoresSessionAndEventID(t *testing.T) {
	r := start(t, nil)
	call := modernCall("1", "echo", `{"message":"m"}`)
	for _, header := range []string{
		"Mcp-Session-Id:nobody-knows-it", "Last-Event-ID:garbage",
		"Last-Event-ID:" + r.session("2025-11-25"),
	} {
		resp := r.post(call, header)
		if resp.StatusCode != 200 || resp.Header.Get("Mcp-Session-Id") != "" {
			t.Errorf("%s: got %s, session %q", header, resp.Status,
				resp.Header.Get("Mcp-Session-Id"))
		}
	}
}

func TestModernDeleteAndGetAre405(t *testing.T) {
	r := start(t, nil)
	id := r.session("2025-11-25")
	c := r.dialHTTP()
	for _, method := range []string{"DELETE", "GET"} {
		a := c.exchange(method + " /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: " + id +
			"\r\nMCP-Protocol-Version: 2026-07-28\r\nAccept: text/event-stream\r\n\r\n")
		if a.StatusCode != 405 || !strings.Contains(a.Header.Get("Allow"), "POST") {
			t.Errorf("%s: got %s, Allow %q", method, a.Status, a.Header.Get("Allow"))
		}
	}
	resp := r.post(legacyCall("1", "echo", `{"message":"alive"}`), "Mcp-Session-Id:"+id)
	if text := r.text(resp); !strings.Contains(text, "alive") {
		t.Errorf("the session is gone: %s", text)
	}
}
