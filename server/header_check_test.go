package server_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// modernWire is a modern POST with exactly these header lines for what the body says.
func modernWire(body string, lines ...string) string {
	wire := wirePost(body)
	head, _, _ := strings.Cut(wire, "\r\n\r\n")
	kept := slices.DeleteFunc(strings.Split(head, "\r\n"), func(line string) bool {
		return strings.HasPrefix(strings.ToLower(line), "mcp-")
	})
	return strings.Join(append(kept, lines...), "\r\n") + "\r\n\r\n" + body
}

const (
	versionLine = "MCP-Protocol-Version: 2026-07-28"
	methodLine  = "Mcp-Method: tools/call"
	nameLine    = "Mcp-Name: echo"
)

// checkLines posts with these lines and wants a result (0) or -32020 with 400 and the id.
func checkLines(c *peerConn, body string, want int, lines ...string) {
	c.t.Helper()
	a := c.exchange(modernWire(body, lines...))
	status := 200
	if want != 0 {
		status = 400
	}
	if a.StatusCode != status || code(a.body) != want || !strings.Contains(a.body, `"id":"h"`) {
		c.t.Errorf("%q: got %s %s, want code %d", lines, a.Status, a.body, want)
	}
}

func TestHeadersThatRepeatTheBody(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	body := modernCall(`"h"`, "echo", `{"message":"m"}`)
	f := func(want int, lines ...string) { t.Helper(); checkLines(c, body, want, lines...) }
	f(0, versionLine, methodLine, nameLine)
	f(0, "mcp-protocol-VERSION:2026-07-28", "MCP-METHOD:\t tools/call  ", "mcp-name:echo")
	f(-32020)
	f(-32020, methodLine, nameLine)
	f(-32020, versionLine, nameLine)
	f(-32020, versionLine, methodLine)
	f(-32020, "MCP-Protocol-Version: 2025-11-25", methodLine, nameLine)
	f(-32020, "MCP-Protocol-Version: v999.0.0", methodLine, nameLine)
	f(-32020, "MCP-Protocol-Version:", methodLine, nameLine)
	f(-32020, versionLine, "Mcp-Method: tools/list", nameLine)
	f(-32020, versionLine, "Mcp-Method: Tools/Call", nameLine)
	f(-32020, versionLine, "Mcp-Method:", nameLine)
	f(-32020, versionLine, methodLine, "Mcp-Name: Echo")
	f(-32020, versionLine, methodLine, "Mcp-Name: slow")
	f(-32020, versionLine, methodLine, "Mcp-Name:")
	f(-32020, versionLine, methodLine, "Mcp-Name: echo, echo")
}

func TestHeadersThatComeTwice(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	body := modernCall(`"h"`, "echo", `{"message":"m"}`)
	f := func(twice string) {
		t.Helper()
		checkLines(c, body, -32020, versionLine, methodLine, nameLine, twice)
	}
	f(versionLine)
	f("MCP-Protocol-Version: 2025-11-25")
	f(methodLine)
	f("Mcp-Method: tools/list")
	f(nameLine)
	f("Mcp-Name: slow")
	f("mcp-name: slow")
	f("Content-Type: text/plain")
	checkLines(c, body, -32020, versionLine, "Mcp-Method: tools/list", methodLine, nameLine)
}

func sentinel(text string) string {
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
}

func TestNameInBase64(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	body := modernCall(`"h"`, "echo", `{"message":"m"}`)
	f := func(want int, value string) {
		t.Helper()
		checkLines(c, body, want, versionLine, methodLine, "Mcp-Name: "+value)
	}
	f(0, sentinel("echo"))
	f(-32020, sentinel("slow"))
	f(-32020, sentinel("Echo"))
	f(-32020, sentinel("echo\x00"))
	f(-32020, sentinel("echo "))
	f(-32020, sentinel(sentinel("echo")))                       // once only
	f(-32020, "=?base64?ZWNobw?=")                              // no padding
	f(-32020, "=?base64?ZWNobx==?=")                            // bits behind the end
	f(-32020, "=?base64?ZWNobw===?=")                           // too much padding
	f(-32020, "=?base64?ZW Nobw==?=")                           // a space inside
	f(-32020, "=?base64?ZW\tNobw==?=")                          // a tab inside
	f(-32020, "=?base64?_-8=?=")                                // the URL alphabet
	f(-32020, "=?base64?!!!?=")                                 // no base64
	f(-32020, "=?base64??=")                                    // empty
	f(-32020, "=?base64?=")                                     // prefix and suffix overlap
	f(-32020, "=?BASE64?ZWNobw==?=")                            // the sentinel is in lower case
	f(-32020, "x=?base64?ZWNobw==?=")                           // not at the start
	f(-32020, "=?base64?ZWNobw==?=x")                           // not at the end
	f(-32020, "=?utf-8?B?ZWNobw==?=")                           // MIME's own
	f(-32020, "=?base64?"+strings.Repeat("ZWNobw==", 100)+"?=") // padding in the middle
}
