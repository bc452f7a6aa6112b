package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// apart serves a gateway whose clients have instances of their own.
func apart(
	t *testing.T, fake *fakeUpstream, share gateway.Share, change func(*gateway.Options),
) *running {
	t.Helper()
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy}
		o.Share = share
		if change != nil {
			change(o)
		}
	})
	g.has("up__echo", true)
	return g
}

// asks calls the tool over HTTP and returns the text of the result.
func (r *running) asks(headers ...string) string {
	r.t.Helper()
	text := r.text(r.post(modernCall("1", "up__echo", "{}"), headers...))
	_, text, _ = strings.Cut(text, `"text":"`)
	text, _, _ = strings.Cut(text, `"`)
	return text
}

// TestUpstreamSharePrincipal: clients with the same credentials share an instance, others have
// another one, and nobody has the one that lists.
func TestUpstreamSharePrincipal(t *testing.T) {
	fake := startFake(t, whichConn)
	g := apart(t, fake, gateway.SharePrincipal, nil)
	anna, ben := "Authorization:Bearer anna", "Authorization:Bearer ben"
	of := map[string]string{}
	for range 3 {
		for _, who := range []string{anna, ben, "X-Nobody:1"} {
			got := g.asks(who)
			if !strings.HasPrefix(got, "by ") || of[who] != "" && of[who] != got {
				t.Errorf("%s was answered by %q, before that by %q", who, got, of[who])
			}
			of[who] = got
		}
	}
	if of[anna] == of[ben] || of[anna] == of["X-Nobody:1"] || of[ben] == of["X-Nobody:1"] {
		t.Errorf("clients share instances: %v", of)
	}
	c := g.dialTCP() // without credentials, too
	c.initialize("2025-11-25")
	if got := c.ask(legacyCall("1", "up__echo", "{}")); !strings.Contains(got, of["X-Nobody:1"]) {
		t.Errorf("got %s, want it %s", got, of["X-Nobody:1"])
	}
	if n, all := fake.open(), g.ofUp("instances"); n != 4 || all != 4 {
		t.Errorf("%d connections, %v instances, want 3 and one that lists", n, all)
	}
	for _, metric := range []string{"client_instances", "client_instances_max"} {
		if want := map[string]float64{
			"client_instances": 3, "client_instances_max": 64,
		}[metric]; g.ofUp(metric) != want {
			t.Errorf("%s is %v, want %v", metric, g.ofUp(metric), want)
		}
	}
}

// TestUpstreamShareSession: each legacy session has an instance of its own, over every kind of
// door, which ends with it.
func TestUpstreamShareSession(t *testing.T) {
	fake := startFake(t, whichConn)
	g := apart(t, fake, gateway.ShareSession, nil)
	of := map[string]bool{}
	a, b := g.dialTCP(), g.dialTCP()
	for _, c := range []*peerConn{a, b} {
		c.initialize("2025-11-25")
		first := c.ask(legacyCall("1", "up__echo", "{}"))
		if second := c.ask(legacyCall("1", "up__echo", "{}")); first != second {
			t.Errorf("a session was answered by %s and by %s", first, second)
		}
		of[first] = true
	}
	id := g.session("2025-11-25")
	got := g.text(g.post(legacyCall("1", "up__echo", "{}"), "Mcp-Session-Id:"+id))
	_, text, _ := strings.Cut(got, `"result"`)
	of[text] = true
	of[g.asks()] = true // a modern client is its principal
	if len(of) != 4 || fake.open() != 5 {
		t.Errorf("answered by %v on %d connections, want 4 on 5", of, fake.open())
	}
	a.Close()
	eventually(t, "its instance ends with the connection", func() bool { return fake.open() == 4 })
	if resp := g.deletes(id); resp != http.StatusNoContent {
		t.Errorf("DELETE: %d", resp)
	}
	eventually(t, "its instance ends with the session", func() bool { return fake.open() == 3 })
	if n := g.ofUp("instances_ended_total"); n != 2 {
		t.Errorf("%v instances have ended, want 2", n)
	}
	if got := b.ask(legacyCall("1", "up__echo", "{}")); !strings.Contains(got, "by ") {
		t.Errorf("another session got %s", got)
	}
}

// TestUpstreamInstancesMax: one client too many is refused, with the cure, until an instance ends
// that nobody uses.
func TestUpstreamInstancesMax(t *testing.T) {
	fake := startFake(t, whichConn)
	g := apart(t, fake, gateway.SharePrincipal, func(o *gateway.Options) {
		o.InstancesMax, o.InstanceIdle = 2, time.Hour
	})
	f := func(who string) string {
		return g.text(g.post(modernCall("1", "up__echo", "{}"), "Authorization:Bearer "+who))
	}
	f("anna")
	f("ben")
	got := f("carl")
	if code(got) != -31000 || !strings.Contains(got, "raise instances_max") {
		t.Errorf("got %s, want a refusal that names the cure", got)
	}
	if got := f("anna"); !strings.Contains(got, "by ") {
		t.Errorf("a client that has an instance got %s", got)
	}
}

// TestUpstreamInstanceIdle: an instance of a client that calls nothing ends; its next call makes
// another one.
func TestUpstreamInstanceIdle(t *testing.T) {
	fake := startFake(t, whichConn)
	g := apart(t, fake, gateway.SharePrincipal, func(o *gateway.Options) {
		o.InstanceIdle = 40 * time.Millisecond
	})
	first := g.asks()
	eventually(t, "it ends", func() bool {
		return fake.open() == 1 && g.ofUp("client_instances") == 0
	})
	if again := g.asks(); !strings.HasPrefix(again, "by ") || again == first {
		t.Errorf("got %q after %q", again, first)
	}
}

// TestUpstreamCallsWaitForAnInstance: calls of a client whose instance is being made wait for it,
// in bounds, and all of them are answered, when it is ready or when it is not to be had.
func TestUpstreamCallsWaitForAnInstance(t *testing.T) {
	f := func(name string, answered bool) {
		t.Run(name, func(t *testing.T) {
			var begun atomic.Int32
			var well atomic.Bool
			type question struct {
				c *fakeConn
				m *fakeMessage
			}
			opening := make(chan question, 100)
			fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
				if m.Method == "initialize" && begun.Add(1) > 1 && !well.Load() {
					opening <- question{c, m}
					return ""
				}
				return whichConn(c, m)
			})
			g := apart(t, fake, gateway.ShareSession, func(o *gateway.Options) {
				o.Client.InFlightMax = 10
				if !answered {
					o.StartTimeout = 200 * time.Millisecond
				}
			})
			c := g.dialTCP()
			c.initialize("2025-11-25")
			for id := range 11 {
				c.line(legacyCall(fmt.Sprint(id), "up__echo", "{}"))
			}
			q := wait(t, "an instance is made", opening)
			if got := c.read(); code(got) != -31000 {
				t.Errorf("got %s, want that too many wait", got)
			}
			if answered {
				q.c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.m.ID,
					fakeInitialize))
			}
			for range 10 {
				got := c.read()
				if answered && !strings.Contains(got, "by ") || !answered && code(got) != -31002 &&
					code(got) != -31001 {
					t.Errorf("got %s", got)
				}
			}
			if answered {
				return
			}
			eventually(t, "a call is told when to try again", func() bool { // or is the next try
				got := c.ask(legacyCall("20", "up__echo", "{}"))
				return strings.Contains(got, `"retryAfterMs"`) && strings.Contains(got, "waiting")
			})
			well.Store(true)
			eventually(t, "it is made when a call wants it", func() bool {
				return strings.Contains(c.ask(legacyCall("21", "up__echo", "{}")), "by ")
			})
		})
	}
	f("answered", true)
	f("silent", false)
}

// TestUpstreamSessionForEachPrincipal: a legacy upstream over HTTP has a session for each.
func TestUpstreamSessionForEachPrincipal(t *testing.T) {
	var opened, calls atomic.Int64
	var forget atomic.Bool
	url := sessionServer(t, &opened, &calls, &forget)
	g := behind(t, func(o *gateway.Options) {
		o.Client, o.Share = client.Options{URL: url, Era: client.Legacy}, gateway.SharePrincipal
	})
	g.has("up__echo", true)
	f := func(who, args string) {
		got := g.text(g.post(modernCall("1", "up__echo", args), "Authorization:Bearer "+who))
		if !strings.Contains(got, args) {
			t.Errorf("%s got %s, want %s", who, got, args)
		}
	}
	for range 3 {
		f("anna", `{"a":1}`)
		f("ben", `{"a":1}`)
	}
	if opened.Load() != 3 || calls.Load() != 6 {
		t.Errorf("%d calls ran in %d sessions, want 6 in 2, and one that lists", calls.Load(),
			opened.Load())
	}
	forget.Store(true) // both sessions; each call goes to a new one of its own principal
	f("anna", `{"a":2}`)
	f("ben", `{"a":2}`)
}

// TestUpstreamBusyIsNotLost: an upstream that can take no call more is asked for its lists, and
// keeps its connection and the calls on it.
func TestUpstreamBusyIsNotLost(t *testing.T) {
	held := make(chan func(), 3)
	var listed atomic.Int64
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/list" {
			listed.Add(1)
		}
		if m.Method != "tools/call" {
			return well(c, m)
		}
		held <- func() {
			c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, well(c, m)))
		}
		return ""
	})
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy, InFlightMax: 3}
		o.Refresh = 5 * time.Millisecond
	})
	g.has("up__echo", true)
	c := g.dialTCP()
	c.initialize("2025-11-25")
	var answers []func()
	for id := range 3 {
		c.line(legacyCall(fmt.Sprint(id), "up__echo", "{}"))
		answers = append(answers, wait(t, "the call is with the upstream", held))
	}
	before := listed.Load()
	eventually(t, "it is asked for its lists all the same", func() bool {
		return listed.Load() > before+2
	})
	for range 10 { // the upstream is looked after meanwhile
		if got := g.text(g.post(modernCall("9", "up__echo", "{}"))); code(got) != -31000 {
			t.Errorf("got %s", got)
		}
	}
	for _, answer := range answers {
		answer()
		if got := c.read(); !strings.Contains(got, `"structuredContent":{}`) {
			t.Errorf("got %s", got)
		}
	}
	if n := g.ofUp("starts_total"); n != 1 {
		t.Errorf("it was connected %v times, want once", n)
	}
}
