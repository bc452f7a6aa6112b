package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// webUpstream is a modern MCP server over HTTP that lists its tools well and answers calls as a
// test wants, byte by byte.
type webUpstream struct {
	url   string
	calls atomic.Int64 // of tools
	lists atomic.Int64
	tools atomic.Value // string; webTools if none

	mu    sync.Mutex // guards the rest
	call  func(*webCall) error
	conns map[net.Conn]bool
	close func() error
}

// webCall is a call whose answer is written to Conn. An error of who answers ends the connection.
type webCall struct {
	net.Conn
	head *http.Request
	id   string
	tool string
	body string
}

const (
	webDiscover = `{"resultType":"complete","ttlMs":0,"cacheScope":"public",` +
		`"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`
	webTools = `{"resultType":"complete","ttlMs":0,"cacheScope":"public","tools":[` +
		`{"name":"bad","inputSchema":{"type":"object"}},` +
		`{"name":"good","inputSchema":{"type":"object"}},` +
		`{"name":"look","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},` +
		`{"name":"put","inputSchema":{"type":"object"},"annotations":{"idempotentHint":true}}]}`
)

// startWeb serves until the test ends. The tool good always answers; the others as call says.
func startWeb(t *testing.T, call func(*webCall) error) *webUpstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &webUpstream{
		url: "http://" + l.Addr().String() + "/mcp", call: call, conns: map[net.Conn]bool{},
		close: sync.OnceValue(l.Close),
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.mu.Lock()
			w.conns[c] = true
			w.mu.Unlock()
			all.Go(func() { w.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = w.close()
		w.cut()
		all.Wait()
	})
	return w
}

// cut ends all connections.
func (w *webUpstream) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.Close()
	}
	clear(w.conns)
}

// answers changes how calls are answered.
func (w *webUpstream) answers(call func(*webCall) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call = call
}

func (w *webUpstream) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var m struct {
			ID     json.RawMessage
			Method string
			Params struct{ Name string }
		}
		_ = json.Unmarshal(body, &m)
		one := &webCall{c, r, string(m.ID), m.Params.Name, string(body)}
		switch m.Method {
		case "server/discover":
			err = one.result(webDiscover)
		case "tools/list":
			w.lists.Add(1)
			tools, changed := w.tools.Load().(string)
			if !changed {
				tools = webTools
			}
			err = one.result(tools)
		case "tools/call":
			w.calls.Add(1)
			w.mu.Lock()
			call := w.call
			w.mu.Unlock()
			if one.tool == "good" {
				call = answersWell
			}
			err = call(one)
		default:
			err = one.raw(404, "application/json", fmt.Sprintf(
				`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, m.ID))
		}
		if err != nil {
			return
		}
	}
}

// raw answers with a body of that type; headers are whole lines.
func (c *webCall) raw(status int, kind, body string, headers ...string) error {
	_, err := fmt.Fprintf(c, "HTTP/1.1 %d Status\r\nContent-Type: %s\r\nContent-Length: %d\r\n"+
		"%s\r\n%s", status, kind, len(body), strings.Join(headers, ""), body)
	return err
}

func (c *webCall) result(result string) error {
	return c.raw(200, "application/json", c.message(result))
}

func (c *webCall) message(result string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, c.id, result)
}

const webResult = `{"resultType":"complete","content":[{"type":"text","text":"well"}]}`

func answersWell(c *webCall) error { return c.result(webResult) }

// silent reads until the gateway gives up.
func silent(c *webCall) error {
	_, _ = io.Copy(io.Discard, c)
	return io.EOF
}

// besideWeb is a gateway with w as its sick upstream, and a healthy one.
func besideWeb(t *testing.T, w *webUpstream, change func(*gateway.Options)) *running {
	t.Helper()
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: w.url}
		o.Timeout = 5 * time.Second
		o.BreakerOpenFor = time.Hour
		change(o)
	})
	g.has("sick__good", true)
	g.has("sick__put", true)
	return g
}

// call calls a tool of the sick upstream.
func (r *running) call(tool string) string {
	r.t.Helper()
	return r.text(r.post(modernCall("1", "sick__"+tool, "{}")))
}

// fails calls a tool n times, each of which must fail so.
func (r *running) fails(tool string, n, want int, text string) {
	r.t.Helper()
	for range n {
		if got := r.call(tool); code(got) != want || !strings.Contains(got, text) {
			r.t.Errorf("%s: got %s, want %d and %q", tool, got, want, text)
		}
	}
}

// succeeds calls a tool, which must answer.
func (r *running) succeeds(tool string) {
	r.t.Helper()
	if got := r.call(tool); !strings.Contains(got, `"text":"well"`) {
		r.t.Errorf("%s: got %s, want it well", tool, got)
	}
}
