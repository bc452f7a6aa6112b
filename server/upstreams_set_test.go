package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// heldFake is a fake upstream that answers a call of hold when the test says so.
type heldFake struct {
	*fakeUpstream
	release chan struct{}
}

// startHeld offers the tools of names; a call whose arguments have a "hold" is held.
func startHeld(t *testing.T, names ...string) *heldFake {
	t.Helper()
	h := &heldFake{release: make(chan struct{})}
	var list []string
	for _, name := range names {
		list = append(list, `{"name":"`+name+`","inputSchema":{"type":"object"}}`)
	}
	h.fakeUpstream = startFake(t, func(c *fakeConn, m *fakeMessage) string {
		switch {
		case m.Method == "tools/list":
			return `{"tools":[` + strings.Join(list, ",") + `]}`
		case m.Method == "tools/call" && strings.Contains(string(m.Params), `"hold"`):
			go func() { // the connection is read on, so that its end is seen
				<-h.release
				c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, well(c, m)))
			}()
			return ""
		}
		return well(c, m)
	})
	t.Cleanup(func() {
		select {
		case <-h.release:
		default:
			close(h.release)
		}
	})
	return h
}

// named are the options of an upstream at a fake.
func named(name, addr string) gateway.Options {
	return gateway.Options{
		Name: name, BackoffMin: 10 * time.Millisecond,
		Client: client.Options{URL: "tcp://" + addr, Era: client.Legacy},
	}
}

// gatewayOf serves a gateway with these upstreams.
func gatewayOf(t *testing.T, list ...gateway.Options) *running {
	t.Helper()
	return start(t, func(o *server.Options) { o.DrainTimeout = patience },
		func(s *server.Server) {
			if _, err := s.SetUpstreams(list); err != nil {
				t.Fatal(err)
			}
		})
}

// holdCall makes a call that waits at the upstream, and returns the client's connection.
func (r *running) holdCall(f *heldFake, tool string) *peerConn {
	r.t.Helper()
	c := r.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyCall("1", tool, `{"hold":1}`))
	f.waitFor("tools/call")
	return c
}

// nextAnswer reads the next message that is no notification.
func (c *peerConn) nextAnswer() string {
	c.t.Helper()
	for {
		if got := c.read(); !strings.Contains(got, `"method":`) {
			return got
		}
	}
}

// wasAnswered reads the answer of a held call.
func (c *peerConn) wasAnswered(what string) {
	c.t.Helper()
	if got := c.nextAnswer(); !strings.Contains(got, `"structuredContent":{"hold":1}`) {
		c.t.Errorf("%s: got %s, want its answer", what, got)
	}
}

// TestUpstreamRemoved: its tools go at once, a call in flight is answered, then the connection
// ends and nothing of it is left in the metrics; another call is refused.
func TestUpstreamRemoved(t *testing.T) {
	fake := startHeld(t, "echo")
	g := gatewayOf(t, named("up", fake.addr), named("other", startFake(t, well).addr))
	g.has("up__echo", true)
	g.has("other__echo", true)
	c := g.holdCall(fake, "up__echo")
	if err := g.RemoveUpstream("up"); err != nil {
		t.Fatal(err)
	}
	g.has("up__echo", false)
	if got := g.text(g.post(modernCall("1", "up__echo", "{}"))); code(got) != -32602 {
		t.Errorf("got %s, want an unknown tool", got)
	}
	var metrics strings.Builder
	g.WriteMetrics(&metrics)
	if text := metrics.String(); strings.Contains(text, `upstream="up"`) ||
		strings.Contains(text, `tool="up__echo"`) {
		t.Errorf("metrics of the removed upstream are left:\n%s", text)
	}
	close(fake.release)
	c.wasAnswered("a call that was in flight")
	eventually(t, "its connection has ended", func() bool { return fake.open() == 0 })
	g.has("other__echo", true)
	if err := g.RemoveUpstream("up"); err == nil || !strings.Contains(err.Error(), `"up"`) {
		t.Errorf("got %v, want that there is none of that name", err)
	}
}

// TestUpstreamRemovedInTime: calls that take longer than the drain are cut.
func TestUpstreamRemovedInTime(t *testing.T) {
	fake := startHeld(t, "echo")
	g := start(t, func(o *server.Options) { o.DrainTimeout = 50 * time.Millisecond },
		func(s *server.Server) {
			if err := s.AddUpstream(named("up", fake.addr)); err != nil {
				t.Fatal(err)
			}
		})
	g.has("up__echo", true)
	c := g.holdCall(fake, "up__echo")
	if err := g.RemoveUpstream("up"); err != nil {
		t.Fatal(err)
	}
	if got := c.nextAnswer(); code(got) != -31002 || !strings.Contains(got, `"upstream":"up"`) {
		t.Errorf("got %s, want that the upstream has gone", got)
	}
	g.logs("ends with calls in flight")
}

// TestUpstreamReplaced: the new one takes over when it is ready, and not before; the call in flight
// at the old one is answered there. Clients see no moment without the tool.
func TestUpstreamReplaced(t *testing.T) {
	old, next := startHeld(t, "echo", "gone"), startHeld(t, "echo", "fresh")
	gate := make(chan struct{})
	answer := next.answer
	next.fakeUpstream = startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/list" {
			<-gate
		}
		return answer(c, m)
	})
	g := gatewayOf(t, named("up", old.addr))
	g.has("up__gone", true)
	c := g.holdCall(old, "up__echo")
	if err := g.UpdateUpstream(named("up", next.addr)); err != nil {
		t.Fatal(err)
	}
	next.waitFor("tools/list")
	if got := g.metric(`mcploop_upstream_following{upstream="up"}`); got != 1 {
		t.Errorf("got %v on their way, want 1", got)
	}
	if got := g.text(g.post(modernCall("1", "up__gone", `{"a":1}`))); code(got) != 0 {
		t.Errorf("got %s while the new one is not ready", got)
	}
	close(gate)
	g.has("up__fresh", true)
	g.has("up__gone", false)
	g.has("up__echo", true)
	if got := g.text(g.post(modernCall("1", "up__echo", `{"a":1}`))); code(got) != 0 {
		t.Errorf("got %s", got)
	}
	next.waitFor("tools/call")
	if got := g.metric(`mcploop_upstream_leaving{upstream="up"}`); got != 1 {
		t.Errorf("got %v that leave, want 1", got)
	}
	if old.open() == 0 {
		t.Error("the old one was cut with a call in flight")
	}
	close(old.release)
	c.wasAnswered("a call at the old one")
	eventually(t, "the old one has ended", func() bool { return old.open() == 0 })
	if got := g.metric(`mcploop_upstream_calls_total{upstream="up"}`); got != 3 {
		t.Errorf("got %v calls counted, want those of both: 3", got)
	}
	if got := g.metric(`mcploop_upstream_in_flight{upstream="up"}`); got > 1 {
		t.Errorf("got %v in flight after all were answered", got)
	}
}

// TestUpstreamRetuned: other patterns and names are taken over by the upstream that runs. What is
// denied has gone when the change returns; the connection and the call in flight stay.
func TestUpstreamRetuned(t *testing.T) {
	fake := startHeld(t, "echo", "write")
	opt := named("up", fake.addr)
	g := gatewayOf(t, opt)
	g.has("up__write", true)
	c := g.holdCall(fake, "up__echo")
	retune := func(change func(*gateway.Options)) {
		t.Helper()
		next := opt
		change(&next)
		if err := g.UpdateUpstream(next); err != nil {
			t.Fatal(err)
		}
	}
	retune(func(o *gateway.Options) { o.Deny = []string{"wr*"} })
	if got := g.text(g.post(modernCall("1", "up__write", "{}"))); code(got) != -32602 {
		t.Errorf("got %s, want the denied tool gone", got)
	}
	if f, _ := g.explained("up__write"); f.Status != "denied" {
		t.Errorf("got %+v", f)
	}
	retune(func(o *gateway.Options) { o.Rename = map[string]string{"write": "put"} })
	g.has("up__put", true)
	retune(func(o *gateway.Options) { o.Allow = []string{"echo"} })
	g.has("up__put", false)
	g.has("up__echo", true)
	if err := g.UpdateUpstream(gateway.Options{
		Name: "up", Allow: []string{"["}, Client: opt.Client, BackoffMin: opt.BackoffMin,
	}); err == nil {
		t.Error("a broken pattern was taken")
	}
	close(fake.release)
	c.wasAnswered("a call that was in flight")
	if n := fake.accepted(); n != 1 {
		t.Errorf("it was connected %d times, want once", n)
	}
}

// TestUpstreamReplacedProvider: one that is no server takes over when it has listed, too.
func TestUpstreamReplacedProvider(t *testing.T) {
	old := &fakeProvider{call: tells}
	g := provided(t, old, nil)
	g.has("up__do", true)
	next := &fakeProvider{call: tells, more: []gateway.Raw{
		{Name: "fresh", Raw: json.RawMessage(`{"name":"fresh","inputSchema":{"type":"object"}}`)},
	}}
	if err := g.UpdateUpstream(gateway.Options{Name: "up", Provider: next}); err != nil {
		t.Fatal(err)
	}
	g.has("up__fresh", true)
	eventually(t, "the old one is closed", old.closed.Load)
}

// TestUpstreamReplacedWhileDead: one that serves nobody gives way at once.
func TestUpstreamReplacedWhileDead(t *testing.T) {
	dead := named("up", "127.0.0.1:1")
	g := gatewayOf(t, dead)
	eventually(t, "it was tried", func() bool {
		return g.metric(`mcploop_upstream_starts_total{upstream="up"}`) > 0
	})
	if err := g.UpdateUpstream(named("up", startFake(t, well).addr)); err != nil {
		t.Fatal(err)
	}
	g.has("up__echo", true)
	starts := g.metric(`mcploop_upstream_starts_total{upstream="up"}`)
	if got := g.metric(`mcploop_upstream_up{upstream="up"}`); got != 1 {
		t.Errorf("got up %v after %v starts", got, starts)
	}
	if err := g.UpdateUpstream(named("nobody", "127.0.0.1:1")); err == nil {
		t.Error("an upstream that is not there was changed")
	}
}

// TestUpstreamReplacedAndBack: options that go back to what serves leave it as it is, and the one
// that was on its way ends.
func TestUpstreamReplacedAndBack(t *testing.T) {
	fake := startFake(t, well)
	silent := startFake(t, silentAt("tools/list"))
	third := startFake(t, silentAt("initialize"))
	g := gatewayOf(t, named("up", fake.addr))
	g.has("up__echo", true)
	for _, addr := range []string{silent.addr, third.addr, fake.addr} {
		if err := g.UpdateUpstream(named("up", addr)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "those on their way have ended", func() bool {
		return silent.open()+third.open() == 0
	})
	if got := fake.accepted(); got != 1 {
		t.Errorf("the one that serves was connected %d times, want once", got)
	}
	g.has("up__echo", true)
}

// TestSetUpstreams tells what was added, removed, changed and kept; kept ones keep their connection
// and their call in flight. A list with a fault changes nothing.
func TestSetUpstreams(t *testing.T) {
	kept, removed := startHeld(t, "echo"), startFake(t, well)
	changed, added := startFake(t, well), startFake(t, well)
	g := gatewayOf(t, named("kept", kept.addr), named("removed", removed.addr),
		named("changed", changed.addr))
	for _, name := range []string{"kept", "removed", "changed"} {
		g.has(name+"__echo", true)
	}
	c := g.holdCall(kept, "kept__echo")
	other := named("changed", changed.addr)
	other.Client.InFlightMax = 7
	want := []gateway.Options{named("added", added.addr), named("kept", kept.addr), other}
	broken := append(slices.Clone(want), named("bad name", added.addr), named("kept", kept.addr))
	_, err := g.SetUpstreams(broken)
	for _, part := range []string{`"bad name"`, `two upstreams named "kept"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %s in it", err, part)
		}
	}
	if added.accepted() != 0 {
		t.Error("an upstream of a list with faults was connected to")
	}
	got, err := g.SetUpstreams(want)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(got)
	if string(text) != `{"added":["added"],"removed":["removed"],"changed":["changed"],`+
		`"kept":["kept"]}` {
		t.Errorf("got %s", text)
	}
	g.has("added__echo", true)
	g.has("removed__echo", false)
	g.has("kept__echo", true)
	eventually(t, "the limit of the new one counts", func() bool {
		return g.metric(`mcploop_upstream_in_flight_max{upstream="changed"}`) == 7
	})
	close(kept.release)
	c.wasAnswered("a call at the one that was kept")
	if n := kept.accepted(); n != 1 {
		t.Errorf("the kept one was connected %d times, want once", n)
	}
	eventually(t, "the others' old connections have ended", func() bool {
		return removed.open() == 0 && changed.open() == 1
	})
}
