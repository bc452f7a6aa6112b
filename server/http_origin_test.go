package server_test

import (
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

// guarded sends one request with these header lines to each kind of page and checks that all
// get the same verdict. Nothing may run behind a refusal.
func (r *running) guarded(name string, want int, lines ...string) {
	r.t.Helper()
	body := modernCall("1", "echo", `{"message":"ran"}`)
	f := func(wire string) {
		r.t.Helper()
		c := r.dialHTTP()
		defer c.Close()
		a := c.exchange(wire)
		forbidden := a.StatusCode == 403
		if forbidden != (want == 403) || forbidden && strings.Contains(a.body, "ran") {
			r.t.Errorf("%s: got %s %s, want %d for %q", name, a.Status, a.body, want, wire)
		}
	}
	f(wirePost(body, lines...))
	more := strings.Join(lines, "\r\n") + "\r\n\r\n"
	f("GET /mcp HTTP/1.1\r\n" + more)
	f("DELETE /mcp HTTP/1.1\r\n" + more)
	f("OPTIONS /mcp HTTP/1.1\r\n" + more)
	f("GET /health HTTP/1.1\r\n" + more)
	f("GET /metrics HTTP/1.1\r\n" + more)
	f("GET /nowhere HTTP/1.1\r\n" + more)
}

func TestHostList(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Security.AllowedHosts = []string{"mcp.example", "Ported.Example:8443"}
	})
	f := func(host string, want int) {
		t.Helper()
		r.guarded("Host "+host+" alone", want, "Host: "+host)
	}
	f("localhost", 200)
	f("LOCALHOST:9999", 200)
	f("127.0.0.1", 200)
	f("127.0.0.1:80", 200)
	f("[::1]:80", 200)
	f("[::1]", 200)
	f("192.168.7.1:9999", 200) // an address is no name that somebody could rebind
	f("mcp.example", 200)
	f("mcp.example:9999", 200)
	f("MCP.Example", 200)
	f("ported.example:8443", 200)
	f("ported.example:8444", 403)
	f("ported.example", 403)
	f("evil.example", 403)
	f("evil.example:9999", 403)
	f("localhost.evil.example", 403)
	f("127.0.0.1.evil.example", 403)
	f("evil-localhost", 403)
	f("mcp.example.evil", 403)
	f("xmcp.example", 403)
	f("localhost.", 403)
	f("127.0.0.256", 403)
	f("0x7f.1", 403)
	f("2130706433", 403)
}

func TestOriginList(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Security.AllowedOrigins = []string{"https://app.example"}
	})
	f := func(origin string, want int) {
		t.Helper()
		r.guarded("Origin "+origin+" alone", want, "Host: localhost:9999", "Origin: "+origin)
	}
	f("http://localhost", 200)
	f("http://localhost:3000", 200)
	f("https://127.0.0.1:3000", 200)
	f("http://127.8.9.10", 200)
	f("http://[::1]:3000", 200)
	f("http://localhost:9999", 200) // the server's own
	f("https://app.example", 200)
	f("HTTPS://APP.example", 200)
	f("http://app.example", 403) // another scheme
	f("https://app.example:444", 403)
	f("https://evil.example", 403)
	f("https://app.example.evil", 403)
	f("http://localhost.evil.example", 403)
	f("http://127.0.0.1.evil.example", 403)
	f("http://192.168.7.1", 403)
	f("http://[::2]", 403)
	f("http://evil.example@localhost", 403)
	f("http://localhost@evil.example", 403)
	f("null", 403)
	f("localhost", 403)
	f("", 403)
	f("http://", 403)
	f("http://localhost, https://evil.example", 403)
	r.guarded("two Origins", 403, "Host: localhost", "Origin: http://localhost",
		"Origin: https://evil.example")
	r.guarded("no Host in an Origin's place", 403, "Host: evil.example",
		"Origin: http://evil.example") // same origin does not help a rebound name
}

func TestOriginAny(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Security.AllowedOrigins = []string{"*"} })
	r.guarded("any Origin", 200, "Host: localhost", "Origin: https://evil.example")
	r.guarded("Host is still checked", 403, "Host: evil.example", "Origin: https://evil.example")
}

func TestOriginChecksOff(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Security.Off = true })
	r.guarded("both foreign", 200, "Host: evil.example", "Origin: https://evil.example")
}

func TestCORSPreflight(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Security.AllowedOrigins = []string{"https://app.example"}
	})
	preflight := func(origin string) httpAnswer {
		return r.dialHTTP().exchange("OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: " +
			origin + "\r\nAccess-Control-Request-Method: POST\r\n" +
			"Access-Control-Request-Headers: content-type,mcp-method\r\n\r\n")
	}
	a := preflight("https://app.example")
	f := func(name, want string) {
		t.Helper()
		if got := a.Header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", name, got, want)
		}
	}
	if a.StatusCode != 204 || a.body != "" {
		t.Errorf("got %s %q, want 204", a.Status, a.body)
	}
	f("Access-Control-Allow-Origin", "https://app.example")
	f("Access-Control-Allow-Methods", "POST")
	f("Access-Control-Allow-Methods", "DELETE")
	f("Access-Control-Allow-Headers", "*")
	f("Access-Control-Allow-Headers", "Authorization")
	f("Vary", "Origin")
	a = preflight("https://evil.example")
	if a.StatusCode != 403 || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("foreign: got %s, %q", a.Status, a.Header.Get("Access-Control-Allow-Origin"))
	}
}

func TestCORSOnAnswers(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	f := func(name, wire string, want string) {
		t.Helper()
		a := c.exchange(wire)
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: Access-Control-Allow-Origin is %q, want %q", name, got, want)
		}
		exposed := a.Header.Get("Access-Control-Expose-Headers")
		if want != "" && !strings.Contains(exposed, "Mcp-Session-Id") {
			t.Errorf("%s: exposes %q", name, exposed)
		}
	}
	const from = "Origin: http://localhost:5173"
	const own = "http://localhost:5173"
	f("inline call", wirePost(modernCall("1", "echo", `{"message":"m"}`), from), own)
	f("blocking call", wirePost(modernCall("1", "slow", `{"ms":0}`), from), own)
	f("event stream", wirePost(progressCall("1", `"p"`), from), own)
	f("error", wirePost("{", from), own)
	f("no Origin", wirePost(modernCall("1", "echo", `{"message":"m"}`)), "")
}

// progressCall is a modern call of the tool that tells its progress, with a raw token.
func progressCall(id, token string) string {
	call := modernCall(id, "steps", "{}")
	return strings.Replace(call, `"_meta":{`, `"_meta":{"progressToken":`+token+`,`, 1)
}
