package server_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server/gateway"
)

// harmlessRole misbehaves as the rest of it says, in a tool that may run twice.
const harmlessRole = "harmless "

// toolsOf is what a child lists that misbehaves so.
func toolsOf(how string) string {
	if !strings.HasPrefix(how, harmlessRole) {
		return fakeTools
	}
	return strings.Replace(fakeTools, `"name"`, `"annotations":{"readOnlyHint":true},"name"`, 1)
}

// TestUpstreamCrashIsToldAtOnce: a call that could be made once more does not wait for a child
// whose next start is far away, nor for one that does not come up. In neither case is there
// anything else that would end the call: no start comes, or none ends, before the test gives up.
func TestUpstreamCrashIsToldAtOnce(t *testing.T) {
	f := func(name string, starts float64, change func(t *testing.T, o *gateway.Options)) {
		t.Run(name, func(t *testing.T) {
			for _, share := range []gateway.Share{gateway.ShareAll, gateway.ShareSession} {
				g := beside(t, func(o *gateway.Options) {
					misbehaving(harmlessRole + "dies")(o)
					o.StartTimeout = time.Hour // with BackoffMin, so that neither is what ends it
					o.Share = share
					change(t, o)
				})
				g.has("sick__echo", true)
				before := g.ofSick("starts_total")
				got := g.callSick()
				if code(got) != -31002 || !strings.Contains(got, "has gone") {
					t.Errorf("share %v: got %s, want -31002 and that it has gone", share, got)
				}
				if n := g.ofSick("retried_total"); n != 1 {
					t.Errorf("share %v: %v calls were to be sent again, want 1", share, n)
				}
				// The first of a client of its own is one of them.
				own := map[gateway.Share]float64{gateway.ShareSession: 1}[share]
				if n := g.ofSick("starts_total") - before - own; n > starts {
					t.Errorf("share %v: %v starts since, want at most %v", share, n, starts)
				}
				g.unharmed()
			}
		})
	}
	f("a long pause", 0, func(_ *testing.T, o *gateway.Options) {
		o.BackoffMin, o.BackoffMax = time.Hour, time.Hour
	})
	f("a start without end", 1, func(t *testing.T, o *gateway.Options) {
		// The first process of all, and the first of a client's own, are well.
		well := 1
		if o.Share == gateway.ShareSession {
			well = 2
		}
		count := filepath.Join(t.TempDir(), "starts")
		o.Client.Command = []string{"/bin/sh", "-c", fmt.Sprintf(
			`echo >>%s; [ $(wc -l <%[1]s) -gt %d ] && exec sleep 600; exec "$0"`, count, well,
		), o.Client.Command[0]}
	})
}
