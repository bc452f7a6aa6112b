package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

var everyLevel = []string{
	"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
}

// addLogger offers a tool that logs once at every level, the least first.
func addLogger(s *server.Server) {
	server.AddTool(s, mcp.Tool{Name: "log_all"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			for i, level := range everyLevel {
				data := map[string]int{"severity": i + 1}
				err := req.Log(ctx, mcp.LoggingLevel(level), "test", data)
				if err != nil {
					return "", err
				}
			}
			return "logged", nil
		})
}

// Log messages reach only who asked for their level: in the legacy era a session, from
// logging/setLevel on; in the modern one a single request.
func TestLogMessagesAreFiltered(t *testing.T) {
	start(t, nil, addLogger).filtersLogs("log_all")
}

// filtersLogs calls a tool that is log_all in both eras, with and without a level.
func (r *running) filtersLogs(tool string) {
	r.t.Helper()
	t, c := r.t, r.dialTCP()
	c.initialize("2025-11-25")
	f := func(name, call, from string) {
		t.Helper()
		c.line(call)
		for i, level := range everyLevel {
			if level == from {
				from = ""
			}
			if from != "" {
				continue
			}
			want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":`+
				`{"level":%q,"logger":"test","data":{"severity":%d}}}`, level, i+1)
			if got := c.read(); got != want {
				t.Fatalf("%s:\ngot  %s\nwant %s", name, got, want)
			}
		}
		if got := c.read(); !strings.Contains(got, `"text":"logged"`) {
			t.Fatalf("%s: got %s behind the messages", name, got)
		}
	}
	f("no setLevel", legacyCall("1", tool, "{}"), "never")
	for _, level := range everyLevel {
		wantIn(t, c.ask(legacyLine("2", "logging/setLevel", `"level":"`+level+`"`)), `"result":{}`)
		f("setLevel "+level, legacyCall("3", tool, "{}"), level)
		own := strings.Replace(modernCall("4", tool, "{}"), `"_meta":{`,
			`"_meta":{"io.modelcontextprotocol/logLevel":"`+level+`",`, 1)
		f("logLevel "+level, own, level)
	}
	f("no logLevel", modernCall("5", tool, "{}"), "never")
}

// Each message travels on one stream: what belongs to a call on the call's own, everything else on
// the GET stream, and no answer there.
func TestMessagesTravelOnOneStream(t *testing.T) {
	r := start(t, nil, addLogger)
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	r.text(r.post(legacyLine("1", "logging/setLevel", `"level":"alert"`), session))
	get := r.feed(r.getStream(session))
	call := strings.Replace(legacyCall("2", "steps", "{}"), `"arguments"`,
		`"_meta":{"progressToken":"p"},"arguments"`, 1)
	f := func(call string, want ...string) {
		t.Helper()
		got := messagesOf(r, r.post(call, session))
		if len(got) != len(want) {
			t.Fatalf("the call's stream has %q; want %d messages", got, len(want))
		}
		for i := range want {
			wantIn(t, got[i], want[i])
		}
	}
	f(call, `"progress":0`, `"progress":1`, `"progress":2`, `"id":2,"result"`)
	f(legacyCall("3", "log_all", "{}"), `"alert"`, `"emergency"`, `"id":3,"result"`)
	f(legacyCall("4", "echo", `{"message":"m"}`), `"id":4,"result"`)
	r.changeTools("more")
	const changed = `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`
	if got := get.next(); got != changed {
		t.Errorf("the GET stream has %s; want %s alone", got, changed)
	}
	f(legacyCall("5", "echo", `{"message":"m"}`), `"id":5,"result"`)
}

// Modern clients are never sent a request, on no door and no stream: what a handler asks for is
// part of the answer.
func TestModernClientsGetNoRequests(t *testing.T) {
	r := start(t, nil, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: "tell_and_ask"},
			func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
				progress := mcp.ProgressNotificationParams{Progress: 1}
				if err := req.NotifyProgress(ctx, progress); err != nil {
					return "", err
				}
				return askName(ctx, req, struct{}{})
			})
	})
	call := strings.Replace(modernAsk("1", "tools/call", everyCapability, `"name":"tell_and_ask"`),
		`"_meta":{`, `"_meta":{"progressToken":1,`, 1)
	f := func(door, first, second string) {
		t.Helper()
		if !strings.Contains(first, `"method":"notifications/progress"`) || idOf(first) != "" {
			t.Errorf("%s: first came %s", door, first)
		}
		wantIn(t, second, `"id":1,"result":{`, `"resultType":"input_required"`)
	}
	line, ws := r.dialTCP(), r.dialWS()
	first := line.ask(call)
	f("TCP", first, line.read())
	ws.send(call)
	first = ws.next()
	f("WebSocket", first, ws.next())
	got := messagesOf(r, r.post(call))
	if len(got) != 2 {
		t.Fatalf("over HTTP came %q", got)
	}
	f("HTTP", got[0], got[1])
}

// Over HTTP+SSE the first event is the endpoint and every other one a message.
func TestSSEEventsAreNamed(t *testing.T) {
	r := start(t, nil)
	c := r.dialSSE() // checks the first event
	for _, id := range []string{"1", "2"} {
		c.send(legacyLine(id, "initialize", `"protocolVersion":"2024-11-05","capabilities":{},`+
			`"clientInfo":{"name":"t","version":"1"}`))
		event, err := "\n", error(nil)
		for event == "\n" && err == nil { // the end of the event before
			event, err = c.feed.r.ReadString('\n')
		}
		if event != "event: message\n" || err != nil {
			t.Errorf("the event begins with %q, %v", event, err)
		}
		wantIn(t, c.next(), `"id":`+id)
	}
}
