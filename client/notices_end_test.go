package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestNoticesOfEndedConnections: a connection that ends while it waits for its turn waits no more.
func TestNoticesOfEndedConnections(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, id, _ := strings.Cut(string(body), `"id":`); strings.Contains(id, "/discover") {
			id, _, _ = strings.Cut(id, ",")
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","ttlMs":0,`+
				`"cacheScope":"public","supportedVersions":["2026-07-28"],"capabilities":{}}}`, id)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, `data: {"jsonrpc":"2.0","method":"x"}`+"\n\n")
		}
	}))
	defer s.Close()
	held := make(chan struct{}, 64)
	c, err := Connect(t.Context(), Options{
		URL: s.URL, NoticesPerSecond: 1, OnNoticesHeld: func() { held <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := c.Mux()
	for range 5 {
		call := &Call{Method: "loud", Done: ignore}
		if err := m.Start(call); err != nil {
			t.Fatal(err)
		}
		<-held
		m.Cancel(call, context.Canceled)
	}
	waiting := func() int {
		m.notices.mu.Lock()
		defer m.notices.mu.Unlock()
		return len(m.notices.waiting)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for ; waiting() > 0; runtime.Gosched() {
		if ctx.Err() != nil {
			t.Fatalf("%d connections wait, want none", waiting())
		}
	}
}
