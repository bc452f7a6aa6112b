package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// A flood of sessions that nobody deletes: there are never more than the limit, the idle-oldest
// make room, those at work stay, what cannot be served is refused in so many words, and all the
// others are served meanwhile (the canary).
func TestFaultSessionFlood(t *testing.T) {
	const most, working = 1000, 20
	r := start(t, func(o *server.Options) {
		o.Sessions = server.Sessions{Max: most, IdleTTL: 1500 * time.Millisecond, Sweep: time.Hour}
	})
	r.watch()
	at := make([]string, working)
	for i := range at {
		at[i] = r.session(latestLegacy)
	}
	before := heapBytes()
	opened, refused := 0, 0
	c, worker := r.dialHTTP(), r.dialHTTP()
	const piece = 200
	wire := strings.Repeat(wirePost(initializeBody), piece)
	for sent := 0; sent < floodSessions || opened < most+most/2; sent += piece {
		_ = c.SetDeadline(time.Now().Add(patience))
		go func() { _, _ = io.WriteString(c.Conn, wire) }()
		for range piece {
			switch a := c.answer("POST"); {
			case a.StatusCode == http.StatusOK && a.Header.Get("Mcp-Session-Id") != "":
				opened++
			case a.StatusCode == http.StatusServiceUnavailable && code(a.body) == -31000:
				refused++
			default:
				t.Fatalf("initialize: %s %s", a.Status, a.body)
			}
		}
		if n := r.value("mcploop_sessions"); n > most {
			t.Fatalf("%v sessions; the limit is %d", n, most)
		}
		for _, id := range at {
			a := worker.exchange(wirePost(legacyPing, "Mcp-Session-Id: "+id))
			if a.StatusCode != http.StatusOK {
				t.Fatalf("a session at work is gone after %d others: %s", opened, a.Status)
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: the flood never reached the limit")
	}
	if n := r.value("mcploop_sessions"); n != most {
		t.Errorf("%v sessions are left; want %d", n, most)
	}
	// At rest a session takes 4 KB at most; what is at work beside has its share.
	if grown := int64(heapBytes()) - int64(before); grown > most*4<<10 {
		t.Errorf("%d opened and %d refused sessions took %d bytes", opened, refused, grown)
	}
}
