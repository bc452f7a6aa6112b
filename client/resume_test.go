package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestResumeAfterCloseStream: a server that lets its client poll answers all the same.
func TestResumeAfterCloseStream(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	server.AddTool(s, mcp.Tool{Name: "poll"},
		func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
			req.CloseStream(0)
			return "polled", nil
		})
	c := connect(t, client.Options{URL: urls(s)["http"], Era: client.Legacy})
	for range 3 {
		r, err := c.Call(testContext(t), "poll", nil)
		wantText(t, r, err, "polled")
	}
}

// legacyStreams is a server whose calls are answered by streams that end with the priming event
// "id: p" and behind it: the n-th GET (from 1) is played by get, which gets the call's id.
type legacyStreams struct {
	calls, gets atomic.Int64
	id          atomic.Value
	first       string // what the POST's stream has
	get         func(w http.ResponseWriter, r *http.Request, n int64, id string)
}

func (l *legacyStreams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, rest, _ := strings.Cut(string(body), `"id":`)
	id, _, _ := strings.Cut(rest, ",")
	switch {
	case r.Method == "DELETE":
	case r.Method == "GET":
		known, _ := l.id.Load().(string)
		l.get(w, r, l.gets.Add(1), known)
	case strings.Contains(string(body), `"initialize"`):
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Mcp-Session-Id", "s")
		fmt.Fprintf(w, initializeAnswer, id)
	case id == "":
		w.WriteHeader(http.StatusAccepted)
	default:
		l.calls.Add(1)
		l.id.Store(id)
		stream(w, l.first)
	}
}

func stream(w http.ResponseWriter, events string) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, events)
}

// TestResume plays servers whose streams end early.
func TestResume(t *testing.T) {
	const prime = "id: p\nretry: 10\ndata: \n\n"
	answer := func(id string) string {
		return "id: q\ndata: " + strings.TrimSpace(result(id, 1)) + "\n\n"
	}
	refuse := func(status int) func(http.ResponseWriter, *http.Request, int64, string) {
		return func(w http.ResponseWriter, _ *http.Request, _ int64, _ string) {
			w.WriteHeader(status)
		}
	}
	for name, c := range map[string]struct {
		first string
		get   func(w http.ResponseWriter, r *http.Request, n int64, id string)
		gets  int64
		fails bool
	}{
		"at once": {prime, func(w http.ResponseWriter, r *http.Request, _ int64, id string) {
			if r.Header.Get("Last-Event-ID") == "p" && r.Header.Get("Mcp-Session-Id") == "s" &&
				r.Header.Get("MCP-Protocol-Version") == "2025-11-25" {
				stream(w, answer(id))
			}
		}, 1, false},
		"in three steps": {prime, func(w http.ResponseWriter, r *http.Request, n int64, id string) {
			switch last := r.Header.Get("Last-Event-ID"); {
			case n < 3:
				stream(w, fmt.Sprintf("id: p%d\nretry: 10\ndata: \n\n", n))
			case last == "p2":
				stream(w, answer(id))
			}
		}, 3, false},
		"cut": {prime, func(w http.ResponseWriter, _ *http.Request, n int64, id string) {
			if n == 1 {
				panic(http.ErrAbortHandler)
			}
			stream(w, answer(id))
		}, 2, false},
		"no session":   {prime, refuse(404), 1, true}, // the call is not made again
		"no GET":       {prime, refuse(405), 1, true},
		"nothing":      {prime, refuse(202), 1, true},
		"no id":        {"data: \n\n", refuse(404), 0, true},
		"id of no use": {"id: \xc3\xa9\ndata: \n\n", refuse(404), 0, true},
		"never": {prime, func(w http.ResponseWriter, _ *http.Request, _ int64, _ string) {
			stream(w, "")
		}, 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := &legacyStreams{first: c.first, get: c.get}
			s := httptest.NewServer(l)
			defer s.Close()
			peer := connect(t, client.Options{URL: s.URL + "/mcp", Era: client.Legacy})
			raw, err := peer.Raw(testContext(t), "any", nil)
			if c.fails {
				wantError(t, err, client.ErrGone)
			} else if err != nil || string(raw) != `{"n":1}` {
				t.Errorf("got %s, %v", raw, err)
			}
			if l.calls.Load() != 1 || l.gets.Load() != c.gets {
				t.Errorf("got %d calls and %d GETs; want 1 and %d", l.calls.Load(), l.gets.Load(),
					c.gets)
			}
		})
	}
}
