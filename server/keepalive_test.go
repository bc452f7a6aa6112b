package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// An answer that streams is kept alive while its handler is silent, in both eras.
func TestStreamingAnswersAreKeptAlive(t *testing.T) {
	r := start(t, func(o *server.Options) { o.KeepAlive = 100 * time.Millisecond })
	one, two := r.addCounter("one"), r.addCounter("two")
	one <- 1
	two <- 1
	session := "Mcp-Session-Id:" + r.session("2025-06-18")
	legacy := r.feed(r.post(legacyProgressCall("1", "one"), session))
	modern := r.feed(r.post(strings.Replace(modernCall("2", "two", "{}"), `"_meta":{`,
		`"_meta":{"progressToken":"t",`, 1)))
	for _, f := range []*feed{legacy, modern} {
		for range 2 {
			for {
				line, err := f.r.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(line, ": keep-alive") {
					break
				}
			}
		}
	}
	close(one)
	close(two)
}

// The logs of all sessions together are bounded, and what a session held goes with it.
func TestReplayTotal(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Sessions.ReplayTotal = 200 })
	values := r.addCounter("count")
	for i := range 5 {
		values <- i + 1
	}
	close(values)
	id := r.session("2025-11-25")
	session := "Mcp-Session-Id:" + id
	all := r.text(r.post(legacyProgressCall("1", "count"), session))
	if !strings.Contains(all, "id: 1-6") {
		t.Errorf("the client itself gets all: %s", all)
	}
	if kept := r.metric("mcploop_replay_bytes"); kept == 0 || kept > 200 {
		t.Errorf("%v bytes are kept", kept)
	}
	if got := r.getStream(session, "Last-Event-ID:1-1"); got.StatusCode != 400 {
		t.Errorf("an event that has left the log: %s", got.Status)
	}
	r.request("DELETE", "/mcp", "", session)
	if kept := r.metric("mcploop_replay_bytes"); kept != 0 {
		t.Errorf("%v bytes are kept of a session that has ended", kept)
	}
}
