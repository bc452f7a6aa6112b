package server_test

import (
	"strings"
	"testing"
)

// lines10 are the next lines of an event stream over HTTP/1.0, which has no chunks.
func (c *peerConn) lines10(n int) string { return strings.Join(c.readLines(n), "\n") }

// stream10 opens an event stream over HTTP/1.0 and reads its head.
func (r *running) stream10(request string, headers ...string) *peerConn {
	r.t.Helper()
	c := r.dialHTTP()
	c.send(strings.Join(append([]string{
		request + " HTTP/1.0", "Host: localhost", "Accept: text/event-stream",
	}, headers...), "\r\n") + "\r\n\r\n")
	var head []string
	for line := c.read(); line != "\r"; line = c.read() {
		head = append(head, strings.TrimSuffix(line, "\r"))
	}
	text := strings.Join(head, "\n")
	if !strings.HasPrefix(text, "HTTP/1.1 200") || strings.Contains(text, "Transfer-Encoding") ||
		!strings.Contains(text, "text/event-stream") {
		r.t.Fatalf("got %s", text)
	}
	return c
}

// Clients of HTTP/1.0 get the same events, without chunks, until the connection ends.
func TestEventStreamsOverHTTP10(t *testing.T) {
	r := start(t, nil)
	session := "Mcp-Session-Id: " + r.session("2025-11-25")
	get := r.stream10("GET /mcp", session)
	if got := get.lines10(3); got != "id: g1-0\ndata: \n" {
		t.Errorf("GET: the priming event is %q", got)
	}
	sse := r.stream10("GET /sse")
	const endpoint = "event: endpoint\ndata: /messages?sessionId="
	path := sse.lines10(3)
	if !strings.HasPrefix(path, endpoint) || !strings.HasSuffix(path, "\n") {
		t.Fatalf("SSE: the first event is %q", path)
	}
	path = "/messages?sessionId=" + strings.TrimSpace(strings.TrimPrefix(path, endpoint))
	hello := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":` +
		`"2024-11-05","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`
	if got := r.request("POST", path, hello); got.StatusCode != 202 {
		t.Fatalf("POST: %s", got.Status)
	}
	const message = "event: message\ndata: " + `{"jsonrpc":"2.0","id":1,"result":`
	if got := sse.lines10(3); !strings.HasPrefix(got, message) || !strings.HasSuffix(got, "}\n") {
		t.Errorf("SSE: the answer is %q", got)
	}
	r.changeTools("more")
	const changed = `data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}` + "\n"
	if got := get.lines10(4); got != "event: message\nid: g1-1\n"+changed {
		t.Errorf("GET: got %q", got)
	}
	if got := sse.lines10(3); got != "event: message\n"+changed {
		t.Errorf("SSE: got %q", got)
	}
	get.Close()
	eventually(t, "nobody carries the GET stream", func() bool {
		return r.metric("mcploop_streams_away") == 1
	})
	r.changeTools("evenmore")
	again := r.stream10("GET /mcp", session, "Last-Event-ID: g1-0")
	want := "event: message\nid: g1-1\n" + changed + "\nevent: message\nid: g1-2\n" + changed
	if got := again.lines10(8); got != want {
		t.Errorf("resumed: got %q", got)
	}
	r.request("DELETE", "/mcp", "", strings.Replace(session, ": ", ":", 1))
	if !again.ended() {
		t.Error("the connection goes on behind the end of its stream")
	}
}
