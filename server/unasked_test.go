package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// What the specification asks and the conformance suite does not, where no other test does. Which
// test shows which requirement stands in docs/protocol.md.

// list reads all pages of a list over c and returns them; a cursor that never ends fails.
func (c *peerConn) list(method string) (pages []string) {
	c.t.Helper()
	cursor := ""
	for len(pages) < 20 {
		page := c.ask(modernRequest("1", method, cursor))
		var m struct{ Result struct{ NextCursor *string } }
		if err := json.Unmarshal([]byte(page), &m); err != nil || code(page) != 0 {
			c.t.Fatalf("%s: %s", method, page)
		}
		pages = append(pages, page)
		if m.Result.NextCursor == nil {
			return pages
		}
		cursor = fmt.Sprintf(`"cursor":%q`, *m.Result.NextCursor)
	}
	c.t.Fatalf("%s: the pages do not end", method)
	return nil
}

// Every page of a list says the same of how long it is good and for whom, and every client gets
// the same pages in the same order, whoever it is and whatever it asked before.
func TestPagesAreAlikeForEverybody(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Lists.PageSize, o.Lists.TTL, o.Lists.CacheScope = 1, 7*time.Second, "private"
	}, addFeatures, func(s *server.Server) {
		text := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return &mcp.ReadResourceResult{}, nil
		}
		template := mcp.ResourceTemplate{URITemplate: "test://also/{x}", Name: "also"}
		if err := s.AddResourceTemplate(template, text); err != nil {
			t.Error(err)
		}
		if err := s.AddPrompt(mcp.Prompt{Name: "also"}, func(
			context.Context, *mcp.GetPromptRequest,
		) (*mcp.GetPromptResult, error) {
			return nil, nil
		}); err != nil {
			t.Error(err)
		}
	})
	one, two := r.dialTCP(), r.dialTCP()
	two.initialize("2025-11-25")
	two.ask(modernCall("1", "echo", `{"message":"m"}`))
	for method, want := range map[string]int{
		"tools/list": 6, "prompts/list": 2, "resources/list": 3, "resources/templates/list": 2,
	} {
		pages := one.list(method)
		if len(pages) != want {
			t.Errorf("%s: %d pages, want %d", method, len(pages), want)
		}
		for _, page := range pages {
			wantIn(t, page, `"ttlMs":7000,"cacheScope":"private"`, `"resultType":"complete"`)
		}
		if others := two.list(method); !slices.Equal(pages, others) {
			t.Errorf("%s: another client gets %s; want %s", method, others, pages)
		}
		// The empty string is a cursor too: of the beginning.
		if got := one.ask(modernRequest("1", method, `"cursor":""`)); got != pages[0] {
			t.Errorf("%s behind an empty cursor: %s; want %s", method, got, pages[0])
		}
	}
}

// A server that offers nothing has empty lists, and declares no more than it serves.
func TestServerOfNothing(t *testing.T) {
	r := start(t, nil)
	for _, name := range []string{"echo", "slow", "steps", "crash", "crash_inline"} {
		if !r.RemoveTool(name) {
			t.Errorf("there is no tool %q", name)
		}
	}
	legacy, modern := r.dialTCP(), r.dialTCP()
	legacy.initialize("2025-11-25")
	for method, want := range map[string]string{
		"tools/list": `"tools":[]`, "prompts/list": `"prompts":[]`,
		"resources/list": `"resources":[]`, "resources/templates/list": `"resourceTemplates":[]`,
	} {
		wantIn(t, legacy.ask(legacyLine("1", method, "")), want)
		wantIn(t, modern.ask(modernRequest("1", method, "")), want)
	}
	wantIn(t, modern.ask(modernRequest("1", "server/discover", "")),
		`"capabilities":{"logging":{},"tools":{"listChanged":true}}`)
	if got := code(modern.ask(modernRequest("1", "completion/complete", ""))); got != -32601 {
		t.Errorf("completion without a handler: %d", got)
	}
}

// Names of 128 characters, the longest of the specification, come through every door and header.
func TestNamesOf128Characters(t *testing.T) {
	name := strings.Repeat("aZ0_-.xy", 16)
	r := start(t, nil, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: name},
			func(context.Context, *mcp.Request, struct{}) (string, error) { return "long", nil })
		err := s.AddPrompt(mcp.Prompt{Name: name}, func(
			context.Context, *mcp.GetPromptRequest,
		) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Description: "long"}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	c := r.dialTCP()
	c.initialize("2024-11-05")
	wantIn(t, c.ask(legacyCall("1", name, "{}")), `"text":"long"`)
	call, get := modernCall("1", name, "{}"), modernRequest("1", "prompts/get", `"name":"`+name+`"`)
	wantIn(t, c.ask(call), `"text":"long"`)
	wantIn(t, r.text(r.post(call)), `"text":"long"`)
	wantIn(t, r.text(r.post(get)), `"description":"long"`)
	wantIn(t, r.text(r.post(call, "Mcp-Name:"+name[1:])), `"code":-32020`)
	wantIn(t, c.ask(modernCall("1", name+"x", "{}")), `"code":-32602`)
}

// A modern request stands alone: nothing that an earlier request on its connection said counts,
// not the capabilities, not the log level, not the revision, not a legacy handshake.
func TestModernRequestsStandAlone(t *testing.T) {
	r := start(t, nil, addAskers, addLogger)
	c := r.dialTCP()
	c.initializeWith("2025-11-25", everyCapability)
	wantIn(t, c.ask(legacyLine("1", "logging/setLevel", `"level":"debug"`)), `"result":{}`)
	able := modernAsk("2", "tools/call", everyCapability, `"name":"ask_name"`)
	wantIn(t, c.ask(able), `"resultType":"input_required"`)
	wantIn(t, c.ask(modernCall("3", "ask_name", "{}")), `"code":-32021`)
	wantIn(t, c.ask(modernCall("4", "log_all", "{}")), `"id":4,"result"`)
	wantIn(t, c.ask(strings.ReplaceAll(able, "2026-07-28", "2099-01-01")), `"code":-32022`)
	wantIn(t, c.ask(able), `"resultType":"input_required"`)
	// The legacy session goes on with what its own handshake said.
	request := c.ask(legacyCall("5", "ask_name", "{}"))
	wantIn(t, request, `"method":"elicitation/create"`)
	wantIn(t, c.reply(request, `{"action":"accept","content":{"name":"A"}}`), `"id":5`, "accept A")
}

// Unknown members of _meta, of params and of the message are passed over.
func TestUnknownMembersAreIgnored(t *testing.T) {
	r := start(t, nil)
	c := r.dialTCP()
	c.initialize("2025-06-18")
	const extra = `"_meta":{"com.example/x":{"a":[1]},"traceparent":"00-1-2-01","y":null`
	legacy := strings.Replace(legacyCall("1", "echo", `{"message":"m"}`), `"arguments"`,
		`"unknown":7,`+extra+`},"arguments"`, 1)
	wantIn(t, c.ask(strings.Replace(legacy, `"id"`, `"also":{},"id"`, 1)), `"text":"m"`)
	modern := strings.Replace(modernCall("2", "echo", `{"message":"m"}`), `"_meta":{`, extra+`,`, 1)
	wantIn(t, c.ask(strings.Replace(modern, `"id"`, `"also":{},"id"`, 1)), `"text":"m"`)
	wantIn(t, r.text(r.post(modern)), `"text":"m"`)
}

// What a server says of itself reaches clients of both eras.
func TestServerSaysWhatItIs(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Title, o.Instructions = "Test server", "Call \"echo\" first."
		o.Description, o.WebsiteURL = "Tests.", "https://example.com/"
		o.Icons = []mcp.Icon{{Src: "https://example.com/i.png", MIMEType: "image/png"}}
	})
	c := r.dialTCP()
	says := []string{
		`"instructions":"Call \"echo\" first."`, `"name":"test"`, `"title":"Test server"`,
		`"version":"1"`, `"description":"Tests."`, `"websiteUrl":"https://example.com/"`,
		`"icons":[{"src":"https://example.com/i.png","mimeType":"image/png"}]`,
	}
	wantIn(t, c.ask(legacyLine("1", "initialize", `"protocolVersion":"2025-11-25",`+
		`"capabilities":{},"clientInfo":{"name":"t","version":"1"}`)), says...)
	wantIn(t, c.ask(modernRequest("2", "server/discover", "")), says...)
	wantIn(t, c.ask(modernCall("3", "echo", `{"message":"m"}`)), says[1:]...)
}

// initialize is answered before anything else is read: it cannot be cancelled, and a cancel that
// names it hits nothing of the same id later.
func TestInitializeCannotBeCancelled(t *testing.T) {
	r := start(t, nil)
	c := r.dialTCP()
	c.send(legacyLine(`"init"`, "initialize", `"protocolVersion":"2025-11-25",`+
		`"capabilities":{},"clientInfo":{"name":"t","version":"1"}`) + "\n" +
		legacyLine("", "notifications/cancelled", `"requestId":"init"`) + "\n" +
		legacyLine(`"after"`, "ping", "") + "\n")
	wantIn(t, c.read(), `"id":"init"`, `"protocolVersion":"2025-11-25"`)
	wantIn(t, c.read(), `"id":"after"`, `"result":{}`)
	wantIn(t, c.ask(legacyCall(`"init"`, "slow", `{"ms":1}`)), `"id":"init"`, "done")
}
