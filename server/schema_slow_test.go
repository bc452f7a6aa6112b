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

const (
	slowOutput = `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],` +
		`"unevaluatedProperties":false}`
	goodResult = `{"content":[],"structuredContent":{"n":1}}`
	badResult  = `{"content":[],"structuredContent":{"n":"one"}}`
	pingLine   = `{"jsonrpc":"2.0","id":"ping","method":"ping"}`
)

// addSlowAsync offers async tools that answer on the loop, at once, and whose results take a slow
// check: one answers well, one badly, one well and then with an error.
func addSlowAsync(s *server.Server) {
	tool := func(name string, h func(*server.Call)) {
		must(s.AddAsyncTool(mcp.Tool{Name: name, OutputSchema: json.RawMessage(slowOutput)}, h))
	}
	tool("async_good", func(c *server.Call) { c.ReplyRaw([]byte(goodResult)) })
	tool("async_bad", func(c *server.Call) { c.ReplyRaw([]byte(badResult)) })
	tool("async_twice", func(c *server.Call) {
		c.ReplyRaw([]byte(goodResult))
		c.Fail(fmt.Errorf("too late"))
		c.Fail(&mcp.Error{Code: -32602, Message: "too late"})
		c.ReplyRaw([]byte(badResult))
	})
}

// oneWorker leaves the server one worker, which gate "hold" can occupy.
func oneWorker(o *server.Options) { o.Queue.Workers = 1 }

// hold occupies the only worker; the connection is the one of the call that does.
func (r *running) hold() (*peerConn, *gate) {
	r.t.Helper()
	g := r.addGate("hold")
	c := r.dialTCP()
	c.line(modernCall(`"hold"`, "hold", "{}"))
	g.waitEntered()
	return c, g
}

// What takes long is checked on a worker: with none free the loop answers what comes behind it.
func TestSlowChecksAreNotTheLoops(t *testing.T) {
	r := start(t, oneWorker, addChecked, addSlowAsync)
	long := strings.Repeat("a", 9<<10)
	f := func(tool, arguments, want string) {
		t.Helper()
		_, g := r.hold()
		c := r.dialTCP()
		c.initialize("2025-11-25")
		c.send(legacyCall(`"call"`, tool, arguments) + "\n" + pingLine + "\n")
		if got := c.read(); !strings.Contains(got, `"id":"ping"`) {
			t.Errorf("%s: the first answer is %s", tool, got)
		}
		close(g.release)
		if got := c.read(); !strings.Contains(got, want) || !strings.Contains(got, `"id":"call"`) {
			t.Errorf("%s: got %s, want %s", tool, got, want)
		}
		r.RemoveTool("hold")
	}
	f("async_good", `{}`, `"n":1`)
	f("async_bad", `{}`, `"code":-32603`)
	f("async_twice", `{}`, `"n":1`)
	f("slow_raw", `{"message":"m"}`, `"ran"`)
	f("slow_async", `{"message":7}`, "want string")
	f("fast_raw", `{"message":"m","limit":1.0,"more":"`+long+`"}`, `"ran"`)
	f("fast_raw", `{"message":"`+long+`"}`, "invalid arguments")
	f("fast_async", `{"message":"`+long+`"}`, "invalid arguments")
	f("fast_async", `{"message":"m","limit":1.0,"more":"`+long+`"}`, `"ran"`)
}

// An inline tool has no worker to wait for; its long arguments are checked all the same.
func TestLongArgumentsOfInlineTools(t *testing.T) {
	r := start(t, nil, addChecked)
	c := r.dialTCP()
	long := strings.Repeat("a", 9<<10)
	got := c.ask(modernCall("1", "fast_inline", `{"message":"m","more":"`+long+`"}`))
	if !ran(got) {
		t.Errorf("got %.200s", got)
	}
	got = c.ask(modernCall("1", "fast_inline", `{"message":"`+long+`"}`))
	if !strings.Contains(got, "invalid arguments") {
		t.Errorf("got %.200s", got)
	}
}

// A tool has run when its result is checked: a full queue does not lose the result.
func TestResultIsNotShedByAFullQueue(t *testing.T) {
	r := start(t, func(o *server.Options) {
		oneWorker(o)
		o.Queue.Max, o.Queue.WarnPercent, o.Queue.RejectPercent = 2, 50, 50
	}, addChecked, addSlowAsync)
	_, g := r.hold()
	filler := r.dialTCP()
	filler.initialize("2025-11-25")
	filler.line(legacyCall(`"fills"`, "slow_raw", `{"message":"m"}`))
	filler.ask(pingLine)
	got := r.dialTCP().ask(modernCall("1", "slow_raw", `{"message":"m"}`))
	if !strings.Contains(got, "-31000") {
		t.Fatalf("the queue is not full: %s", got)
	}
	for tool, want := range map[string]string{"async_good": `"n":1`, "async_bad": "-32603"} {
		if got := r.dialTCP().ask(modernCall("1", tool, `{}`)); !strings.Contains(got, want) {
			t.Errorf("%s: got %s", tool, got)
		}
	}
	close(g.release)
	if got := filler.read(); !ran(got) {
		t.Errorf("got %s", got)
	}
}

// A call whose result waits for its check can still be cancelled, and is not answered then.
func TestCancelWhileTheResultIsChecked(t *testing.T) {
	r := start(t, oneWorker, addSlowAsync)
	_, g := r.hold()
	c := r.dialTCP()
	c.initialize("2025-11-25")
	c.send(legacyCall(`"call"`, "async_good", "{}") + "\n" + `{"jsonrpc":"2.0",` +
		`"method":"notifications/cancelled","params":{"requestId":"call"}}` + "\n")
	if got := c.ask(pingLine); !strings.Contains(got, `"id":"ping"`) {
		t.Errorf("got %s", got)
	}
	close(g.release)
	if got := c.ask(legacyCall(`"next"`, "async_good", "{}")); !strings.Contains(got, `"next"`) {
		t.Errorf("got %s", got)
	}
}

// bombSchemas take 2^60 steps for a value of 120 bytes, one in the walk, one in santhosh.
func bombSchemas() map[string]string {
	const a = `"$defs":{"a":{"items":{"oneOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}}}`
	property := `{"type":"object","properties":{"v":{"$ref":"#/$defs/a"%s}},` + a + `}`
	return map[string]string{
		"bomb_walk": fmt.Sprintf(property, ""),
		"bomb_slow": fmt.Sprintf(property, `,"unevaluatedItems":true`),
	}
}

// A schema that explodes costs its caller an error and others nothing.
func TestSchemaBombs(t *testing.T) {
	value := `{"v":` + strings.Repeat("[", 58) + strings.Repeat("]", 58) + `}`
	r := start(t, nil, func(s *server.Server) {
		raw := func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
			return mcp.AppendTextResult(dst, []byte("ran")), nil
		}
		result := func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
			return append(dst, `{"content":[],"structuredContent":`+value+`}`...), nil
		}
		for name, text := range bombSchemas() {
			bomb := json.RawMessage(text)
			must(s.AddRawTool(mcp.Tool{Name: name, InputSchema: bomb}, raw))
			must(s.AddRawTool(mcp.Tool{Name: name + "_out", OutputSchema: bomb}, result))
			err := s.AddRawTool(mcp.Tool{Name: "inline", InputSchema: bomb}, raw, server.Inline)
			if err == nil || !strings.Contains(err.Error(), "inline") {
				t.Errorf("%s can be inline: %v", name, err)
			}
		}
	})
	other := r.dialTCP()
	for name := range bombSchemas() {
		c := r.dialTCP()
		for range 4 {
			c.line(modernCall(`"bomb"`, name, value))
			got := other.ask(modernCall("1", "echo", `{"message":"m"}`))
			if !strings.Contains(got, `"text":"m"`) {
				t.Errorf("another client got %s", got)
			}
			if got = c.read(); !strings.Contains(got, "more steps than its size allows") {
				t.Errorf("%s: got %.300s", name, got)
			}
		}
		if got := c.ask(modernCall("1", name, `{"v":[[1]]}`)); ran(got) {
			t.Errorf("%s: oneOf fits twice, but %s", name, got) // the schema is still judged
		}
		if got := c.ask(modernCall("1", name, `{"v":1}`)); !ran(got) {
			t.Errorf("%s: a good call got %.300s", name, got)
		}
		if got := c.ask(modernCall("1", name+"_out", "{}")); !strings.Contains(got, "-32603") {
			t.Errorf("%s: a bad result got %.300s", name, got)
		}
	}
	eventually(t, "the log says why", func() bool {
		return strings.Contains(r.log.String(), "more steps")
	})
}
