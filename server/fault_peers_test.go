package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// revision is what the tables of the message tests know of a revision: all that it shares with
// the others is in the tables themselves.
type revision struct {
	version      string
	doors        []string // the transports that it has, and our own
	batches      bool
	badArguments int // the code for arguments that do not fit; 0: an answer with isError
	noResource   int // the code for a resource that is not there
}

const (
	latestLegacy = "2025-11-25"
	modern       = "2026-07-28"
)

// revisions are the columns of every table of the message tests.
func revisions() []revision {
	doors := []string{"tcp", "unix", "ws", "stdio", "http"}
	return []revision{
		{
			version: "2024-11-05", doors: append([]string{"sse"}, doors...),
			badArguments: -32602, noResource: -32002,
		},
		{
			version: "2025-03-26", doors: doors,
			batches: true, badArguments: -32602, noResource: -32002,
		},
		{version: "2025-06-18", doors: doors, badArguments: -32602, noResource: -32002},
		{version: latestLegacy, doors: doors, noResource: -32002},
		{version: modern, doors: doors, noResource: -32602},
	}
}

// exchange is one peer as the message tests see it: whatever its door and revision, a message
// goes in and all answers to it come out.
type exchange struct {
	revision
	name    string
	door    string
	r       *running
	modern  bool
	conn    *peerConn // nil for HTTP
	session string
	headers []string // further ones for HTTP
}

// exchanges are a peer of each revision over each door that it has.
func (r *running) exchanges() []*exchange {
	r.t.Helper()
	return r.peers(func(revision, string) bool { return true })
}

// lines are the exchanges that can have several messages on their way.
func (r *running) lines() []*exchange {
	r.t.Helper()
	return r.peers(func(_ revision, door string) bool { return door != "http" })
}

// batchers are the exchanges of the one revision that has batches.
func (r *running) batchers() []*exchange {
	r.t.Helper()
	return r.peers(func(rev revision, _ string) bool { return rev.batches })
}

// peer is the exchange of that revision over that door.
func (r *running) peer(door, version string) *exchange {
	r.t.Helper()
	return r.peers(func(rev revision, d string) bool {
		return d == door && rev.version == version
	})[0]
}

func (r *running) peers(wanted func(rev revision, door string) bool) []*exchange {
	r.t.Helper()
	var all []*exchange
	for _, rev := range revisions() {
		for _, door := range rev.doors {
			if wanted(rev, door) {
				all = append(all, r.connect(rev, door))
			}
		}
	}
	return all
}

// connect opens an exchange: connected, initialized, and no longer silent.
func (r *running) connect(rev revision, door string) *exchange {
	r.t.Helper()
	e := &exchange{
		revision: rev, name: door + "/" + rev.version, door: door, r: r,
		modern: rev.version == modern,
	}
	switch door {
	case "tcp":
		e.conn = r.dialTCP()
	case "unix":
		e.conn = r.dial("unix", r.unix)
	case "ws":
		e.conn = r.dialWSLines()
	case "sse":
		e.conn = r.dialSSELines()
	case "stdio":
		e.conn = r.dialStdio()
	case "http":
		if !e.modern {
			e.session = r.session(rev.version)
		}
	}
	if e.conn != nil && !e.modern {
		e.conn.initialize(rev.version)
	}
	e.alive()
	return e
}

// say sends a message and returns all answers to it: over a line door those that come before
// the answer to a ping behind it. status is 0 there.
func (e *exchange) say(message string) (answers []string, status int) {
	e.r.t.Helper()
	if e.conn == nil {
		resp := e.post(message)
		return messagesOf(e.r, resp), resp.StatusCode
	}
	e.conn.line(message)
	e.conn.line(e.ping())
	for {
		line := e.conn.read()
		if replyID(line) == `"sentinel"` {
			return answers, 0
		}
		answers = append(answers, line)
	}
}

// post sends a message to /mcp. What a modern one wants repeated in headers is taken from the
// message unless headers are given.
func (e *exchange) post(message string) *http.Response {
	e.r.t.Helper()
	if e.modern && e.headers == nil {
		return e.r.post(message, "MCP-Protocol-Version:"+modern)
	}
	headers := append([]string{"Accept:application/json, text/event-stream"}, e.headers...)
	if e.modern {
		headers = append(headers, "MCP-Protocol-Version:"+modern)
	} else {
		headers = append(headers, "Mcp-Session-Id:"+e.session)
	}
	return e.r.request("POST", "/mcp", message, headers...)
}

// ping is a request that is always answered at once.
func (e *exchange) ping() string {
	if e.modern {
		return modernCall(`"sentinel"`, "echo", `{"message":"ping"}`)
	}
	return `{"jsonrpc":"2.0","id":"sentinel","method":"ping"}`
}

// carries tells whether the transport lets a message through to the layer that reads messages: a
// WebSocket's text must be UTF-8 (RFC 6455, 8.1).
func (e *exchange) carries(message string) bool {
	return e.door != "ws" || utf8.ValidString(message)
}

// call is a tools/call of the peer's era.
func (e *exchange) call(id, tool, arguments string) string {
	if e.modern {
		return modernCall(id, tool, arguments)
	}
	return legacyCall(id, tool, arguments)
}

// request is a request of the peer's era; params are the members of its params.
func (e *exchange) request(id, method, params string) string {
	if e.modern {
		return modernRequest(id, method, params)
	}
	return legacyLine(id, method, params)
}

// one is say for a message that must be answered exactly once.
func (e *exchange) one(message string) (answer string, status int) {
	e.r.t.Helper()
	answers, status := e.say(message)
	if len(answers) != 1 {
		e.r.t.Fatalf("%s: %.200q was answered %d times: %.300q; want once", e.name, message,
			len(answers), answers)
	}
	return answers[0], status
}

// answer is the next message after a request, which may be answered later than others.
func (e *exchange) answer(message string) string {
	e.r.t.Helper()
	if e.conn != nil {
		return e.conn.ask(message)
	}
	got, _ := e.one(message)
	return got
}

// refused checks that a message is answered with one error, and that the peer can go on.
func (e *exchange) refused(message, wantID string, wantCode int) {
	e.r.t.Helper()
	e.fails(message, wantID, wantCode)
	e.alive()
}

// fails checks that a message is answered with an error. A second answer is found by what comes
// next on the connection.
func (e *exchange) fails(message, wantID string, wantCode int) {
	e.r.t.Helper()
	answer, status := "", 0
	if e.conn != nil {
		answer = e.conn.ask(message)
	} else {
		answer, status = e.one(message)
	}
	if code(answer) != wantCode || replyID(answer) != wantID {
		e.r.t.Errorf("%s: %.200q was answered %.300s; want id %s, code %d", e.name, message, answer,
			wantID, wantCode)
	}
	if status != 0 && status != http.StatusBadRequest {
		e.r.t.Errorf("%s: %.200q has status %d; want 400", e.name, message, status)
	}
}

// alive checks that the peer is still served.
func (e *exchange) alive() {
	e.r.t.Helper()
	got, _ := e.one(e.call("77", "echo", `{"message":"alive"}`))
	if !strings.Contains(got, `"alive"`) {
		e.r.t.Fatalf("%s: the session is dead: %s", e.name, got)
	}
}

// The tables of the message tests have a peer of each revision that is spoken, over standard
// input and output and each transport of ours.
func TestFaultTablesHaveEveryRevisionAndDoor(t *testing.T) {
	r := start(t, nil)
	r.watch()
	var names []string
	for _, e := range r.exchanges() {
		names = append(names, e.name)
	}
	var want []string
	for _, version := range []string{
		"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28",
	} {
		for _, door := range []string{"tcp", "unix", "ws", "stdio", "http"} {
			want = append(want, door+"/"+version)
		}
	}
	want = append(want, "sse/2024-11-05")
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the tables are run by %q; want %q", names, want)
	}
}
