package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// forgetful is a server of HTTP+SSE that can forget its session while the stream goes on, as one
// that was started again behind a proxy seems to.
type forgetful struct {
	mu      sync.Mutex // guards the rest
	session int
	ran     int
	stream  http.ResponseWriter
}

func (f *forgetful) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.session++
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == http.MethodGet {
		f.stream = w
		w.Header().Set("Content-Type", "text/event-stream")
		f.event("endpoint", fmt.Sprintf("/m/%d", f.session))
		f.mu.Unlock()
		<-r.Context().Done()
		f.mu.Lock()
		return
	}
	var body bytes.Buffer
	_, _ = body.ReadFrom(r.Body)
	if r.URL.Path != fmt.Sprintf("/m/%d", f.session) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"unknown"}}`)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	var m struct {
		ID     json.RawMessage
		Method string
	}
	_ = json.Unmarshal(body.Bytes(), &m)
	result := map[string]string{
		"initialize": `{"protocolVersion":"2024-11-05","capabilities":{"tools":{}},` +
			`"serverInfo":{"name":"f","version":"1"}}`,
		"tools/list": `{"tools":[{"name":"run","inputSchema":{"type":"object"}}]}`,
		"tools/call": `{"content":[{"type":"text","text":"it ran"}]}`,
	}[m.Method]
	if m.Method == "tools/call" {
		f.ran++
	}
	if result != "" {
		f.event("message", fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result))
	}
}

// event sends one. f.mu is held.
func (f *forgetful) event(name, data string) {
	fmt.Fprintf(f.stream, "event: %s\ndata: %s\n\n", name, data)
	f.stream.(http.Flusher).Flush()
}

// TestUpstreamForgetsItsSession: a call that a server of HTTP+SSE refuses, as it does not know the
// session, did not run: it runs in another session, once.
func TestUpstreamForgetsItsSession(t *testing.T) {
	f := &forgetful{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: f, ReadHeaderTimeout: patience}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { _ = web.Close() })
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "sse://" + l.Addr().String() + "/sse"}
		o.BackoffMax = 20 * time.Millisecond
	})
	g.has("up__run", true)
	for n := range 10 { // so many fill the budget of second tries
		wantIn(t, g.text(g.post(modernCall(fmt.Sprint(n), "up__run", "{}"))), "it ran")
	}
	f.forget()
	got := g.text(g.post(modernCall(`"x"`, "up__run", "{}")))
	if !strings.Contains(got, "it ran") {
		t.Errorf("got %s, want the answer of another session", got)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ran != 11 {
		t.Errorf("11 calls ran %d times", f.ran)
	}
}
