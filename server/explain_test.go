package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// explained asks for a name and wants one finding.
func (r *running) explained(name string) (server.Finding, *server.Explanation) {
	r.t.Helper()
	x := r.Explain(name)
	if len(x.Found) != 1 {
		text, _ := json.MarshalIndent(x, "", " ")
		r.t.Fatalf("%s: got %d findings, want 1:\n%s", name, len(x.Found), text)
	}
	return x.Found[0], x
}

// TestExplainOffered: by each of its names; with where it is seen, what it cost and what its
// upstream is doing.
func TestExplainOffered(t *testing.T) {
	opt := named("up", startHeld(t, "echo", "find it", "plain").addr)
	opt.Rename = map[string]string{"plain": "fancy"}
	g := gatewayOf(t, opt)
	g.has("up__echo", true)
	for range 3 {
		g.text(g.post(modernCall("1", "up__echo", "{}")))
	}
	for _, name := range []string{"up__echo", "echo"} {
		found := g.Explain(name).Found
		f := found[len(found)-1] // the test server has an echo of its own
		if f.Status != server.StatusOffered || f.Own != "echo" || f.Upstream != "up" ||
			f.Names["/mcp"] != "up__echo" || f.Names["/mcp/up"] != "echo" || f.Calls != 3 ||
			f.P50Ms <= 0 || f.P99Ms < f.P50Ms {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	for _, name := range []string{"up__find it", "find it", "up__find_it", "find_it"} {
		if f, _ := g.explained(name); f.Own != "find it" || !strings.Contains(f.Why, "renamed") {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	for _, name := range []string{"up__fancy", "plain", "up__plain", "fancy"} {
		if f, _ := g.explained(name); f.Names["/mcp"] != "up__fancy" {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	for _, view := range []server.ViewOptions{
		{Name: "all"},
		{Name: "denied", Deny: []string{"ec*"}},
		{Name: "some", Allow: []string{"x"}},
		{Name: "others", Upstreams: []string{"other"}},
	} {
		if err := g.AddView(view); err != nil {
			t.Fatal(err)
		}
	}
	f, x := g.explained("up__echo")
	if f.Names["/mcp/all"] != "echo" || f.Hidden["/mcp/denied"] != `its deny has "ec*"` ||
		!strings.Contains(f.Hidden["/mcp/some"], `its allow has ["x"]`) ||
		f.Hidden["/mcp/others"] != "it does not have upstream up" || len(f.Hidden) != 3 {
		t.Errorf("got %+v", f)
	}
	up := x.Upstreams[0]
	if up.State != "ready" || up.Calls != 3 || up.Server != "fake 1" || up.Tools != 3 ||
		!strings.HasPrefix(up.Target, "tcp://") || up.LastError != "" || up.InFlightMax != 4096 {
		t.Errorf("got %+v", up)
	}
	if found := g.Explain("echo").Found; found[0].Upstream != "" ||
		!strings.Contains(found[0].Why, "own") {
		t.Errorf("got %+v, want the server's own", found)
	}
}

// TestExplainNotOffered: what keeps a tool out is told with what decided it.
func TestExplainNotOffered(t *testing.T) {
	opt := named("up", startHeld(t, "read", "read_all", "write", "").addr)
	opt.Allow, opt.Deny = []string{"read*"}, []string{"*_all"}
	g := gatewayOf(t, opt)
	g.has("up__read", true)
	f := func(name, status, why string) {
		t.Helper()
		if got, _ := g.explained(name); got.Status != status || !strings.Contains(got.Why, why) {
			t.Errorf("%s: got %q, %q, want %q, %q", name, got.Status, got.Why, status, why)
		}
	}
	f("read_all", "denied", `deny has "*_all"`)
	f("up__read_all", "denied", `deny has "*_all"`)
	f("write", "not allowed", `allow has ["read*"]`)
	f("up__read", server.StatusOffered, "")
	x := g.Explain("up")
	if len(x.Upstreams) != 1 || len(x.Found) < 2 || x.Upstreams[0].NotOffered != len(x.Found) {
		t.Errorf("the upstream as a whole: got %+v", x)
	}
}

// TestExplainUnfit: a tool whose definition cannot be used.
func TestExplainUnfit(t *testing.T) {
	g := provided(t, &fakeProvider{call: tells, more: []gateway.Raw{
		{Name: "unfit", Raw: json.RawMessage(`{"name":"unfit","inputSchema":{"type":"object",` +
			`"properties":{"a":{"type":"string","x-mcp-header":"no header"}}}}`)},
	}}, nil)
	g.has("up__do", true)
	f, _ := g.explained("up__unfit")
	if f.Status != "left out" || !strings.Contains(f.Why, "no header") {
		t.Errorf("got %+v", f)
	}
}

// TestExplainWithdrawn: an upstream that stays away takes its tools along, and the reason is told
// as long as it is away.
func TestExplainWithdrawn(t *testing.T) {
	fake := startFake(t, well)
	opt := named("up", fake.addr)
	opt.Grace, opt.BackoffMin, opt.BackoffMax = time.Millisecond, time.Hour, time.Hour
	g := gatewayOf(t, opt)
	g.has("up__echo", true)
	fake.cut()
	g.has("up__echo", false)
	f, x := g.explained("up__echo")
	if f.Status != "withdrawn" || !strings.Contains(f.Why, "grace of 1ms") {
		t.Errorf("got %+v", f)
	}
	up := x.Upstreams[0]
	if up.State != "waiting" || up.LostSince == "" || up.LastError == "" || up.RetryMs == 0 {
		t.Errorf("got %+v", up)
	}
}

// TestExplainTaken: two upstreams that want one name, and who has it.
func TestExplainTaken(t *testing.T) {
	one := named("a", startHeld(t, "b__c").addr)
	two := named("a__b", startHeld(t, "c").addr)
	g := gatewayOf(t, one)
	g.has("a__b__c", true)
	if err := g.AddUpstream(two); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second has listed", func() bool {
		return g.metric(`mcploop_upstream_tools{upstream="a__b"}`) == 1
	})
	x := g.Explain("a__b__c")
	if len(x.Found) != 2 || x.Found[0].Status != server.StatusOffered ||
		x.Found[1].Status != "left out" || x.Found[1].Taken["/mcp"] != "upstream a" ||
		x.Found[1].Names["/mcp/a__b"] != "c" {
		text, _ := json.MarshalIndent(x, "", " ")
		t.Errorf("got %s", text)
	}
}

// TestExplainBroken: a tool whose calls fail, with why the last one did, and its breaker.
func TestExplainBroken(t *testing.T) {
	opt := named("up", startFake(t, silentAt("tools/call")).addr)
	opt.Timeout, opt.BreakerFailures = 10*time.Millisecond, 2
	g := gatewayOf(t, opt)
	g.has("up__echo", true)
	for range 2 {
		if got := g.text(g.post(modernCall("1", "up__echo", "{}"))); code(got) != -31001 {
			t.Errorf("got %s, want a timeout", got)
		}
	}
	f, x := g.explained("up__echo")
	if f.Breaker != "open" || !strings.Contains(f.Why, "failed in a row") {
		t.Errorf("got %+v", f)
	}
	up := x.Upstreams[0]
	if !strings.Contains(up.LastFailure, "timed out") || up.LastFailAt == "" || up.Failed != 2 {
		t.Errorf("got %+v", up)
	}
}

// TestExplainUnknown: similar names are told; nothing is too strange to be asked for.
func TestExplainUnknown(t *testing.T) {
	g := gatewayOf(t, named("files", startHeld(t, "search").addr))
	g.has("files__search", true)
	for asked, want := range map[string]string{
		"files__serach": "files__search", "serch": "search", "SEARCH": "search", "file": "files",
	} {
		x := g.Explain(asked)
		if len(x.Found) != 0 || !strings.Contains(fmt.Sprint(x.Closest, x.Upstreams), want) {
			t.Errorf("%s: got %+v, want %s", asked, x, want)
		}
	}
	if x := g.Explain("files__nothing"); len(x.Upstreams) != 1 || x.Upstreams[0].Name != "files" {
		t.Errorf("got %+v, want the upstream that it would be of", x)
	}
	for _, asked := range []string{"", "\x00", strings.Repeat("x", 1<<20), `"{}[]<>`} {
		if x := g.Explain(asked); len(x.Found) != 0 {
			t.Errorf("%.20q: got %+v", asked, x)
		}
	}
}

// TestExplainDead: an upstream that never was there.
func TestExplainDead(t *testing.T) {
	dead := gateway.Options{
		Name: "up", BackoffMin: time.Hour, BackoffMax: time.Hour,
		Client: client.Options{URL: "http://user:secret@127.0.0.1:1/mcp?key=secret"},
	}
	g := gatewayOf(t, dead)
	eventually(t, "it was tried", func() bool {
		up := g.Explain("up").Upstreams
		return len(up) == 1 && up[0].LastError != "" && up[0].State == "waiting"
	})
	if up := g.Explain("up").Upstreams[0]; up.Target != "http://127.0.0.1:1/mcp" {
		t.Errorf("got %q, want no secret of the URL", up.Target)
	}
}
