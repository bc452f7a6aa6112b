package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

const byURL = `{"elicitation":{"url":{}}}`

// pageParams are those of an elicitation by URL.
func pageParams(id string) string {
	return `{"mode":"url","message":"Log in.","url":"https://a/","elicitationId":"` + id + `"}`
}

func completed(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{` +
		`"elicitationId":"` + id + `","more":1.0}}`
}

// startPages is a gateway before an upstream whose tool sends its user to the page ID first: by a
// question when its arguments are {"ask":"ID"}, by its refusal with {"refuse":"ID"}.
func startPages(t *testing.T, set func(*gateway.Options)) (*running, *fakeUpstream, chan string) {
	t.Helper()
	calls := make(chan string, 9)
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		params := string(m.Params)
		_, page, _ := strings.Cut(params, `":{"`)
		kind, page, _ := strings.Cut(page, `":"`)
		page, _, _ = strings.Cut(page, `"`)
		switch {
		case m.Method == "": // our client's answer
		case m.Method != "tools/call":
			return well(c, m)
		case kind == "ask":
			c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":"q%s","method":"elicitation/create",`+
				`"params":%s}`, page, pageParams(page)))
			calls <- string(m.ID)
		default:
			c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32042,"message":"m",`+
				`"data":{"elicitations":[%s]}}}`, m.ID, pageParams(page)))
		}
		return ""
	})
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Version: mcp.LatestLegacy.String()}
		set(o)
	})
	g.has("up__echo", true)
	return g, fake, calls
}

// TestPagesAreCompleted: a legacy client that was sent to a page is told when its user is done
// there, by whatever it was sent and whether its call goes on or not; nobody else is, and it is
// told once.
func TestPagesAreCompleted(t *testing.T) {
	g, fake, calls := startPages(t, func(*gateway.Options) {})
	ada, bob := g.dialTCP(), g.dialTCP()
	ada.initializeWith("2025-11-25", byURL)
	bob.initializeWith("2025-11-25", byURL)
	session := "Mcp-Session-Id:" + g.sessionWith("2025-11-25", byURL)
	get := g.feed(g.getStream(session))

	question := ada.ask(legacyCall("1", "up__echo", `{"ask":"e1"}`))
	wantIn(t, question, `"elicitationId":"e1"`)
	ada.line(`{"jsonrpc":"2.0","id":` + idOf(question) + `,"result":{"action":"accept"}}`)
	fake.tell(completed("e1"))
	if got := ada.read(); got != completed("e1") {
		t.Errorf("got %s during the call", got)
	}
	fake.tell(completed("e1")) // which is no news
	fake.tell(fmt.Sprintf(lineAnswer, wait(t, "the call", calls)))
	wantIn(t, ada.read(), `"id":1`, `"n":1`)

	wantIn(t, ada.ask(legacyCall("2", "up__echo", `{"refuse":"e2"}`)), "-32042", `"e2"`)
	wantIn(t, g.text(g.post(legacyCall("3", "up__echo", `{"refuse":"e3"}`), session)), `"e3"`)
	if got := g.metric(`mcploop_upstream_pages{upstream="up"}`); got != 2 {
		t.Errorf("%v pages are open, want 2", got)
	}
	fake.tell(completed("e3"))
	if got := get.next(); got != completed("e3") {
		t.Errorf("got %s on the GET stream", got)
	}
	fake.tell(completed("e2"))
	if got := ada.read(); got != completed("e2") {
		t.Errorf("got %s behind the call", got)
	}
	for _, c := range []*peerConn{ada, bob} {
		wantIn(t, c.ask(`{"jsonrpc":"2.0","id":9,"method":"ping"}`), `"id":9`)
	}
	for metric, want := range map[string]float64{"pages": 0, "pages_completed_total": 3} {
		if got := g.metric("mcploop_upstream_" + metric + `{upstream="up"}`); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
}

// TestPagesOfOthers: revisions without the notification do not get it: 2026-07-28 learns by its
// retry, and before 2025-11-25 there are no pages.
func TestPagesOfOthers(t *testing.T) {
	g, fake, _ := startPages(t, func(*gateway.Options) {})
	asked := g.text(g.post(modernAsk("1", "tools/call", byURL,
		`"name":"up__echo","arguments":{"refuse":"e1"}`)))
	wantIn(t, asked, `"input_required"`)
	old := g.dialTCP()
	old.initialize("2025-06-18")
	wantIn(t, old.ask(legacyCall("2", "up__echo", `{"refuse":"e2"}`)), "-32603")
	fake.tell(completed("e1"))
	fake.tell(completed("e2"))
	wantIn(t, g.text(g.post(modernAsk("3", "tools/call", byURL,
		`"name":"up__echo","arguments":{"refuse":"e3"}`))), `"input_required"`)
	wantIn(t, old.ask(`{"jsonrpc":"2.0","id":9,"method":"ping"}`), `"id":9`)
	if got := g.metric(`mcploop_upstream_pages_completed_total{upstream="up"}`); got != 0 {
		t.Errorf("%v were told, want none", got)
	}
}

// TestPagesMax: as many are remembered as calls may wait for their clients' answers, the last ones.
func TestPagesMax(t *testing.T) {
	g, fake, _ := startPages(t, func(o *gateway.Options) { o.AsksMax = 2 })
	c := g.dialTCP()
	c.initializeWith("2025-11-25", byURL)
	for n := range 5 {
		id := fmt.Sprint("e", n)
		wantIn(t, c.ask(legacyCall("1", "up__echo", `{"refuse":"`+id+`"}`)), id)
	}
	for metric, want := range map[string]float64{"pages": 2, "pages_max": 2} {
		if got := g.metric("mcploop_upstream_" + metric + `{upstream="up"}`); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
	for _, id := range []string{"e2", "e4", "e3"} {
		fake.tell(completed(id))
	}
	for _, id := range []string{"e4", "e3"} {
		if got := c.read(); got != completed(id) {
			t.Errorf("got %s, want %s", got, id)
		}
	}
}
