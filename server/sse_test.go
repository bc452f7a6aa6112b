package server_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

// sseConn is one session of HTTP+SSE.
type sseConn struct {
	*feed
	r        *running
	endpoint string
	headers  []string
}

func (r *running) dialSSE(headers ...string) *sseConn {
	r.t.Helper()
	path := "/sse"
	if r.path != "" {
		path = r.path
	}
	resp := r.request("GET", path, "", append(headers, "Accept:text/event-stream")...)
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		r.t.Fatalf("got %s %s", resp.Status, got)
	}
	c := &sseConn{feed: &feed{r.t, resp, bufio.NewReader(resp.Body)}, r: r, headers: headers}
	event, err := c.feed.r.ReadString('\n')
	if c.endpoint = c.next(); err != nil || event != "event: endpoint\n" {
		r.t.Fatalf("the first event is %q, %v", event, err)
	}
	return c
}

// request sends one HTTP request; a header is "Name:value".
func (r *running) request(method, path, body string, headers ...string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.http+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, value)
	}
	client := &http.Client{Timeout: patience}
	r.t.Cleanup(client.CloseIdleConnections)
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func (c *sseConn) send(message string) {
	c.t.Helper()
	resp := c.r.request("POST", c.endpoint, message, c.headers...)
	if body := c.r.text(resp); resp.StatusCode != 202 || body != "" {
		c.t.Fatalf("POST %s: %s %q", c.endpoint, resp.Status, body)
	}
}

func (c *sseConn) status() int { return 0 }

func TestSSERefusals(t *testing.T) {
	r := start(t, nil)
	c := r.dialSSE("Authorization:Bearer a")
	if !strings.HasPrefix(c.endpoint, "/messages?sessionId=") {
		t.Errorf("endpoint %q", c.endpoint)
	}
	f := func(want int, method, path string, headers ...string) {
		t.Helper()
		if got := r.request(method, path, legacyPing, headers...); got.StatusCode != want {
			t.Errorf("%s %s %v: %s; want %d", method, path, headers, got.Status, want)
		}
	}
	f(404, "POST", c.endpoint) // somebody else's
	f(404, "POST", "/messages?sessionId=nobody")
	f(404, "POST", "/messages")
	f(405, "GET", c.endpoint)
	f(405, "POST", "/sse")
	f(406, "GET", "/sse", "Accept:application/json")
	f(415, "POST", c.endpoint, "Content-Type:text/plain")
	f(403, "GET", "/sse", "Origin:http://evil.example.com")
	f(403, "POST", c.endpoint, "Origin:http://evil.example.com")
	// The two kinds of sessions are not to be mixed up.
	id := strings.TrimPrefix(c.endpoint, "/messages?sessionId=")
	f(404, "POST", "/mcp", "Mcp-Session-Id:"+id, "Authorization:Bearer a",
		"Accept:application/json, text/event-stream")
	f(404, "POST", "/messages?sessionId="+r.session("2025-11-25"))
	full := start(t, func(o *server.Options) { o.Limits.Streams = 1 })
	full.dialSSE()
	if got := full.request("GET", "/sse", ""); got.StatusCode != 503 {
		t.Errorf("beyond limits.streams: %s", got.Status)
	}
}

func TestSSEEndsWithItsStream(t *testing.T) {
	r := start(t, nil)
	g := r.addGate("held")
	c := r.dialSSE()
	c.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":` +
		`"2024-11-05","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	wantIn(t, c.next(), `"protocolVersion":"2024-11-05"`)
	c.send(legacyCall("1", "held", "{}"))
	g.waitEntered()
	r.changeTools("more")
	wantIn(t, c.next(), "tools/list_changed")
	c.resp.Body.Close()
	eventually(t, "call, session and stream are gone", func() bool {
		page := r.scrape()
		return page.total("mcploop_calls_in_flight") == 0 && page.total("mcploop_sessions") == 0 &&
			page.total("mcploop_streams") == 0
	})
	close(g.release)
	if got := r.request("POST", c.endpoint, legacyPing); got.StatusCode != 404 {
		t.Errorf("after the end: %s", got.Status)
	}
	// DELETE with its id ends the stream too; a drain answers what is in flight first.
	d := r.dialSSE()
	id := strings.TrimPrefix(d.endpoint, "/messages?sessionId=")
	if got := r.request("DELETE", "/mcp", "", "Mcp-Session-Id:"+id); got.StatusCode != 204 {
		t.Errorf("DELETE: %s", got.Status)
	}
	if got := d.next(); got != "" {
		t.Errorf("after DELETE: %s", got)
	}
	last := r.dialSSE()
	last.send(modernCall("9", "slow", `{"ms":200}`))
	eventually(t, "the call is in flight", func() bool {
		return r.metric("mcploop_calls_in_flight") == 1
	})
	wait := r.drainBeside()
	wantIn(t, last.next(), `"id":9`, "done")
	if got := last.next(); got != "" {
		t.Errorf("after the drain: %s", got)
	}
	wait()
}
