package server_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// short deadlines make slow peers visible soon.
func short(o *server.Options) {
	o.Limits.HeadTimeout, o.Limits.BodyTimeout = 300*time.Millisecond, 300*time.Millisecond
}

// slowloris lets many peers drip text behind first, and checks that all are refused with 408
// while a good client is served. The drip never stops: only an absolute deadline ends it.
func slowloris(t *testing.T, r *running, first, text string) {
	t.Helper()
	const peers = 40
	done := make(chan struct{})
	defer close(done)
	slow := make([]*peerConn, peers)
	for i := range slow {
		slow[i] = r.dialHTTP()
		slow[i].send(first)
		go drip(slow[i].Conn, text, 20*time.Millisecond, done)
	}
	good := r.dialHTTP()
	for i, c := range slow {
		a := good.exchange(wirePost(modernCall("1", "slow", `{"ms":1}`)))
		if a.StatusCode != 200 {
			t.Fatalf("the good client got %s at peer %d", a.Status, i)
		}
		c.refused(408)
		c.Close()
	}
	eventually(t, "the slow peers are gone", func() bool {
		return r.metric("mcploop_connections") <= 3
	})
}

func TestSlowlorisHead(t *testing.T) {
	r := start(t, short)
	slowloris(t, r, "GET /livez HTTP/1.1\r\nHost: localhost\r\n", "X: y\r\n")
}

func TestSlowlorisHeaderWithoutEnd(t *testing.T) {
	r := start(t, short)
	slowloris(t, r, "GET /livez HTTP/1.1\r\nX: ", "y")
}

func TestSlowlorisBehindAGoodRequest(t *testing.T) {
	r := start(t, short)
	c := r.dialHTTP()
	if a := c.exchange(livez); a.StatusCode != 200 {
		t.Fatal(a.Status)
	}
	c.send("GET /li")
	c.refused(408)
}

func TestSlowBody(t *testing.T) {
	r := start(t, short)
	slowloris(t, r, framed+"Content-Length: 100000\r\n\r\n", " ")
}

func TestSlowChunkedBody(t *testing.T) {
	r := start(t, short)
	slowloris(t, r, framed+"Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n")
}

// A peer that announces a body and waits for it to be asked for is as slow as any other.
func TestSlowBodyAfterA100(t *testing.T) {
	r := start(t, short)
	c := r.dialHTTP()
	c.send(framed + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n")
	if a := c.answer("POST"); a.StatusCode != 100 {
		t.Fatal(a.Status)
	}
	c.refused(408)
}

// The deadlines are those of one request: a client that is always in the middle of the next one
// is not slow.
func TestHeadDeadlineBeginsAnewWithEachRequest(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Loops.Count = 1; short(o) })
	c := r.dialHTTP()
	c.send(livez[:10])
	until := time.Now().Add(4 * 300 * time.Millisecond)
	for tick := time.Tick(20 * time.Millisecond); time.Now().Before(until); <-tick {
		c.send(livez[10:] + livez[:10])
		if a := c.answer("GET"); a.StatusCode != 200 {
			t.Fatalf("got %s %s", a.Status, a.body)
		}
	}
}

func TestConnectAndSendNothing(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.FirstTimeout = 200 * time.Millisecond })
	var silent []*peerConn
	for range 50 {
		silent = append(silent, r.dialHTTP())
	}
	for _, c := range silent {
		if !c.ended() {
			t.Error("a silent peer was told something")
		}
	}
}

func TestIdleKeepAliveIsClosedQuietly(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.IdleTimeout = 300 * time.Millisecond })
	c := r.dialHTTP()
	if a := c.exchange(livez); a.StatusCode != 200 {
		t.Fatal(a.Status)
	}
	if !c.ended() {
		t.Error("an idle peer was told something")
	}
}

// A connection that waits for us is not idle, however long the tool takes.
func TestWaitingForAToolIsNotIdle(t *testing.T) {
	r := start(t, func(o *server.Options) {
		short(o)
		o.Limits.IdleTimeout, o.Limits.FirstTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	c := r.dialHTTP()
	for _, wire := range []string{
		wirePost(modernCall("1", "slow", `{"ms":800}`)),
		wirePost(legacyCall("1", "slow", `{"ms":800}`),
			"Mcp-Session-Id: "+r.session("2025-11-25")),
	} {
		if a := c.exchange(wire); !strings.Contains(a.body, "done") {
			t.Fatalf("got %s %s", a.Status, a.body)
		}
	}
}

// smallOutbox makes slow readers visible soon.
func smallOutbox(o *server.Options) {
	o.Limits.OutboxHighBytes, o.Limits.OutboxLowBytes = 64<<10, 16<<10
	o.Limits.OutboxMaxBytes = 256 << 10
	o.Limits.WriteTimeout = 300 * time.Millisecond
	everyProgress(o)
}

// addFlood adds a tool that tells of its progress until it cannot; the channel gets the reason.
func addFlood(r *running) <-chan error {
	ended := make(chan error, 1)
	text := strings.Repeat("x", 32<<10)
	server.AddTool(r.Server, mcp.Tool{Name: "flood"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			for i := 0; ; i++ {
				p := mcp.ProgressNotificationParams{Progress: float64(i), Message: text}
				if err := req.NotifyProgress(ctx, p); err != nil {
					ended <- err
					return "", err
				}
			}
		})
	return ended
}

func floodCall() string {
	return strings.Replace(modernCall("1", "flood", "{}"), `"_meta":{`,
		`"_meta":{"progressToken":1,`, 1)
}

// A peer that reads its stream too slowly is cut, and the tool behind it stops.
func TestSlowReaderOfAStreamIsCut(t *testing.T) {
	r := start(t, smallOutbox)
	ended := addFlood(r)
	c, good := r.dialHTTP(), r.dialHTTP()
	c.send(wirePost(floodCall()))
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the tool ended without a reason")
		}
	case <-time.After(patience):
		t.Fatal("the tool still floods")
	}
	a := good.exchange(wirePost(modernCall("1", "slow", `{"ms":0}`)))
	if a.StatusCode != 200 {
		t.Errorf("the good client got %s", a.Status)
	}
	eventually(t, "the slow reader is gone", func() bool {
		return r.metric("mcploop_calls_in_flight") == 0 && r.metric("mcploop_connections") <= 2
	})
	_, _ = io.Copy(io.Discard, c.r) // what was on its way; the end comes, cleanly or not
}
