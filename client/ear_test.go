package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestHearsLegacySession: changes of lists and updates of resources come without a call.
func TestHearsLegacySession(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	heard := make(chan string, 9)
	c := connect(t, client.Options{
		URL: urls(s)["http"], Era: client.Legacy,
		OnNotification: func(method string, params []byte) { heard <- method + string(params) },
	})
	waitUntil(t, "the stream is open", func() bool {
		var text strings.Builder
		s.WriteMetrics(&text)
		return strings.Contains(text.String(), "\nmcploop_streams 1\n")
	})
	err := s.AddResource(mcp.Resource{URI: "test://x", Name: "x"},
		func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return nil, mcp.ResourceNotFound("test://x")
		})
	if err != nil {
		t.Fatal(err)
	}
	if m := await(t, "the change", heard); m != "notifications/resources/list_changed{}" &&
		m != "notifications/resources/list_changed" {
		t.Errorf("got %q", m)
	}
	if _, err := c.Raw(testContext(t), "resources/subscribe", map[string]any{
		"uri": "test://x",
	}); err != nil {
		t.Fatal(err)
	}
	s.ResourceUpdated("test://x")
	want := `notifications/resources/updated{"uri":"test://x"}`
	if m := await(t, "the update", heard); m != want {
		t.Errorf("got %q", m)
	}
	if got := c.Stats().InFlight; got != 0 {
		t.Errorf("%d calls in flight, want none: the stream is no call", got)
	}
}

// TestHearsAnotherSession: when the session is lost, the new one is listened to.
func TestHearsAnotherSession(t *testing.T) {
	var sessions, listened atomic.Int64
	heard := make(chan string, 9)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch id := bodyID(r); {
		case r.Method == "GET":
			listened.Add(1)
			stream(w, fmt.Sprintf(`data: {"jsonrpc":"2.0","method":"of","params":{"s":%q}}`+"\n\n",
				r.Header.Get("Mcp-Session-Id")))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case r.Header.Get("Mcp-Session-Id") == "" && id != "":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Mcp-Session-Id", fmt.Sprint("s", sessions.Add(1)))
			fmt.Fprintf(w, initializeAnswer, id)
		case id == "":
			w.WriteHeader(http.StatusAccepted)
		case r.Header.Get("Mcp-Session-Id") == "s1":
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, result(id, 1))
		}
	}))
	defer s.Close()
	c := connect(t, client.Options{
		URL: s.URL + "/mcp", Era: client.Legacy,
		OnNotification: func(_ string, params []byte) { heard <- string(params) },
	})
	for _, want := range []string{`{"s":"s1"}`, `{"s":"s2"}`} {
		if got := await(t, "the stream", heard); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		wantRaw(t, c, `{"n":1}`)
	}
	if listened.Load() != 2 || sessions.Load() != 2 {
		t.Errorf("got %d streams of %d sessions, want one of each of two", listened.Load(),
			sessions.Load())
	}
	_ = c.Close()
	s.CloseClientConnections()
}

func bodyID(r *http.Request) string {
	b := make([]byte, 1<<16)
	n, _ := r.Body.Read(b)
	_, rest, _ := strings.Cut(string(b[:n]), `"id":`)
	id, _, _ := strings.Cut(rest, ",")
	return id
}

// TestHearsOn: a stream that ends is asked for again, from the last event on when it had an id; a
// server that never answers the GET, or has none, holds nobody up.
func TestHearsOn(t *testing.T) {
	for name, play := range map[string]func(w http.ResponseWriter, r *http.Request, n int64){
		"resumed": func(w http.ResponseWriter, r *http.Request, n int64) {
			stream(w, fmt.Sprintf("id: e%d\nretry: 10\ndata: "+
				`{"jsonrpc":"2.0","method":"n","params":{"after":%q}}`+"\n\n",
				n, r.Header.Get("Last-Event-ID")))
		},
		"begun anew": func(w http.ResponseWriter, _ *http.Request, n int64) {
			stream(w, fmt.Sprintf("data: "+
				`{"jsonrpc":"2.0","method":"n","params":{"after":"e%d"}}`+"\n\n", n-1))
		},
		"after an error": func(w http.ResponseWriter, _ *http.Request, n int64) {
			if n == 2 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			stream(w, fmt.Sprintf("data: "+
				`{"jsonrpc":"2.0","method":"n","params":{"after":"e%d"}}`+"\n\n", max(n-2, 0)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan string, 99)
			var gets atomic.Int64
			fake := &askingHTTP{get: func(w http.ResponseWriter, r *http.Request) {
				play(w, r, gets.Add(1))
			}}
			s := httptest.NewServer(fake)
			defer s.Close()
			connect(t, client.Options{
				URL: s.URL + "/mcp", Era: client.Legacy,
				OnNotification: func(_ string, params []byte) { heard <- string(params) },
			})
			await(t, "the first event", heard)
			if m := await(t, "the second event", heard); m != `{"after":"e1"}` {
				t.Errorf("got %s", m)
			}
		})
	}
}

// TestHearsNothing: none of these GETs is waited for, and calls go on.
func TestHearsNothing(t *testing.T) {
	for name, play := range map[string]http.HandlerFunc{
		"no stream": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(405) },
		"no event":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) },
		"silent":    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"an answer": func(w http.ResponseWriter, r *http.Request) { // which is nobody's
			stream(w, `data: {"jsonrpc":"2.0","id":1048576,"result":{"stolen":true}}`+"\n\n")
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var gets atomic.Int64
			fake := &askingHTTP{get: func(w http.ResponseWriter, r *http.Request) {
				gets.Add(1)
				play(w, r)
			}}
			s := httptest.NewServer(fake)
			defer s.Close()
			asks := make(chan *client.Ask, 1)
			c := connect(t, client.Options{
				URL: s.URL + "/mcp", Era: client.Legacy, HTTPConnsMax: 1,
				OnRequest: func(a *client.Ask) { asks <- a },
			})
			waitUntil(t, "the GET has come", func() bool { return gets.Load() == 1 })
			_, done := begin(t, c.Mux(), "tools/call")
			a := await(t, "a request", asks)
			if err := a.Answer([]byte("{}")); err != nil {
				t.Fatal(err)
			}
			if got := await(t, "the answer", done); !strings.Contains(string(got.Result), `"of"`) {
				t.Errorf("got %+v", got)
			}
			_ = c.Close()
		})
	}
}
