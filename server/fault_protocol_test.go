package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// answersOf are the ids of a batch's answer and its error codes.
func answersOf(t *testing.T, answer string) (ids []string, codes map[string]int) {
	t.Helper()
	var all []struct {
		ID    json.RawMessage
		Error struct{ Code int }
	}
	if err := json.Unmarshal([]byte(answer), &all); err != nil {
		t.Fatalf("no batch: %.300s", answer)
	}
	codes = map[string]int{}
	for _, a := range all {
		ids = append(ids, string(a.ID))
		codes[string(a.ID)] = a.Error.Code
	}
	return ids, codes
}

// Batches are legal in 2025-03-26 alone; everybody else is refused, and an empty array or one that
// is no JSON is refused for all.
func TestFaultBatchOutsideItsRevision(t *testing.T) {
	r := start(t, nil)
	r.watch()
	for _, e := range r.exchanges() {
		batch := `[` + e.call("1", "echo", `{"message":"m"}`) + `]`
		if e.batches {
			if ids, codes := answersOf(t, e.answer(batch)); len(ids) != 1 || codes["1"] != 0 {
				t.Errorf("%s: a batch was answered for %q with %v", e.name, ids, codes)
			}
		} else {
			e.refused(batch, "null", -32600)
		}
		e.refused(`[]`, "null", -32600)
		e.refused(`[`+e.ping(), "null", -32700)
	}
}

// Every request of a batch has exactly one answer, whatever happens to its neighbours;
// initialize is refused inside.
func TestFaultBatchMixed(t *testing.T) {
	r := start(t, nil)
	r.watch()
	parts := []string{
		legacyCall("1", "echo", `{"message":"m"}`), legacyCall("2", "slow", `{"ms":1}`),
		legacyCall("3", "crash", `{}`), legacyCall("4", "crash_inline", `{}`),
		legacyCall("5", "nobody", `{}`), legacyCall("2", "slow", `{"ms":1}`),
		`{"jsonrpc":"2.0","id":6,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		`{"jsonrpc":"2.0","id":7,"result":{}}`, `1`, `[]`,
		`{"jsonrpc":"1.0","id":8,"method":"ping"}`, modernCall("9", "echo", `{"message":"m"}`),
	}
	for _, e := range r.batchers() {
		ids, codes := answersOf(t, e.answer("["+strings.Join(parts, ",")+"]"))
		if len(ids) != 11 {
			t.Errorf("%s: %d answers: %q; want 11", e.name, len(ids), ids)
		}
		for id, want := range map[string]int{
			"1": 0, "3": -32603, "4": -32603, "5": -32602, "6": -32600, "8": -32600, "9": -32600,
			"null": -32600,
		} {
			if got, there := codes[id]; !there || got != want {
				t.Errorf("%s: id %s has code %d (there %v); want %d", e.name, id, got, there, want)
			}
		}
	}
}

// A batch of the limit is answered whole, one more is refused whole; notifications alone have
// no answer; blocking calls of a batch are bounded by the queue like all others.
func TestFaultBatchIsBounded(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Queue = server.Queue{Workers: 2, Max: 10_000}
	})
	r.watch()
	batch := func(n int, each func(i int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = each(i)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	ping := func(i int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, i)
	}
	slow := func(i int) string { return legacyCall(fmt.Sprint(i), "slow", `{"ms":0}`) }
	quiet := func(int) string { return `{"jsonrpc":"2.0","method":"notifications/initialized"}` }
	for _, e := range r.batchers() {
		for _, each := range []func(int) string{ping, slow} {
			ids, codes := answersOf(t, e.answer(batch(1000, each)))
			if len(ids) != 1000 || len(codes) != 1000 {
				t.Errorf("%s: %d answers with %d ids; want 1000", e.name, len(ids), len(codes))
			}
			for id, code := range codes {
				if code != 0 {
					t.Errorf("%s: id %s failed with %d", e.name, id, code)
				}
			}
		}
		e.refused(batch(1001, ping), "null", -32600)
		if got, _ := e.say(batch(10, quiet)); len(got) != 0 {
			t.Errorf("%s: a batch of notifications was answered %q", e.name, got)
		}
	}
}

// A batch whose calls are cancelled is answered without them.
func TestFaultBatchCancelledCalls(t *testing.T) {
	r, cage := startCaged(t, nil)
	r.watch()
	defer cage.release()
	c := r.peer("tcp", "2025-03-26").conn
	c.line("[" + legacyCall("1", "caged", `{"message":"a"}`) + "," +
		legacyCall("2", "caged", `{"message":"b"}`) + "]")
	wait(t, "one runs", cage.entered)
	wait(t, "two run", cage.entered)
	c.line(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	cage.waitCause(t, server.ErrCancelled)
	cage.release()
	if ids, _ := answersOf(t, c.read()); len(ids) != 1 || ids[0] != "2" {
		t.Errorf("the batch was answered for %q; want 2 alone", ids)
	}
}

// Notifications are never answered, not even when they are wrong, and act on nothing.
func TestFaultNotificationsAreNeverAnswered(t *testing.T) {
	r := start(t, nil)
	r.watch()
	for _, e := range r.exchanges() {
		for _, m := range []string{
			`{"jsonrpc":"2.0","method":"notifications/unheard/of"}`,
			`{"jsonrpc":"2.0","method":"notifications/initialized","params":{}}`,
			`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[1]}}`,
			`{"jsonrpc":"2.0","method":"ping"}`, `{"jsonrpc":"2.0","method":"initialize"}`,
			`{"jsonrpc":"2.0","method":"tools/list"}`, `{"jsonrpc":"2.0","method":""}`,
		} {
			if e.modern && e.conn == nil { // there it must claim its era, or is 400 as a whole
				if strings.Contains(m, `"params"`) {
					continue
				}
				m = strings.TrimSuffix(m, "}") + `,"params":{` + modernMeta + `}}`
			}
			if answers, status := e.say(m); len(answers) != 0 {
				t.Errorf("%s: %s was answered %d %q", e.name, m, status, answers)
			}
		}
		if e.conn == nil {
			continue // HTTP has a status for each request: 400 is no reply to a notification
		}
		for _, m := range []string{
			`{"jsonrpc":"1.0","method":"ping"}`, `{"method":"ping"}`,
			`{"jsonrpc":"2.0","method":"ping","params":[]}`,
			`{"jsonrpc":"2.0","method":"ping","params":7}`,
			`{"jsonrpc":"2.0","method":"tools/call","params":{"a":1,"a":2}}`,
		} {
			if answers, _ := e.say(m); len(answers) != 0 {
				t.Errorf("%s: the faulty notification %s was answered %q", e.name, m, answers)
			}
		}
		e.alive()
	}
}

// A tools/call without an id is a notification: its tool does not run.
func TestFaultCallWithoutIDDoesNotRun(t *testing.T) {
	r, cage := startCaged(t, nil)
	r.watch()
	cage.release()
	for _, e := range r.exchanges() {
		call := strings.Replace(e.call("1", "caged", `{"message":"m"}`), `"id":1,`, "", 1)
		if answers, status := e.say(call); len(answers) != 0 || status != 0 && status != 202 {
			t.Errorf("%s: a call without id was answered %d %q", e.name, status, answers)
		}
		e.alive()
	}
	if n := cage.runs.Load(); n != 0 {
		t.Errorf("the tool ran %d times", n)
	}
}

// Answers to requests that we never made are dropped and counted; the modern era has none, and
// over HTTP they are refused.
func TestFaultUnsolicitedResponses(t *testing.T) {
	r := start(t, nil)
	r.watch()
	want := 0
	for _, e := range r.exchanges() {
		for _, m := range []string{
			`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":"x","result":7}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}`,
			`{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}`,
		} {
			answers, status := e.say(m)
			switch {
			case e.modern && e.conn == nil:
				if status != 400 {
					t.Errorf("%s: %s has status %d; want 400", e.name, m, status)
				}
			case len(answers) != 0 || status != 0 && status != 202:
				t.Errorf("%s: %s was answered %d %q", e.name, m, status, answers)
			default:
				want++
			}
		}
		e.alive()
	}
	if got := r.value("mcploop_stray_replies_total"); got != float64(want) {
		t.Errorf("counted %v stray replies; want %d", got, want)
	}
}

// A handler's code is sent when it has a meaning or is its own; the codes that the
// specification keeps for itself never leave undefined.
func TestFaultErrorCodesOfHandlers(t *testing.T) {
	r := start(t, nil, func(s *server.Server) {
		fail := func(_ context.Context, _ *mcp.Request, in struct {
			Code int `json:"code"`
		},
		) (string, error) {
			if in.Code == -32021 {
				return "", mcp.MissingCapability("sampling")
			}
			return "", &mcp.Error{Code: in.Code, Message: "failed"}
		}
		server.AddTool(s, mcp.Tool{Name: "fail", Description: "fails"}, fail)
		server.AddTool(s, mcp.Tool{Name: "fail_inline", Description: "fails"}, fail, server.Inline)
	})
	r.watch()
	sent := map[int]int{
		-32602: -32602, -32603: -32603, -32601: -32601, -32021: -32021, -31999: -31999,
		1: 1, 42: 42, -32020: -32603, -32022: -32603, -32050: -32603, -32099: -32603,
		-32500: -32603, -32768: -32603,
	}
	for _, e := range r.exchanges() {
		for asked, want := range sent {
			for _, tool := range []string{"fail", "fail_inline"} {
				got := e.answer(e.call("5", tool, fmt.Sprintf(`{"code":%d}`, asked)))
				if code(got) != want || replyID(got) != "5" {
					t.Errorf("%s: %s with code %d was answered %s", e.name, tool, asked, got)
				}
			}
		}
	}
}

// What is not there has the code of its kind and revision: methods, tools, prompts, resources.
func TestFaultWhatIsNotThere(t *testing.T) {
	r := start(t, nil, addFeatures)
	r.watch()
	for _, e := range r.exchanges() {
		for _, row := range []struct {
			method, params string
			code           int
		}{
			{"no/such", `"name":"echo"`, -32601},
			{"tools/call", `"name":"nobody"`, -32602},
			{"tools/call", `"arguments":{}`, -32602},
			{"prompts/get", `"name":"nobody"`, -32602},
			{"resources/read", `"uri":"test://nowhere"`, e.noResource},
			{"tools/call", `"name":"echo","arguments":{"message":7}`, e.badArguments},
			{"tools/call", `"name":"echo","arguments":7`, -32602},
			{"tools/list", `"cursor":"never given"`, -32602},
		} {
			got, status := e.one(e.request("6", row.method, row.params))
			if code(got) != row.code || replyID(got) != "6" ||
				row.code == 0 && !strings.Contains(got, `"isError":true`) {
				t.Errorf("%s: %s %s was answered %s", e.name, row.method, row.params, got)
			}
			is404 := row.code == -32601 && e.modern && e.conn == nil
			if is404 != (status == 404) {
				t.Errorf("%s: %s has status %d", e.name, row.method, status)
			}
		}
	}
}
