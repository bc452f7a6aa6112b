package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// patience bounds every wait of the tests; nothing is asserted about how long things take.
const patience = 20 * time.Second

// running is a server under test with one door of each kind.
type running struct {
	*server.Server
	t               *testing.T
	http, tcp, unix string
	path            string // of the HTTP door, see at; "": /mcp
	log             *syncBuffer
	change          func(*server.Options)
	more            []func(*server.Server)
	beside          []*running // the servers of standard input and output, see dialStdio
}

// start serves the test tools until the test ends. change adjusts the options, more adds tools.
func start(
	t *testing.T, change func(*server.Options), more ...func(*server.Server),
) *running {
	t.Helper()
	r := &running{t: t, log: &syncBuffer{}, change: change, more: more}
	r.unix = filepath.Join(t.TempDir(), "mcp.sock")
	r.make(func(o *server.Options) {
		o.HTTP, o.TCP = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
		o.Unix = []string{r.unix}
	})
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Addrs() {
		switch a.Door {
		case "http":
			r.http = a.Addr.String()
		case "tcp":
			r.tcp = a.Addr.String()
		}
	}
	return r
}

// make makes the server, which is drained when the test ends.
func (r *running) make(doors func(*server.Options)) {
	r.t.Helper()
	opt := server.Options{
		Name: "test", Version: "1", Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Queue: server.Queue{Workers: 8},
	}
	doors(&opt)
	if r.change != nil {
		r.change(&opt)
	}
	var err error
	if r.Server, err = server.New(opt); err != nil {
		r.t.Fatal(err)
	}
	addTestTools(r.Server)
	for _, add := range r.more {
		add(r.Server)
	}
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = r.Drain(ctx)
	})
}

type echoInput struct {
	Message string `json:"message"`
}

type sleepInput struct {
	Ms int `json:"ms"`
}

// addTestTools: echo (inline), slow (blocking, ends with its context), steps (progress), crash
// (panics), crash_inline.
func addTestTools(s *server.Server) {
	server.AddTool(s, mcp.Tool{Name: "echo", Description: "echo"},
		func(_ context.Context, _ *mcp.Request, in echoInput) (string, error) {
			return in.Message, nil
		}, server.Inline)
	server.AddTool(s, mcp.Tool{Name: "slow", Description: "slow"}, slow)
	server.AddTool(s, mcp.Tool{Name: "steps", Description: "steps"}, steps)
	crash := func(context.Context, *mcp.Request, struct{}) (string, error) { panic("boom") }
	server.AddTool(s, mcp.Tool{Name: "crash", Description: "panics"}, crash)
	server.AddTool(s, mcp.Tool{Name: "crash_inline", Description: "panics"}, crash, server.Inline)
}

func slow(ctx context.Context, _ *mcp.Request, in sleepInput) (string, error) {
	select {
	case <-time.After(time.Duration(in.Ms) * time.Millisecond):
		return "done", nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func steps(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
	for i := range 3 {
		p := mcp.ProgressNotificationParams{Progress: float64(i), Total: 2, Message: "step"}
		if err := req.NotifyProgress(ctx, p); err != nil {
			return "", err
		}
	}
	return "three steps", nil
}

// peerConn is one connection of a test client.
type peerConn struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
	// deaf to changed lists, which come some time after an upstream has begun to offer something.
	deaf bool
}

func (r *running) dial(network, addr string) *peerConn {
	r.t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReaderSize(c, 1<<20)
	deaf := r.Server != nil && len(r.Upstreams()) > 0 // else it is another process
	return &peerConn{Conn: c, t: r.t, r: in, deaf: deaf}
}

func (r *running) dialTCP() *peerConn  { return r.dial("tcp", r.tcp) }
func (r *running) dialHTTP() *peerConn { return r.dial("tcp", r.http) }

func (c *peerConn) send(text string) {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("cannot send: %v", err)
	}
}

// line sends one line.
func (c *peerConn) line(text string) { c.t.Helper(); c.send(text + "\n") }

// read returns the next line without its end.
func (c *peerConn) read() string {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	for {
		text, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("cannot read: %v (got %.200q)", err, text)
		}
		if !c.deaf || !strings.HasSuffix(text, "/list_changed\"}\n") {
			return strings.TrimSuffix(text, "\n")
		}
	}
}

// hears reads until every text has come.
func (c *peerConn) hears(texts ...string) {
	c.t.Helper()
	c.deaf = false
	for got := ""; !containsAll(got, texts); {
		got += c.read()
	}
}

func containsAll(got string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(got, text) {
			return false
		}
	}
	return true
}

// ended tells whether the server has closed the connection and sent nothing more.
func (c *peerConn) ended() bool {
	rest, _ := io.ReadAll(c.r)
	return len(rest) == 0
}

// ask sends a line and returns the answer's line.
func (c *peerConn) ask(text string) string { c.t.Helper(); c.line(text); return c.read() }

// initialize does the legacy handshake over a line door.
func (c *peerConn) initialize(version string) {
	c.t.Helper()
	got := c.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":`+
		`{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		version))
	if !strings.Contains(got, `"protocolVersion":"`+version+`"`) {
		c.t.Fatalf("initialize answered %s", got)
	}
	c.line(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{}}`

// modernCall is a tools/call of the modern era; id and arguments are raw JSON.
func modernCall(id, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,`+
		`"arguments":%s,%s}}`, id, tool, arguments, modernMeta)
}

// modernRequest is a request of the modern era; params are the members of its params.
func modernRequest(id, method, params string) string {
	if params != "" {
		params += ","
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{%s%s}}`,
		id, method, params, modernMeta)
}

// legacyCall is a tools/call of the legacy era.
func legacyCall(id, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,`+
		`"arguments":%s}}`, id, tool, arguments)
}

// post sends one POST /mcp with the headers that the body calls for, and more given as
// "Name: value", which replace those of the same name; "Name:" leaves one out.
func (r *running) post(body string, headers ...string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequest("POST", "http://"+r.http+r.endpoint(), strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	setModernHeaders(req.Header, body)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if req.Header.Del(name); strings.TrimSpace(value) != "" {
			req.Header.Set(name, strings.TrimSpace(value))
		}
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

// at is the same server whose other endpoint is asked.
func (r *running) at(path string) *running {
	other := *r
	other.path = path
	return &other
}

func (r *running) endpoint() string {
	if r.path == "" {
		return "/mcp"
	}
	return r.path
}

// setModernHeaders adds what a modern body wants repeated.
func setModernHeaders(h http.Header, body string) {
	var m struct {
		Method string
		Params struct {
			Name, URI any
			Meta      map[string]any `json:"_meta"`
		}
	}
	if json.Unmarshal([]byte(body), &m) != nil {
		return
	}
	if v, ok := m.Params.Meta["io.modelcontextprotocol/protocolVersion"].(string); ok {
		h.Set("MCP-Protocol-Version", v)
		h.Set("Mcp-Method", m.Method)
		for _, name := range []any{m.Params.Name, m.Params.URI} {
			if text, ok := name.(string); ok && text != "" {
				h.Set("Mcp-Name", text)
			}
		}
	}
}

// text is the whole body of a response.
func (r *running) text(resp *http.Response) string {
	r.t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(body)
}

// session opens a legacy HTTP session and returns its id.
func (r *running) session(version string, headers ...string) string {
	r.t.Helper()
	resp := r.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":`+
		`{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		version), headers...)
	id := resp.Header.Get("Mcp-Session-Id")
	if resp.StatusCode != 200 || id == "" {
		r.t.Fatalf("initialize: %s %s", resp.Status, r.text(resp))
	}
	return id
}

// metric reads one value from /metrics, 0 when it is not there.
func (r *running) metric(name string) float64 {
	r.t.Helper()
	resp, err := http.Get("http://" + r.http + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			var v float64
			_, _ = fmt.Sscan(rest, &v)
			return v
		}
	}
	return 0
}

// eventually polls until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// code is the error code of an answer, 0 when it has none.
func code(answer string) int {
	var m struct {
		Error struct{ Code int }
	}
	_ = json.Unmarshal([]byte(answer), &m)
	return m.Error.Code
}

// logs waits until the log holds all of texts: it is written later, by a goroutine of its own.
func (r *running) logs(texts ...string) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("the log holds %q", texts), func() bool {
		return containsAll(r.log.String(), texts)
	})
}

// syncBuffer collects a log from many goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
