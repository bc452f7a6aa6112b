package server_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestShareCallAsksTheRightClient: with an instance for each call every question of a legacy
// upstream reaches its client, also where clients have neither sessions nor credentials; there are
// no more instances than may be, and calls wait for them.
func TestShareCallAsksTheRightClient(t *testing.T) {
	up := start(t, nil, addAskers)
	const clients, each, most = 8, 10, 3
	for _, door := range []string{"tcp legacy", "unix", "sse"} {
		t.Run(door, func(t *testing.T) {
			g := behind(t, func(o *gateway.Options) {
				o.Client, o.Share, o.InstancesMax = up.doors()[door], gateway.ShareCall, most
			})
			g.has("up__ask_twice", true)
			var all sync.WaitGroup
			for n := range clients {
				opt := client.Options{URL: "http://" + g.http + "/mcp", Era: client.Era(1 + n%2)}
				who := fmt.Sprint("user", n)
				c := g.client(person(who, opt))
				all.Go(func() {
					for range each {
						if got := tool(t, c, "up__ask_twice", nil); got != who+" has 1 roots" {
							t.Errorf("%s got %q", who, got)
						}
					}
				})
			}
			all.Wait()
			for metric, want := range map[string]float64{
				"asks_refused_total": 0, "calls_failed_total": 0, "client_instances": most,
				"client_instances_max": most, "instances": most + 1, "held": 0,
			} {
				if got := g.ofUp(metric); got != want {
					t.Errorf("%s is %v, want %v", metric, got, want)
				}
			}
		})
	}
}

// leases is a gateway with one instance for calls, of an upstream that answers a call with "hold"
// when the channel is closed.
func leases(t *testing.T, change func(*gateway.Options)) (*running, *heldFake) {
	t.Helper()
	fake := startHeld(t, "echo")
	opt := named("up", fake.addr)
	opt.Share, opt.InstancesMax = gateway.ShareCall, 1
	if change != nil {
		change(&opt)
	}
	g := gatewayOf(t, opt)
	g.has("up__echo", true)
	return g, fake
}

// TestShareCallWaits: a call waits until an instance is free, so many do, and one that was given up
// meanwhile is not sent.
func TestShareCallWaits(t *testing.T) {
	g, fake := leases(t, func(o *gateway.Options) { o.Client.InFlightMax = 2 })
	first := g.holdCall(fake, "up__echo")
	c := g.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyCall("2", "up__echo", `{"n":2}`))
	c.line(legacyCall("3", "up__echo", `{"n":3}`))
	wantIn(t, c.ask(legacyCall("4", "up__echo", `{"n":4}`)), `"id":4`, "-31000")
	c.line(legacyLine("", "notifications/cancelled", `"requestId":2`))
	wantIn(t, c.ask(`{"jsonrpc":"2.0","id":9,"method":"ping"}`), `"id":9`)
	close(fake.release)
	first.wasAnswered("the call that had the instance")
	wantIn(t, c.read(), `"id":3`, `{"n":3}`)
	if got := g.ofUp("calls_total"); got != 2 {
		t.Errorf("%v calls were sent, want 2", got)
	}
}

// TestShareCallIsLost: when an instance goes its call fails, and who waits gets another one.
func TestShareCallIsLost(t *testing.T) {
	g, fake := leases(t, nil)
	first := g.holdCall(fake, "up__echo")
	c := g.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyCall("2", "up__echo", `{"n":2}`))
	wantIn(t, c.ask(`{"jsonrpc":"2.0","id":9,"method":"ping"}`), `"id":9`)
	fake.cutLast()
	if got := first.nextAnswer(); code(got) != -31002 {
		t.Errorf("got %s, want that the connection was lost", got)
	}
	wantIn(t, c.nextAnswer(), `"id":2`, `{"n":2}`)
}

// TestShareCallIsCut: over HTTP the end of a call's own connection is not that of its instance,
// which the next calls use.
func TestShareCallIsCut(t *testing.T) {
	w := startWeb(t, cuts)
	g := besideWeb(t, w, func(o *gateway.Options) {
		o.Share, o.InstancesMax = gateway.ShareCall, 1
	})
	for range 3 {
		g.fails("bad", 1, -31002, "gone")
		g.succeeds("good")
		g.succeeds("good")
	}
	const starts = `mcploop_upstream_starts_total{upstream="sick"}`
	if got := g.metric(starts); got != 2 {
		t.Errorf("it was connected %v times, want 2: for the lists, and for the calls", got)
	}
}

// TestShareCallSessionLost: a call whose instance's session was forgotten keeps the instance and is
// sent once more in another session; those that wait for it come next.
func TestShareCallSessionLost(t *testing.T) {
	var opened, calls atomic.Int64
	var forget atomic.Bool
	url := sessionServer(t, &opened, &calls, &forget)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: url, Era: client.Legacy}
		o.Share, o.InstancesMax = gateway.ShareCall, 1
	})
	g.has("up__echo", true)
	c := g.dialTCP()
	c.initialize("2025-11-25")
	wantIn(t, c.ask(legacyCall("1", "up__echo", `{"n":0}`)), `{"n":0}`)
	const rounds, each = 3, 4
	for n := range rounds {
		forget.Store(true)
		for id := range each {
			c.line(legacyCall(fmt.Sprint(id), "up__echo", fmt.Sprintf(`{"n":%d%d}`, 1+n, id)))
		}
		for id := range each {
			wantIn(t, c.nextAnswer(), fmt.Sprintf(`{"n":%d%d}`, 1+n, id))
		}
	}
	if calls.Load() != 1+rounds*each || opened.Load() != 2+rounds {
		t.Errorf("%d calls ran in %d sessions, want %d in %d",
			calls.Load(), opened.Load(), 1+rounds*each, 2+rounds)
	}
	for metric, want := range map[string]float64{
		"calls_repeated_total": rounds, "starts_total": 2,
	} {
		if got := g.ofUp(metric); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
}

// TestShareCallEnds: calls that wait are answered when the upstream ends.
func TestShareCallEnds(t *testing.T) {
	g, fake := leases(t, nil)
	g.holdCall(fake, "up__echo")
	c := g.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyCall("2", "up__echo", `{"n":2}`))
	wantIn(t, c.ask(`{"jsonrpc":"2.0","id":9,"method":"ping"}`), `"id":9`)
	if err := g.Adjust(server.Adjustable{DrainTimeout: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if err := g.RemoveUpstream("up"); err != nil {
		t.Fatal(err)
	}
	if got := c.nextAnswer(); replyID(got) != "2" || code(got) != -31002 {
		t.Errorf("got %s, want that the upstream has ended", got)
	}
}

// TestShareCallCools: an instance whose call was given up is not used while there may be another
// one, since its server may still ask; when it has to be, its question comes to nobody else.
func TestShareCallCools(t *testing.T) {
	up := start(t, nil, addAskers)
	for most, want := range map[int]string{1: "share: call", 2: "accept Bob"} {
		g := behind(t, func(o *gateway.Options) {
			o.Client, o.Share, o.InstancesMax = up.doors()["tcp legacy"], gateway.ShareCall, most
		})
		g.has("up__ask_name", true)
		c := g.dialTCP()
		c.initializeWith("2025-11-25", everyCapability)
		wantIn(t, c.ask(legacyCall("1", "up__ask_name", "{}")), "elicitation/create")
		c.line(legacyLine("", "notifications/cancelled", `"requestId":1`))
		eventually(t, "the call has ended", func() bool { return g.ofUp("held") == 0 })
		bob := person("Bob", client.Options{URL: "http://" + g.http + "/mcp"})
		if got := tool(t, g.client(bob), "up__ask_name", nil); !strings.Contains(got, want) {
			t.Errorf("%d instances: got %s, want %s", most, got, want)
		}
	}
}
