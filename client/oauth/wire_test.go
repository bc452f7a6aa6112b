package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/oauth"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// protected puts a server of ours, with one tool, behind the world's tokens. before is called
// with each request, under the world's lock.
func (w *world) protected(before func()) string {
	w.t.Helper()
	s, err := server.New(server.Options{Name: "kept", HTTP: []string{"127.0.0.1:0"}})
	if err != nil {
		w.t.Fatal(err)
	}
	server.AddTool(s, mcp.Tool{Name: "echo"},
		func(_ context.Context, _ *mcp.Request, in struct{ Text string }) (string, error) {
			return in.Text, nil
		})
	if err := s.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Drain(now)
	})
	to := &url.URL{Scheme: "http", Host: s.Addrs()[0].Addr.String()}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	gate := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		if before != nil {
			before()
		}
		verdict := httptest.NewRecorder()
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			w.resource(rw, r)
			w.mu.Unlock()
			return
		}
		w.mcp(verdict, r)
		w.mu.Unlock()
		if verdict.Code != http.StatusOK {
			rw.Header().Set("WWW-Authenticate", verdict.Header().Get("WWW-Authenticate"))
			rw.WriteHeader(verdict.Code)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(gate.Close)
	w.prm["resource"] = gate.URL + "/mcp"
	return gate.URL + "/mcp"
}

// TestManyCallers: a token that ends under load costs no caller anything, and is exchanged once;
// so do more scopes.
func TestManyCallers(t *testing.T) {
	const callers, calls = 16, 25
	w, store := newWorld(t), &shelf{}
	var seen int
	resource := w.protected(func() {
		switch seen++; seen {
		case callers * calls / 3:
			clear(w.tokens)
		case 2 * callers * calls / 3:
			w.need = []string{"more"}
		}
	})
	user := func(opt *oauth.Options) { opt.Resource, opt.Store = resource, store }
	if err := w.source(user).Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	tokens := client.NewTokens(w.source(user))
	defer tokens.Close()
	c, err := client.Connect(t.Context(), client.Options{URL: resource, Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	faults := make(chan error, callers*calls)
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for i := range calls {
				text := fmt.Sprintf("(%d.%d)", caller, i)
				got, err := c.Call(t.Context(), "echo", map[string]any{"Text": text})
				if raw, _ := json.Marshal(got); err == nil && !strings.Contains(string(raw), text) {
					err = fmt.Errorf("the answer to %s is %s", text, raw)
				}
				if err != nil {
					faults <- err
				}
			}
		})
	}
	wait.Wait()
	close(faults)
	for err := range faults {
		t.Error(err)
	}
	w.set(func() {
		if len(w.forms) != 3 || w.forms[1].Get("grant_type") != "refresh_token" ||
			len(w.pages) != 2 || w.pages[1].Get("scope") != "more" {
			t.Errorf("%d tokens were asked for, and the user %d times; want 3 and 2", len(w.forms),
				len(w.pages))
		}
	})
}

// TestNobodyThereOnTheWire: who calls hears that a login is needed, and what the server said.
func TestNobodyThereOnTheWire(t *testing.T) {
	w := newWorld(t)
	resource := w.protected(nil)
	source, err := oauth.New(oauth.Options{Resource: resource})
	if err != nil {
		t.Fatal(err)
	}
	tokens := client.NewTokens(source)
	defer tokens.Close()
	_, err = client.Connect(t.Context(), client.Options{URL: resource, Tokens: tokens})
	var refused *client.HTTPError
	if !errors.Is(err, oauth.ErrLogin) || !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("got %v, want ErrLogin and status 401", err)
	}
}
