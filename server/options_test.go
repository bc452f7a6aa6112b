package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

func TestOptionsFaultsAreNamedAllAtOnce(t *testing.T) {
	_, err := server.New(server.Options{
		Limits: server.Limits{Depth: 10, OutboxLowBytes: 2, OutboxHighBytes: 1},
		Lists:  server.Lists{CacheScope: "everybody"},
	})
	if err == nil || !strings.HasPrefix(err.Error(), "cannot make a server: ") {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"Name", "Limits.Depth", "Limits.Outbox", "Lists.CacheScope"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	f := func(name string, change func(o *server.Options)) {
		t.Helper()
		opt := server.Options{Name: "x"}
		change(&opt)
		if _, err := server.New(opt); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f("no name", func(o *server.Options) { o.Name = "" })
	f("depth 63", func(o *server.Options) { o.Limits.Depth = 63 })
	f("depth 1001", func(o *server.Options) { o.Limits.Depth = 1001 })
	f("negative connections", func(o *server.Options) { o.Limits.Connections = -1 })
	f("negative message", func(o *server.Options) { o.Limits.MessageBytes = -1 })
	f("negative batch", func(o *server.Options) { o.Limits.BatchMessages = -1 })
	f("negative in-flight", func(o *server.Options) { o.Limits.InFlightPerConn = -1 })
	f("negative head", func(o *server.Options) { o.Limits.HeadBytes = -1 })
	f("negative headers", func(o *server.Options) { o.Limits.Headers = -1 })
	f("negative target", func(o *server.Options) { o.Limits.TargetBytes = -1 })
	f("negative streams", func(o *server.Options) { o.Limits.Streams = -1 })
	f("negative head timeout", func(o *server.Options) { o.Limits.HeadTimeout = -1 })
	f("negative body timeout", func(o *server.Options) { o.Limits.BodyTimeout = -1 })
	f("negative frame timeout", func(o *server.Options) { o.Limits.FrameTimeout = -1 })
	f("negative first timeout", func(o *server.Options) { o.Limits.FirstTimeout = -1 })
	f("negative idle timeout", func(o *server.Options) { o.Limits.IdleTimeout = -1 })
	f("negative write timeout", func(o *server.Options) { o.Limits.WriteTimeout = -1 })
	f("negative outbox", func(o *server.Options) { o.Limits.OutboxMaxBytes = -1 })
	f("negative workers", func(o *server.Options) { o.Queue.Workers = -1 })
	f("negative queue", func(o *server.Options) { o.Queue.Max = -1 })
	f("warn at 101 %", func(o *server.Options) { o.Queue.WarnPercent = 101 })
	f("reject at 101 %", func(o *server.Options) { o.Queue.RejectPercent = 101 })
	f("warn above reject", func(o *server.Options) {
		o.Queue.WarnPercent, o.Queue.RejectPercent = 90, 80
	})
	f("negative loops", func(o *server.Options) { o.Loops.Count = -1 })
	f("negative sessions", func(o *server.Options) { o.Sessions.Max = -1 })
	f("negative idle TTL", func(o *server.Options) { o.Sessions.IdleTTL = -1 })
	f("negative sweep", func(o *server.Options) { o.Sessions.Sweep = -1 })
	f("3 shards", func(o *server.Options) { o.Sessions.Shards = 3 })
	f("negative page", func(o *server.Options) { o.Lists.PageSize = -1 })
	f("negative TTL", func(o *server.Options) { o.Lists.TTL = -1 })
	f("negative drain timeout", func(o *server.Options) { o.DrainTimeout = -1 })
}

func TestOptionsDefaultsAreTheDocumentedOnes(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Queue = server.Queue{} })
	page := r.scrape()
	f := func(metric string, want float64) {
		t.Helper()
		if got := page.total(metric); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
	f("mcploop_connections_max", 15_000)
	f("mcploop_sessions_max", 100_000)
	f("mcploop_streams_max", 15_000)
	if got := page.total("mcploop_queue_max"); got < 10_000 {
		t.Errorf("the queue holds %v, want 10,000 or more", got)
	}
}

func TestCallTimeout(t *testing.T) {
	r := start(t, func(o *server.Options) { o.CallTimeout = 50 * time.Millisecond })
	g := r.addGate("held")
	r.faulty("modern", 504, -31001, "1", modernCall("1", "held", "{}"))
	g.waitEnded(server.ErrTimeout)
	r.faulty("legacy", 200, -31001, "2", legacyCall("2", "held", "{}"),
		"Mcp-Session-Id:"+r.session("2025-11-25"))
	g.waitEnded(server.ErrTimeout)
}

func TestCallTimeoutOff(t *testing.T) {
	r := start(t, func(o *server.Options) { o.CallTimeout = -1 })
	g := r.addGate("held")
	c := r.dialTCP()
	c.line(modernCall("1", "held", "{}"))
	req := g.waitEntered()
	if req.Params.Name != "held" {
		t.Errorf("got %q", req.Params.Name)
	}
	close(g.release)
	if got := c.read(); !strings.Contains(got, "released") {
		t.Errorf("got %s", got)
	}
}

func TestDepthIsAnOption(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.Depth = 64 })
	nested := func(n int) string {
		return modernCall("1", "echo",
			`{"message":"m","x":`+strings.Repeat("[", n)+strings.Repeat("]", n)+`}`)
	}
	resp := r.post(nested(100))
	if text := r.text(resp); resp.StatusCode != 400 || code(text) != -32700 {
		t.Errorf("100 deep: %s %s", resp.Status, text)
	}
	if resp := r.post(nested(50)); resp.StatusCode != 200 {
		t.Errorf("50 deep: %s", resp.Status)
	}
}

func TestBatchLimitIsAnOptionOverHTTP(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.BatchMessages = 3 })
	session := "Mcp-Session-Id:" + r.session("2025-03-26")
	batch := func(n int) string {
		return "[" + strings.Repeat(legacyPing+",", n-1) + legacyPing + "]"
	}
	resp := r.post(batch(4), session)
	if text := r.text(resp); resp.StatusCode != 400 || code(text) != -32600 {
		t.Errorf("4: %s %s", resp.Status, text)
	}
	resp = r.post(batch(3), session)
	if text := r.text(resp); resp.StatusCode != 200 || strings.Count(text, `"result"`) != 3 {
		t.Errorf("3: %s %s", resp.Status, text)
	}
}
