package server_test

import (
	"fmt"
	"strings"
	"testing"
)

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
	r, cage := startCaged(t, manyWorkers)
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
