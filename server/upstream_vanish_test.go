package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// vanish makes the newest connection one whose peer is there no more, without a word.
func (f *fakeUpstream) vanish() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	(&peerConn{Conn: f.conns[len(f.conns)-1], t: f.t}).vanish()
}

// TestUpstreamVanishes: calls of an upstream whose machine is gone end by their time, and it is
// connected to anew long before its lists are asked for, or the kernel gives the connection up.
func TestUpstreamVanishes(t *testing.T) {
	fake := startFake(t, well)
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy}
		o.Timeout, o.Refresh = 200*time.Millisecond, time.Hour
		o.BreakerFailures = -1
	})
	g.has("sick__echo", true)
	fake.vanish()
	c := g.dialTCP()
	c.initialize("2025-11-25")
	for id := range 20 {
		c.line(legacyCall(fmt.Sprint(id), "sick__echo", "{}"))
	}
	seen := map[string]bool{}
	for range 20 {
		got := c.read()
		if seen[replyID(got)] = true; code(got) != -31001 {
			t.Errorf("got %s, want -31001", got)
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d of 20 calls were answered", len(seen))
	}
	eventually(t, "it serves again", func() bool {
		g.unharmed()
		got := g.callSick()
		if strings.Contains(got, `"structuredContent":{}`) {
			return true
		}
		if code(got) != -31001 && code(got) != -31002 {
			t.Errorf("got %s", got)
		}
		return false
	})
	if n := fake.accepted(); n != 2 {
		t.Errorf("%d connections, want one more", n)
	}
}
