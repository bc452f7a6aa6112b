package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

func (r *running) get(path string) httpAnswer {
	r.t.Helper()
	c := r.dialHTTP()
	defer c.Close()
	return c.exchange("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

type healthReport struct {
	Status      string  `json:"status"`
	Connections int     `json:"connections"`
	QueueDepth  int     `json:"queue_depth"`
	MemoryMB    float64 `json:"memory_mb"`
	GCPauseMs   float64 `json:"gc_pause_ms"`
	Throughput  float64 `json:"throughput_msg_sec"`
	Errors1m    int     `json:"errors_1m"`
}

func (r *running) health() healthReport {
	r.t.Helper()
	var h healthReport
	a := r.get("/health")
	if err := json.Unmarshal([]byte(a.body), &h); err != nil {
		r.t.Fatalf("health is no JSON: %v: %s", err, a.body)
	}
	return h
}

func TestHealthHasExactlyTheSevenFields(t *testing.T) {
	r := start(t, nil)
	a := r.get("/health")
	var fields map[string]any
	if err := json.Unmarshal([]byte(a.body), &fields); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"connections", "errors_1m", "gc_pause_ms", "memory_mb", "queue_depth", "status",
		"throughput_msg_sec",
	}
	if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s %s", a.Status, a.Header.Get("Content-Type"))
	}
	h := r.health()
	if h.Status != "healthy" || h.MemoryMB <= 0 || h.GCPauseMs < 0 {
		t.Errorf("got %+v", h)
	}
}

func TestHealthConnectionsAreLive(t *testing.T) {
	r := start(t, nil)
	var open []*peerConn
	for range 20 {
		open = append(open, r.dialTCP(), r.dialHTTP())
	}
	eventually(t, "40 connections and more", func() bool { return r.health().Connections >= 40 })
	for _, c := range open {
		c.Close()
	}
	eventually(t, "few connections", func() bool { return r.health().Connections < 20 })
}

func TestHealthQueueDepthIsLive(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Queue.Workers, o.Queue.Max = 1, 64 })
	g := r.addGate("held")
	c := r.dialTCP()
	c.initialize("2025-11-25")
	for i := range 60 {
		c.line(legacyCall(fmt.Sprint(i), "held", "{}"))
	}
	g.waitEntered()
	eventually(t, "a queue above its warn mark", func() bool {
		h := r.health()
		return h.QueueDepth >= 48 && h.Status == "degraded"
	})
	close(g.release)
	eventually(t, "an empty queue", func() bool {
		h := r.health()
		return h.QueueDepth == 0 && h.Status == "healthy"
	})
}

func TestHealthThroughputAndErrorsAreLive(t *testing.T) {
	r := start(t, nil)
	c := r.dialTCP()
	if h := r.health(); h.Errors1m != 0 {
		t.Errorf("errors at the start: %+v", h)
	}
	for range 7 {
		if got := c.ask(`{`); code(got) != -32700 {
			t.Fatalf("got %s", got)
		}
	}
	eventually(t, "seven errors", func() bool { return r.health().Errors1m == 7 })
	eventually(t, "throughput", func() bool {
		for range 50 {
			c.ask(modernCall("1", "echo", `{"message":"m"}`))
		}
		return r.health().Throughput >= 10
	})
	eventually(t, "silence", func() bool { return r.health().Throughput == 0 })
	if h := r.health(); h.Errors1m != 7 {
		t.Errorf("errors of the last minute: %+v", h)
	}
}

func TestLivezAndReadyz(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	f := func(path string, want int, body string) {
		t.Helper()
		a := c.exchange("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if a.StatusCode != want || !strings.Contains(a.body, body) {
			t.Errorf("%s: got %s %q, want %d %q", path, a.Status, a.body, want, body)
		}
	}
	f("/livez", 200, "ok")
	f("/readyz", 200, "ready")
	f("/health", 200, `"status":"healthy"`)
	r.BeginDraining()
	f("/livez", 200, "ok")
	f("/readyz", 503, "draining")
	eventually(t, "health tells of draining", func() bool {
		return r.health().Status == "draining"
	})
	f("/health", 503, `"status":"draining"`)
	resp := r.post(modernCall("1", "slow", `{"ms":0}`))
	if text := r.text(resp); resp.StatusCode != 503 || code(text) != -31000 {
		t.Errorf("a new call while draining: %s %s", resp.Status, text)
	}
}

func TestHeadHasNoBodyAndKeepsTheFraming(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	for _, path := range []string{"/livez", "/readyz", "/health", "/metrics", "/nowhere", "/mcp"} {
		c.send("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n" + livez)
		head := c.answer("HEAD")
		if head.ContentLength <= 0 || head.body != "" {
			t.Errorf("HEAD %s: %s, length %d", path, head.Status, head.ContentLength)
		}
		if a := c.answer("GET"); a.body != "ok\n" {
			t.Fatalf("behind HEAD %s: %s %q", path, a.Status, a.body)
		}
	}
	c = r.dialHTTP() // also where the guard refuses, and where the connection ends with it
	c.send("HEAD /mcp HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
	if a := c.answer("HEAD"); a.StatusCode != 403 || !a.Close {
		t.Errorf("foreign: %s", a.Status)
	}
	if rest, _ := io.ReadAll(c.r); len(rest) > 0 {
		t.Errorf("%q came behind", rest)
	}
}

func TestProbesWorkBesideAFullQueue(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Queue.Workers, o.Queue.Max = 1, 4 })
	g := r.addGate("held")
	first := r.dialHTTP()
	first.send(wirePost(modernCall("1", "held", "{}")))
	g.waitEntered()
	var refused int
	c := r.dialTCP()
	for i := range 20 {
		c.line(modernCall(fmt.Sprint(i), "held", "{}"))
	}
	eventually(t, "refusals", func() bool {
		refused = int(r.metric(`mcploop_errors_total{code="-31000"}`))
		return refused > 0
	})
	if resp := r.post(modernCall("1", "held", "{}")); resp.StatusCode != 503 {
		t.Errorf("over HTTP: %s", resp.Status)
	}
	if a := r.get("/livez"); a.StatusCode != 200 {
		t.Errorf("livez: %s", a.Status)
	}
	if resp := r.post(modernCall("1", "echo", `{"message":"m"}`)); resp.StatusCode != 200 {
		t.Errorf("an inline call: %s", resp.Status)
	}
	close(g.release)
}
