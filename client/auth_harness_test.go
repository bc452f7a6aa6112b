package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
)

// door stands before the fixture and lets nobody in without the token of the day.
type door struct {
	url string // http://127.0.0.1:port

	mu      sync.Mutex
	token   string
	scoped  string   // requests whose Mcp-Method is this want more scope than token has
	refused []string // methods of HTTP of requests that did not get in
	passed  []string
}

// newDoor makes one that wants "Bearer one".
func newDoor(t testing.TB, s *server.Server) *door {
	t.Helper()
	behind, err := url.Parse(urls(s)["http"])
	if err != nil {
		t.Fatal(err)
	}
	behind.Path = ""
	d := &door{token: "Bearer one"}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	proxy.FlushInterval = -1
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, challenge := d.judge(r); status != 0 {
			w.Header().Set("WWW-Authenticate", challenge)
			http.Error(w, "not so", status)
			return
		}
		r.Header.Del("Authorization") // or its sessions would belong to single tokens
		r.Host = behind.Host
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	d.url = front.URL
	return d
}

func (d *door) judge(r *http.Request) (status int, challenge string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	got := r.Header.Get("Authorization")
	switch {
	case got != d.token && got != d.token+"+":
		d.refused = append(d.refused, r.Method)
		return 401, `Bearer resource_metadata="http://127.0.0.1/meta"`
	case d.scoped != "" && r.Header.Get("Mcp-Method") == d.scoped && got != d.token+"+":
		d.refused = append(d.refused, r.Method)
		return 403, `Bearer error="insufficient_scope", scope="more"`
	}
	d.passed = append(d.passed, r.Method)
	return 0, ""
}

// wants changes the token of the day.
func (d *door) wants(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.token = token
}

func (d *door) wantsScope(method string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scoped = method
}

func (d *door) counts() (refused int, passed []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.refused), append([]string(nil), d.passed...)
}

// source gives the tokens of a list, the next one with each refusal.
type source struct {
	mu         sync.Mutex
	values     []string
	renew      func() time.Time
	fault      error // of Token
	why        error // of Refused
	asked      int   // Token
	told       int   // Refused
	challenges []string
	hold       chan struct{} // Refused waits for it; nil: it does not
}

func (s *source) Token(context.Context) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.fault != nil {
		return "", time.Time{}, s.fault
	}
	var renew time.Time
	if s.renew != nil {
		renew = s.renew()
	}
	return s.values[0], renew, nil
}

func (s *source) Refused(ctx context.Context, status int, challenge string) error {
	s.mu.Lock()
	s.told++
	s.challenges = append(s.challenges, fmt.Sprintf("%d %s", status, challenge))
	hold, why := s.hold, s.why
	if why == nil && len(s.values) > 1 {
		s.values = s.values[1:]
	}
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return why
}

func (s *source) counts() (asked, told int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.told
}

// set changes s while it is in use.
func (s *source) set(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// tokens makes Tokens that end with the test.
func tokens(t testing.TB, s *source) *client.Tokens {
	t.Helper()
	all := client.NewTokens(s)
	t.Cleanup(all.Close)
	return all
}

// through is the address of the door for a transport.
func (d *door) through(transport string) string {
	path := "/mcp"
	if transport == "sse" {
		path = "/sse"
	}
	return transport + strings.TrimPrefix(d.url, "http") + path
}
