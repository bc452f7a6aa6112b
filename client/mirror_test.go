package client_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
)

// badMirrors are properties whose x-mcp-header makes a tool invalid over Streamable HTTP.
var badMirrors = map[string]string{
	"empty":    `"a":{"type":"string","x-mcp-header":""}`,
	"space":    `"a":{"type":"string","x-mcp-header":"My Region"}`,
	"line_end": `"a":{"type":"string","x-mcp-header":"A\r\nB: c"}`,
	"number":   `"a":{"type":"number","x-mcp-header":"A"}`,
	"object":   `"a":{"type":"object","x-mcp-header":"A"}`,
	"no_text":  `"a":{"type":"string","x-mcp-header":7}`,
	"escaped":  `"a":{"type":"number","x\u002dmcp-header":"A"}`,
	"twice": `"a":{"type":"string","x-mcp-header":"A"},` +
		`"b":{"type":"string","x-mcp-header":"a"}`,
	"items": `"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}`,
	"any_of": `"a":{"anyOf":[{"type":"string","x-mcp-header":"A"}]},` +
		`"b":{"type":"string","x-mcp-header":"B"}`,
}

// mirrorList is a tools/list of the bad ones between two good ones.
func mirrorList(id string) string {
	tool := func(name, properties string) string {
		return fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object","properties":{%s}}}`, name,
			properties)
	}
	tools := []string{tool("plain", "")}
	for name, properties := range badMirrors {
		tools = append(tools, tool(name, properties))
	}
	tools = append(tools, tool("routed", `"a":{"type":"object","properties":{"b":`+
		`{"type":"string","x-mcp-header":"Region"}}}`))
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","ttlMs":0,`+
		`"cacheScope":"public","tools":[%s]}}`, id, strings.Join(tools, ","))
}

// TestBadMirrorsAreLeftOut lists tools that HTTP may not have (2026-07-28,
// basic/transports/streamable-http, "Schema Extension"), and calls one that it may.
func TestBadMirrorsAreLeftOut(t *testing.T) {
	region := make(chan string, 1)
	url := rawHTTP(t, func(w net.Conn, r *http.Request, id string) error {
		if r.Header.Get("Mcp-Method") == "tools/call" {
			region <- r.Header.Get("Mcp-Param-Region")
			_, err := io.WriteString(w, ok(`{"jsonrpc":"2.0","id":`+id+`,"result":{`+
				`"resultType":"complete","content":[]}}`))
			return err
		}
		_, err := io.WriteString(w, ok(mirrorList(id)))
		return err
	})
	var log bytes.Buffer // the tests' own goroutine writes
	c := connect(t, client.Options{URL: url, Log: slog.New(slog.NewJSONHandler(&log, nil))})
	ctx := testContext(t)
	tools, err := c.ListTools(ctx)
	if err != nil || len(tools) != 2 || tools[0].Name != "plain" || tools[1].Name != "routed" {
		t.Fatalf("got %+v, %v; want plain and routed", tools, err)
	}
	warned := map[string]bool{}
	for line := range strings.Lines(log.String()) {
		var entry struct{ Level, Tool, Reason string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Level != "WARN" ||
			!strings.Contains(entry.Reason, "x-mcp-header") {
			t.Errorf("logged %s", line)
		}
		warned[entry.Tool] = true
	}
	for name := range badMirrors {
		if !warned[name] {
			t.Errorf("nothing was logged of %s", name)
		}
	}
	arguments := map[string]any{"a": map[string]any{"b": "west"}}
	if _, err := c.Call(ctx, "routed", arguments); err != nil {
		t.Fatal(err)
	}
	if got := await(t, "the call", region); got != "west" {
		t.Errorf("got header %q, want west", got)
	}
}

// TestBadMirrorsMeanNothingElsewhere: on other transports they say nothing.
func TestBadMirrorsMeanNothingElsewhere(t *testing.T) {
	url := "tcp://" + listen(t, func(conn net.Conn) {
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			_, rest, _ := strings.Cut(lines.Text(), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			if strings.Contains(lines.Text(), `"server/discover"`) {
				fmt.Fprintf(conn, discoverAnswer+"\n", id)
				continue
			}
			fmt.Fprintln(conn, mirrorList(id))
		}
	})
	c := connect(t, client.Options{URL: url, Era: client.Modern})
	tools, err := c.ListTools(testContext(t))
	if err != nil || len(tools) != len(badMirrors)+2 {
		t.Errorf("got %d tools, %v; want all", len(tools), err)
	}
}
