package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestUpstreamManyInFlight: 10,000 calls of many clients wait on one connection, and each gets its
// own answer, once.
func TestUpstreamManyInFlight(t *testing.T) {
	const conns, each = 20, 500
	type question struct {
		c *fakeConn
		m *fakeMessage
	}
	held := make(chan question, conns*each)
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method != "tools/call" {
			return well(c, m)
		}
		held <- question{c, m}
		return ""
	})
	g := start(t, func(o *server.Options) { o.Limits.InFlightPerConn = each },
		func(s *server.Server) {
			err := s.AddUpstream(gateway.Options{Name: "up", Client: client.Options{
				URL: "tcp://" + fake.addr, Era: client.Legacy, InFlightMax: conns*each + 10,
				OutboxBytesMax: 4 << 20,
			}})
			if err != nil {
				t.Fatal(err)
			}
		})
	g.has("up__echo", true)
	peers := make([]*peerConn, conns)
	for i := range peers {
		peers[i] = g.dialTCP()
		peers[i].initialize("2025-11-25")
		for id := range each {
			args := fmt.Sprintf(`{"conn":%d,"id":%d}`, i, id)
			peers[i].line(legacyCall(fmt.Sprint(id), "up__echo", args))
		}
	}
	questions := make([]question, conns*each)
	for i := range questions {
		questions[i] = wait(t, "every call reaches the upstream", held)
	}
	if got := g.metric(`mcploop_upstream_in_flight{upstream="up"}`); got != conns*each {
		t.Errorf("got %v in flight, want %d", got, conns*each)
	}
	go func() { // backwards
		for i := len(questions) - 1; i >= 0; i-- {
			q := questions[i]
			q.c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.m.ID,
				well(q.c, q.m)))
		}
	}()
	for i, c := range peers {
		seen := map[string]bool{}
		for range each {
			got := c.read()
			id := replyID(got)
			if seen[id] || !strings.Contains(got, fmt.Sprintf(`{"conn":%d,"id":%s}`, i, id)) {
				t.Fatalf("connection %d got %s", i, got)
			}
			seen[id] = true
		}
	}
	if got := g.metric(`mcploop_upstream_in_flight{upstream="up"}`); got != 0 {
		t.Errorf("got %v in flight after all were answered", got)
	}
}

// TestUpstreamInFlightMax: one call too many is refused, and says whose limit it was.
func TestUpstreamInFlightMax(t *testing.T) {
	fake := startFake(t, silentAt("tools/call"))
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy, InFlightMax: 3}
	})
	g.has("up__echo", true)
	if got := g.metric(`mcploop_upstream_in_flight_max{upstream="up"}`); got != 3 {
		t.Errorf("got a limit of %v, want 3", got)
	}
	c := g.dialTCP()
	c.initialize("2025-11-25")
	for id := range 3 {
		c.line(legacyCall(fmt.Sprint(id), "up__echo", "{}"))
		fake.waitFor("tools/call")
	}
	got := c.ask(legacyCall("4", "up__echo", "{}"))
	if code(got) != -31000 || !strings.Contains(got, `"upstream":"up"`) {
		t.Errorf("got %s, want -31000 of the upstream", got)
	}
	fake.cut() // the drain would wait for the calls
}

// sessionServer is a legacy server over HTTP that forgets its sessions when it is told to.
func sessionServer(t *testing.T, opened, calls *atomic.Int64, forget *atomic.Bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var m fakeMessage
		if r.Method != "POST" || err != nil || json.Unmarshal(body, &m) != nil {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		if m.Method == "initialize" {
			forget.Store(false)
			w.Header().Set("Mcp-Session-Id", fmt.Sprint("session-", opened.Add(1)))
		} else if forget.Load() || r.Header.Get("Mcp-Session-Id") == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if m.Method == "tools/call" {
			calls.Add(1)
		}
		if m.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, well(nil, &m))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/mcp"
}

// TestUpstreamSessionLost: a call that a legacy upstream refused because it has forgotten the
// session is sent once more in another one. It has run once.
func TestUpstreamSessionLost(t *testing.T) {
	var opened, calls atomic.Int64
	var forget atomic.Bool
	url := sessionServer(t, &opened, &calls, &forget)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: url, Era: client.Legacy}
	})
	g.has("up__echo", true)
	for round := range 3 {
		forget.Store(true)
		c := g.dialTCP()
		c.initialize("2025-11-25")
		for id := range 10 {
			args := fmt.Sprintf(`{"round":%d,"id":%d}`, round, id)
			c.line(legacyCall(fmt.Sprint(id), "up__echo", args))
		}
		for range 10 {
			got := c.read()
			want := fmt.Sprintf(`{"round":%d,"id":%s}`, round, replyID(got))
			if !strings.Contains(got, want) {
				t.Fatalf("got %s, want %s in it", got, want)
			}
		}
	}
	if calls.Load() != 30 || opened.Load() != 4 {
		t.Errorf("%d calls ran in %d sessions, want 30 in 4", calls.Load(), opened.Load())
	}
	repeated := g.metric(`mcploop_upstream_calls_repeated_total{upstream="up"}`)
	if repeated < 3 || repeated > 30 {
		t.Errorf("%v calls were repeated, want 3 to 30", repeated)
	}
	if got := g.metric(`mcploop_upstream_starts_total{upstream="up"}`); got != 1 {
		t.Errorf("it was connected %v times, want once", got)
	}
}

// TestUpstreamForgetsEverySession: a call is repeated once, not for ever.
func TestUpstreamForgetsEverySession(t *testing.T) {
	var tries atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m fakeMessage
		_ = json.NewDecoder(bufio.NewReader(r.Body)).Decode(&m)
		w.Header().Set("Mcp-Session-Id", "s")
		switch {
		case m.Method == "tools/call":
			tries.Add(1)
			w.WriteHeader(http.StatusNotFound)
		case m.ID == nil:
			w.WriteHeader(http.StatusAccepted)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, well(nil, &m))
		}
	}))
	t.Cleanup(s.Close)
	for _, share := range []gateway.Share{gateway.ShareAll, gateway.ShareCall} {
		g := behind(t, func(o *gateway.Options) {
			o.Client = client.Options{URL: s.URL + "/mcp", Era: client.Legacy}
			o.Share, o.InstancesMax = share, 1
		})
		g.has("up__echo", true)
		for range 2 {
			got := g.text(g.post(modernCall("1", "up__echo", "{}")))
			if n := tries.Swap(0); code(got) != -31002 || !strings.Contains(got, "404") || n != 2 {
				t.Errorf("got %s after %d tries, want -31002 after 2", got, n)
			}
		}
	}
}

// TestUpstreamCallsInFlightAtDrain: a drain waits for calls that are with an upstream until its
// time is over. One that does not answer does not hold it longer.
func TestUpstreamCallsInFlightAtDrain(t *testing.T) {
	held := make(chan func(), 1)
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/call" {
			held <- func() {
				c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, well(c, m)))
			}
			return ""
		}
		return well(c, m)
	})
	f := func(name string, answered bool) {
		t.Run(name, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) {
				o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy}
			})
			g.has("up__echo", true)
			c := g.dialTCP()
			c.initialize("2025-11-25")
			c.line(legacyCall("7", "up__echo", `{"kept":1}`))
			answer := wait(t, "the call is with the upstream", held)
			ended := make(chan error, 1)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if !answered {
				ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
			}
			go func() { ended <- g.Drain(ctx) }()
			if answered {
				answer()
			}
			if answered {
				if got := c.read(); replyID(got) != "7" || !strings.Contains(got, `"kept"`) {
					t.Errorf("got %s", got)
				}
			} else if !c.ended() {
				t.Error("a call that nobody has answered got an answer")
			}
			if err := wait(t, "the drain ends", ended); (err == nil) != answered {
				t.Errorf("Drain: %v", err)
			}
		})
	}
	f("answered", true)
	f("silent", false)
}
