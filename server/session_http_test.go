package server_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

const legacyPing = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

// pings tells the status of a ping in a session.
func (r *running) pings(id string, headers ...string) int {
	r.t.Helper()
	resp := r.post(legacyPing, append([]string{"Mcp-Session-Id:" + id}, headers...)...)
	_ = r.text(resp)
	return resp.StatusCode
}

// deletes tells the status of a DELETE of a session.
func (r *running) deletes(id string, headers ...string) int {
	r.t.Helper()
	lines := "Host: localhost\r\n"
	if id != "" {
		lines += "Mcp-Session-Id: " + id + "\r\n"
	}
	for _, h := range headers {
		lines += h + "\r\n"
	}
	c := r.dialHTTP()
	defer c.Close()
	return c.exchange("DELETE " + r.endpoint() + " HTTP/1.1\r\n" + lines + "\r\n").StatusCode
}

func TestSessionMissingIs400UnknownIs404(t *testing.T) {
	r := start(t, nil)
	id := r.session("2025-11-25")
	f := func(name string, want int, body string, headers ...string) {
		t.Helper()
		resp := r.post(body, headers...)
		if text := r.text(resp); resp.StatusCode != want || want != 200 && code(text) == 0 {
			t.Errorf("%s: got %s %s, want %d", name, resp.Status, text, want)
		}
	}
	f("known", 200, legacyPing, "Mcp-Session-Id:"+id)
	f("missing", 400, legacyPing)
	f("missing, with a legacy version", 400, legacyPing, "MCP-Protocol-Version:2025-06-18")
	f("missing for a call", 400, legacyCall("1", "echo", "{}"))
	f("missing for a notification", 400, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	f("missing for a reply", 400, `{"jsonrpc":"2.0","id":1,"result":{}}`)
	unknown := strings.Repeat("A", len(id))
	for _, other := range []string{
		unknown, id + "A", id[:len(id)-1], strings.ToLower(id) + "x", "../../etc/passwd", "0",
		strings.Repeat("x", 8000), `"` + id + `"`, id + "," + id,
	} {
		f(fmt.Sprintf("unknown %.40q", other), 404, legacyPing, "Mcp-Session-Id:"+other)
	}
	f("unknown for a notification", 404, `{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		"Mcp-Session-Id:"+unknown)
	f("unknown for a batch", 404, `[`+legacyPing+`]`, "Mcp-Session-Id:"+unknown)
}

func TestSessionHeaderTwiceIsRefused(t *testing.T) {
	r := start(t, nil)
	id, other := r.session("2025-11-25"), r.session("2025-11-25")
	c := r.dialHTTP()
	a := c.exchange(wirePost(legacyPing, "Mcp-Session-Id: "+id, "Mcp-Session-Id: "+other))
	if a.StatusCode/100 != 4 {
		t.Errorf("ping: %s %s", a.Status, a.body)
	}
	if got := r.deletes(id, "Mcp-Session-Id: "+other); got/100 != 4 {
		t.Errorf("DELETE: %d", got)
	}
	if r.pings(id) != 200 || r.pings(other) != 200 {
		t.Error("a session is gone")
	}
}

func TestSessionIDsAreVisibleASCIIAndDiffer(t *testing.T) {
	r := start(t, nil)
	seen := map[string]bool{}
	for range 200 {
		id := r.session("2025-06-18")
		for _, c := range id {
			if c < 0x21 || c > 0x7e {
				t.Fatalf("id %q", id)
			}
		}
		if seen[id] || len(id) < 22 {
			t.Fatalf("id %q is short or came twice", id)
		}
		seen[id] = true
	}
}

func TestSessionVersionHeader(t *testing.T) {
	r := start(t, nil)
	id := r.session("2025-11-25")
	f := func(version string, want int) {
		t.Helper()
		if got := r.pings(id, "MCP-Protocol-Version:"+version); got != want {
			t.Errorf("version %q: got %d, want %d", version, got, want)
		}
	}
	f("2025-11-25", 200)
	f("", 200)
	f("1999-01-01", 400)
	f("2025-11-25x", 400)
	f("latest", 400)
	f("2026-07-28", 400) // the modern era has no claimless requests
}

func TestSessionOfAnotherPrincipalIs404(t *testing.T) {
	r := start(t, nil)
	anna, ben := "Authorization:Bearer anna", "Authorization:Bearer ben"
	id, open := r.session("2025-11-25", anna), r.session("2025-11-25")
	f := func(name string, want int, got int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	f("its own", 200, r.pings(id, anna))
	f("another's", 404, r.pings(id, ben))
	f("nobody's", 404, r.pings(id))
	f("other case", 404, r.pings(id, "Authorization:bearer anna"))
	f("open session with a token", 404, r.pings(open, anna))
	f("DELETE by another", 404, r.deletes(id, "Authorization: Bearer ben"))
	f("DELETE by nobody", 404, r.deletes(id))
	f("still there", 200, r.pings(id, anna))
	f("DELETE by its own", 204, r.deletes(id, "Authorization: Bearer anna"))
	f("gone", 404, r.pings(id, anna))
}

func TestSessionDelete(t *testing.T) {
	r := start(t, nil)
	id, other := r.session("2025-11-25"), r.session("2025-11-25")
	f := func(name string, want int, got int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	f("DELETE without a session", 400, r.deletes(""))
	f("DELETE of an unknown one", 404, r.deletes("unknown"))
	f("DELETE", 204, r.deletes(id))
	f("ping after it", 404, r.pings(id))
	f("DELETE again", 404, r.deletes(id))
	f("the other one", 200, r.pings(other))
	if got := r.metric("mcploop_sessions"); got != 1 {
		t.Errorf("%v sessions are left, want 1", got)
	}
}

func TestSessionNotificationIs202Empty(t *testing.T) {
	r := start(t, nil)
	id := "Mcp-Session-Id:" + r.session("2025-03-26")
	f := func(name, body string) {
		t.Helper()
		resp := r.post(body, id)
		if text := r.text(resp); resp.StatusCode != 202 || text != "" {
			t.Errorf("%s: got %s %q, want 202 and nothing", name, resp.Status, text)
		}
	}
	f("initialized", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	f("unknown", `{"jsonrpc":"2.0","method":"notifications/nowhere"}`)
	f("a call without an id", `{"jsonrpc":"2.0","method":"tools/call","params":`+
		`{"name":"crash_inline","arguments":{}}}`)
	f("a reply that nobody waits for", `{"jsonrpc":"2.0","id":9,"result":{}}`)
	f("a batch of notifications", `[{"jsonrpc":"2.0","method":"notifications/initialized"}]`)
	if r.metric("mcploop_panics_total") != 0 || r.metric("mcploop_stray_replies_total") != 1 {
		t.Error("a call without an id ran, or a reply was not counted")
	}
}

// A full table gives way to new sessions only where one is idle, the idle-oldest first.
func TestSessionCapEvictsTheOldestIdle(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Sessions = server.Sessions{Max: 3, IdleTTL: 500 * time.Millisecond, Sweep: time.Hour}
	})
	oldest, b, c := r.session("2025-11-25"), r.session("2025-11-25"), r.session("2025-11-25")
	var fresh string
	eventually(t, "room for a fourth session", func() bool {
		if r.pings(b) != 200 || r.pings(c) != 200 {
			t.Fatal("a session at work was evicted")
		}
		fresh = r.tryInitialize()
		return fresh != ""
	})
	if got := r.pings(oldest); got != 404 {
		t.Errorf("the oldest idle one: got %d, want 404", got)
	}
	if r.pings(b) != 200 || r.pings(c) != 200 || r.pings(fresh) != 200 {
		t.Error("a session at work is gone")
	}
	if got := r.metric("mcploop_sessions"); got != 3 {
		t.Errorf("%v sessions, want 3", got)
	}
}

// tryInitialize returns a new session's id, "" when the server refused with 503.
func (r *running) tryInitialize(headers ...string) string {
	r.t.Helper()
	resp := r.post(initializeBody, headers...)
	text := r.text(resp)
	if resp.StatusCode == http.StatusServiceUnavailable && code(text) == -31000 {
		return ""
	}
	id := resp.Header.Get("Mcp-Session-Id")
	if resp.StatusCode != 200 || id == "" {
		r.t.Fatalf("initialize: %s %s", resp.Status, text)
	}
	return id
}

const initializeBody = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{` +
	`"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

func TestSessionCapIs503WhileAllAreAtWork(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Sessions.Max = 2 })
	a, b := r.session("2025-11-25"), r.session("2025-11-25")
	if id := r.tryInitialize(); id != "" {
		t.Error("a third session was opened")
	}
	if r.pings(a) != 200 || r.pings(b) != 200 {
		t.Error("a session is gone")
	}
	if r.deletes(a) != 204 || r.tryInitialize() == "" {
		t.Error("no room after a DELETE")
	}
}

func TestSessionCapPerPrincipal(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Sessions.Max, o.Sessions.MaxPerPrincipal = 10, 2 })
	anna, ben := "Authorization:Bearer anna", "Authorization:Bearer ben"
	r.session("2025-11-25", anna)
	r.session("2025-11-25", anna)
	if r.tryInitialize(anna) != "" {
		t.Error("a third session of one principal was opened")
	}
	if r.tryInitialize(ben) == "" || r.tryInitialize() == "" {
		t.Error("others have no room")
	}
}

// heapBytes is what is alive after a collection.
func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAbandonedSessionsAreSweptAndTheirMemoryGoesBack(t *testing.T) {
	const count = 10_000
	r := start(t, func(o *server.Options) {
		o.Sessions.IdleTTL, o.Sessions.Sweep = time.Second, 500*time.Millisecond
	})
	open := func(n int) {
		t.Helper()
		c := r.dialHTTP()
		defer c.Close()
		wire := wirePost(initializeBody)
		go func() { _, _ = c.Write([]byte(strings.Repeat(wire, n))) }()
		for range n {
			if a := c.answer("POST"); a.StatusCode != 200 || a.Header.Get("Mcp-Session-Id") == "" {
				t.Fatalf("initialize: %s %s", a.Status, a.body)
			}
		}
	}
	empty := func() bool { return r.metric("mcploop_sessions") == 0 }
	open(100) // what is made once is made now
	eventually(t, "the first sessions are swept", empty)
	before := heapBytes()
	open(count)
	eventually(t, "the sessions are swept", empty)
	eventually(t, "their memory is free", func() bool { return heapBytes() < before+1<<20 })
}

func TestSessionAtWorkIsNotSwept(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Sessions.IdleTTL, o.Sessions.Sweep = 500*time.Millisecond, 100*time.Millisecond
	})
	g := r.addGate("held")
	id, idle := r.session("2025-11-25"), r.session("2025-11-25")
	c := r.dialHTTP()
	c.send(wirePost(legacyCall("1", "held", "{}"), "Mcp-Session-Id: "+id))
	g.waitEntered()
	eventually(t, "the idle session is swept", func() bool {
		return r.metric("mcploop_sessions") == 1
	})
	close(g.release)
	if a := c.answer("POST"); !strings.Contains(a.body, "released") {
		t.Errorf("got %s %s", a.Status, a.body)
	}
	if got := r.pings(idle); got != 404 {
		t.Errorf("the idle one: %d", got)
	}
}
