package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// exchange is one peer as the message tests see it: whatever its door and era, a message goes
// in and all answers to it come out.
type exchange struct {
	name    string
	r       *running
	modern  bool
	conn    *peerConn // nil for HTTP
	session string
	headers []string // further ones for HTTP
}

const latestLegacy = "2025-11-25"

// exchanges are a peer of each door and era.
func (r *running) exchanges() []*exchange {
	var all []*exchange
	for _, era := range []string{"modern", "legacy"} {
		for _, door := range []string{"tcp", "unix", "ws", "http"} {
			e := &exchange{name: door + "/" + era, r: r, modern: era == "modern"}
			switch {
			case door == "tcp":
				e.conn = r.dialTCP()
			case door == "unix":
				e.conn = r.dial("unix", r.unix)
			case door == "ws":
				e.conn = r.dialWSLines()
			case !e.modern:
				e.session = r.session(latestLegacy)
			}
			if e.conn != nil && !e.modern {
				e.conn.initialize(latestLegacy)
			}
			e.alive() // and so no longer silent
			all = append(all, e)
		}
	}
	return all
}

// say sends a message and returns all answers to it: over a line door those that come before
// the answer to a ping behind it. status is 0 there.
func (e *exchange) say(message string) (answers []string, status int) {
	e.r.t.Helper()
	if e.conn == nil {
		headers := append([]string{"Mcp-Session-Id:" + e.session}, e.headers...)
		if e.modern {
			headers = append(headers, "MCP-Protocol-Version: 2026-07-28")
		}
		resp := e.r.post(message, headers...)
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
	return !e.webSocket() || utf8.ValidString(message)
}

func (e *exchange) webSocket() bool {
	if e.conn == nil {
		return false
	}
	_, is := e.conn.Conn.(*wsLines)
	return is
}

// call is a tools/call of the peer's era.
func (e *exchange) call(id, tool, arguments string) string {
	if e.modern {
		return modernCall(id, tool, arguments)
	}
	return legacyCall(id, tool, arguments)
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
	answer, status := e.one(message)
	if code(answer) != wantCode || replyID(answer) != wantID {
		e.r.t.Errorf("%s: %.200q was answered %.300s; want id %s, code %d", e.name, message, answer,
			wantID, wantCode)
	}
	if status != 0 && status != http.StatusBadRequest {
		e.r.t.Errorf("%s: %.200q has status %d; want 400", e.name, message, status)
	}
	e.alive()
}

// alive checks that the peer is still served.
func (e *exchange) alive() {
	e.r.t.Helper()
	got, _ := e.one(e.call("77", "echo", `{"message":"alive"}`))
	if !strings.Contains(got, `"alive"`) {
		e.r.t.Fatalf("%s: the session is dead: %s", e.name, got)
	}
}

// Malformed JSON is -32700 with id null, and the session stays open.
func TestFaultMalformedJSON(t *testing.T) {
	r := start(t, nil)
	r.watch()
	echo := modernCall("1", "echo", `{"message":"m"}`)
	withID := func(id string) string { return strings.Replace(echo, `"id":1`, id, 1) }
	inArgument := func(s string) string { return modernCall("1", "echo", `{"message":"`+s+`"}`) }
	cases := []string{
		`{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]`,
		echo + `x`, echo + echo, echo + " " + echo, `[1,2`, `{`, `"`, `nul`, `tru`, `-`, `+1`,
		echo[:len(echo)-1] + "\x00}", "\x00", echo + "\x00", "\ufeff" + echo,
		"\xff\xfe{\x00}\x00", "{\x00}\x00", `{"jsonrpc":"2.0","id":1,"method":"ping",}`,
		withID(`"id":NaN`), withID(`"id":01`), withID(`"id":1.`), withID(`"id":.1`),
		withID(`'id':1`),
		`/* c */` + echo, echo + ` // c`,
		inArgument("\x01"), inArgument("\t"), inArgument(`\x`), inArgument(`\u12g4`),
		strings.Repeat(" ", 100),
	}
	sent := 0
	for _, e := range r.exchanges() {
		for _, c := range cases {
			if e.carries(c) {
				e.refused(c, "null", -32700)
				sent++
			}
		}
	}
	if got := r.value(`mcploop_errors_total{code="-32700"}`); got != float64(sent) {
		t.Errorf("counted %v parse errors; want %d", got, sent)
	}
}

// What is not UTF-8 is not JSON, in the method and in an argument; no answer repeats it. Over a
// WebSocket it ends the connection with 1007, see TestWSCloses.
func TestFaultInvalidUTF8(t *testing.T) {
	r := start(t, nil)
	r.watch()
	for _, e := range r.exchanges() {
		for _, s := range []string{
			"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80",
			"\xf8\x88\x80\x80\x80",
		} {
			if !e.carries(s) {
				continue
			}
			e.refused(`{"jsonrpc":"2.0","id":1,"method":"`+s+`"}`, "null", -32700)
			e.refused(e.call("1", "echo", `{"message":"`+s+`"}`), "null", -32700)
		}
		got, _ := e.one(e.call("1", "echo", `{"message":"\ud800 lone"}`))
		if strings.ToValidUTF8(got, "") != got || !strings.Contains(got, "\ufffd lone") {
			t.Errorf("%s: a lone surrogate came back as %q", e.name, got)
		}
	}
}

// Valid JSON that is no request is -32600; its id comes back when it can be read.
func TestFaultNotARequest(t *testing.T) {
	r := start(t, nil)
	r.watch()
	cases := []struct{ message, id string }{
		{`1`, "null"},
		{`true`, "null"},
		{`null`, "null"},
		{`"ping"`, "null"},
		{`{}`, "null"},
		{`{"id":1,"method":"ping"}`, "1"},
		{`{"jsonrpc":"1.0","id":"a","method":"ping"}`, `"a"`},
		{`{"jsonrpc":2.0,"id":1,"method":"ping"}`, "1"},
		{`{"jsonrpc":"2.0 ","id":1,"method":"ping"}`, "1"},
		{`{"jsonrpc":"2.0","id":1}`, "1"},
		{`{"jsonrpc":"2.0","id":1,"method":7}`, "1"},
		{`{"jsonrpc":"2.0","id":1,"method":null}`, "1"},
		{`{"jsonrpc":"2.0","id":1,"method":["ping"]}`, "1"},
		{`{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}`, "1"},
		{`{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}`, "1"},
		{`{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`, "1"},
		{`{"jsonrpc":"2.0","id":null,"method":"ping"}`, "null"},
		{`{"jsonrpc":"2.0","id":true,"method":"ping"}`, "null"},
		{`{"jsonrpc":"2.0","id":[],"method":"ping"}`, "null"},
		{`{"jsonrpc":"2.0","id":{},"method":"ping"}`, "null"},
		{`{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, "null"},
		{`{"jsonrpc":"2.0","id":1e400,"method":"ping"}`, "null"},
		{`{"jsonrpc":"2.0","id":"` + strings.Repeat("i", 9<<10) + `","method":"ping"}`, "null"},
	}
	for _, e := range r.exchanges() {
		for _, c := range cases {
			e.refused(c.message, c.id, -32600)
		}
	}
}

// Ids come back bit by bit, whatever a floating point number would make of them.
func TestFaultIDsComeBackBitExact(t *testing.T) {
	r := start(t, nil)
	r.watch()
	ids := []string{
		"0", "-1", "-0", "9223372036854775807", "-9223372036854775808", "9007199254740993",
		"18446744073709551615", "18446744073709551616", "1.0", "123456789012345678901234567890",
		`""`, `"é 漢 🎉"`, `"\u00e9\n\"\\\/"`, `"\ud83c\udf89"`, `"null"`, `"1"`, `" "`,
		`"` + strings.Repeat("k", 4<<10) + `"`,
	}
	tools := map[string]string{
		"echo": `{"message":"m"}`, "slow": `{"ms":0}`, "nobody": `{}`, "crash": `{}`,
	}
	for _, e := range r.exchanges() {
		for _, id := range ids {
			for tool, arguments := range tools {
				if got := e.answer(e.call(id, tool, arguments)); replyID(got) != id {
					t.Errorf("%s: %s: id %.60s came back as %.200s", e.name, tool, id, got)
				}
			}
		}
	}
}

// An id that is in flight already is refused; the first call is answered. Never one answer.
func TestFaultSameIDTwiceInFlight(t *testing.T) {
	r, cage := startCaged(t, nil)
	r.watch()
	defer cage.release()
	lines := r.lines() // over HTTP a connection has one call at a time
	for _, e := range lines {
		e.conn.line(e.call(`"twin"`, "caged", `{"message":"first"}`))
		wait(t, "the first twin runs", cage.entered)
		e.conn.line(e.call(`"twin"`, "caged", `{"message":"second"}`))
		if got := e.conn.read(); code(got) != -32600 || replyID(got) != `"twin"` {
			t.Errorf("%s: the second twin was answered %s", e.name, got)
		}
	}
	if n := cage.runs.Load(); n != int64(len(lines)) {
		t.Errorf("%d calls ran; want %d", n, len(lines))
	}
	cage.release()
	for _, e := range lines {
		if got := e.conn.read(); !strings.Contains(got, `"first"`) {
			t.Errorf("%s: the first twin was answered %s", e.name, got)
		}
		e.conn.line(e.call(`"twin"`, "caged", `{"message":"third"}`)) // the id is free again
		if got := e.conn.read(); !strings.Contains(got, `"third"`) {
			t.Errorf("%s: a free id was answered %s", e.name, got)
		}
		e.alive()
	}
}

// Members that are there twice, also when they are spelt differently, are refused.
func TestFaultDuplicateMembers(t *testing.T) {
	r, cage := startCaged(t, nil)
	r.watch()
	cage.release()
	params := `"params":{"name":"caged","arguments":{"message":"m"},` + modernMeta + `}`
	envelope := `{"jsonrpc":"2.0","id":1,"method":"tools/call",`
	within := func(members string) string {
		return envelope + `"params":{"name":"caged",` + members
	}
	for _, e := range r.exchanges() {
		for _, c := range []struct{ message, id string }{
			{envelope + `"method":"ping",` + params + `}`, "1"},
			{envelope + `"m\u0065thod":"ping",` + params + `}`, "1"},
			{envelope + params + `,` + params + `}`, "1"},
			{envelope + `"jsonrpc":"2.0",` + params + `}`, "1"},
			{within(`"name":"echo","arguments":{},` + modernMeta + `}}`), "1"},
			{within(`"n\u0061me":"echo",` + modernMeta + `}}`), "1"},
			{within(`"arguments":{},"arguments":{},` + modernMeta + `}}`), "1"},
			{within(modernMeta + `,` + modernMeta + `}}`), "1"},
			{within(`"_meta":{"progressToken":1,"progressToken":2}}}`), "1"},
		} {
			e.refused(c.message, c.id, -32600)
		}
		e.refused(`{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, "null", -32600)
	}
	if n := cage.runs.Load(); n != 0 {
		t.Errorf("the tool ran %d times", n)
	}
}

// Names that only look like a member are no members: nothing is folded, trimmed or cut.
func TestFaultLookalikeMembers(t *testing.T) {
	r := start(t, nil)
	r.watch()
	for _, e := range r.exchanges() {
		if e.modern { // what the harness would take from the body, it takes without regard to case
			e.headers = []string{"Mcp-Method: tools/call", "Mcp-Name: echo"}
		}
		for _, name := range []string{
			"Method", "METHOD", `method\u0000`, `method `, "ｍethod", "methöd",
		} {
			e.refused(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"%s":"ping"}`, name), "1", -32600)
			message := e.call("1", "echo", `{"message":"m"}`)
			message = message[:len(message)-1] + fmt.Sprintf(`,"%s":"tools/list"}`, name)
			if got, _ := e.one(message); !strings.Contains(got, `"text":"m"`) {
				t.Errorf("%s: beside %q the call was answered %s", e.name, name, got)
			}
		}
		for _, name := range []string{"Name", "NAME", `name\u0000`, "naｍe", "ſame"} {
			message := strings.Replace(e.call("1", "echo", `{"message":"m"}`), `"name":`,
				`"`+name+`":"crash","name":`, 1)
			if got, _ := e.one(message); !strings.Contains(got, `"text":"m"`) {
				t.Errorf("%s: beside %q the call was answered %s", e.name, name, got)
			}
		}
		message := e.call("1", "echo", `{"message":"m"}`)
		message = strings.Replace(message, `"params"`, `"paramſ"`, 1)
		if got, _ := e.one(message); code(got) != -32602 && code(got) != -32600 {
			t.Errorf("%s: paramſ was taken for params: %s", e.name, got)
		}
	}
}
