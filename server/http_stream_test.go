package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

func TestProgressUpgradesToAnEventStream(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	id := r.session("2025-11-25")
	f := func(name, wire string) {
		t.Helper()
		a := c.exchange(wire)
		if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" ||
			a.Header.Get("X-Accel-Buffering") != "no" ||
			!strings.Contains(a.Header.Get("Cache-Control"), "no-cache") || a.ContentLength != -1 {
			t.Errorf("%s: %s %v", name, a.Status, a.Header)
		}
		got := a.messages()
		if len(got) != 4 || !strings.Contains(got[3], "three steps") {
			t.Fatalf("%s: got %d messages: %q", name, len(got), got)
		}
		for i, message := range got[:3] {
			want := fmt.Sprintf(`"progressToken":"p","progress":%d,"total":2`, i)
			if !strings.Contains(message, want) {
				t.Errorf("%s: message %d is %s", name, i, message)
			}
		}
	}
	f("modern", wirePost(progressCall("1", `"p"`)))
	legacy := strings.Replace(legacyCall("1", "steps", "{}"), `"arguments"`,
		`"_meta":{"progressToken":"p"},"arguments"`, 1)
	f("legacy", wirePost(legacy, "Mcp-Session-Id: "+id))
	f("again on the same connection", wirePost(progressCall("1", `"p"`)))
}

func TestProgressTokenKeepsItsType(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	for _, token := range []string{`"7"`, `7`, `-9007199254740993`, `""`, `"ü\n"`} {
		a := c.exchange(wirePost(progressCall("1", token)))
		if first := a.messages()[0]; !strings.Contains(first, `"progressToken":`+token+`,`) {
			t.Errorf("token %s: %s", token, first)
		}
	}
}

func TestNoProgressWithoutAToken(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	a := c.exchange(wirePost(modernCall("1", "steps", "{}")))
	if a.Header.Get("Content-Type") != "application/json" || a.ContentLength < 1 ||
		!strings.Contains(a.body, "three steps") {
		t.Errorf("got %s %v %s", a.Status, a.Header, a.body)
	}
}

// A tool's text is data: it stays inside the JSON of its own event.
func TestStreamInjection(t *testing.T) {
	r := start(t, nil)
	evil := "x\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\nevent: endpoint\rid: 7" +
		"\r\n\r\n: comment\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\u2028\x00"
	server.AddTool(r.Server, mcp.Tool{Name: "inject"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			p := mcp.ProgressNotificationParams{Progress: 1, Message: evil}
			return evil, req.NotifyProgress(ctx, p)
		})
	c := r.dialHTTP()
	f := func(name, wire string, want int) {
		t.Helper()
		got := c.exchange(wire).messages()
		if len(got) != want {
			t.Fatalf("%s: got %d messages: %q", name, len(got), got)
		}
		for _, message := range got {
			if !json.Valid([]byte(message)) {
				t.Errorf("%s: no JSON: %q", name, message)
			}
		}
		var last struct {
			Result struct{ Content []struct{ Text string } }
		}
		err := json.Unmarshal([]byte(got[want-1]), &last)
		if err != nil || last.Result.Content[0].Text != evil {
			t.Errorf("%s: the text changed: %q", name, got[want-1])
		}
	}
	call := modernCall("1", "inject", "{}")
	f("JSON", wirePost(call), 1)
	call = strings.Replace(call, `"_meta":{`, `"_meta":{"progressToken":1,`, 1)
	f("event stream", wirePost(call), 2)
	f("after it", wirePost(modernCall("1", "inject", "{}")), 1)
}

// A raw handler's line ends are white space of its JSON; they must not end the event.
func TestStreamOfARawHandlerWithLineEnds(t *testing.T) {
	r := start(t, nil)
	raw := "{\"content\":[\n\n{\"type\":\"text\",\r\n\"text\":\"in lines\"}\r]\n}"
	err := r.AddRawTool(mcp.Tool{Name: "lines", InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(ctx context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
			err := req.NotifyProgress(ctx, mcp.ProgressNotificationParams{Progress: 1})
			return append(dst, raw...), err
		})
	if err != nil {
		t.Fatal(err)
	}
	call := strings.Replace(modernCall("1", "lines", "{}"), `"_meta":{`,
		`"_meta":{"progressToken":1,`, 1)
	got := r.dialHTTP().exchange(wirePost(call)).messages()
	if len(got) != 2 || !strings.Contains(got[1], "in lines") || !json.Valid([]byte(got[1])) {
		t.Errorf("got %q", got)
	}
}

func TestModernDisconnectCancels(t *testing.T) {
	r := start(t, nil)
	g := r.addGate("held")
	f := func(name string, hangUp func(c *peerConn)) {
		t.Helper()
		c := r.dialHTTP()
		c.send(wirePost(modernCall("1", "held", "{}")))
		g.waitEntered()
		hangUp(c)
		g.waitEnded(server.ErrDisconnected)
	}
	f("FIN", func(c *peerConn) { c.Close() })
	f("RST", func(c *peerConn) { c.reset() })
	eventually(t, "the calls are counted as cancelled", func() bool {
		return r.metric("mcploop_calls_cancelled_total") == 2 &&
			r.metric("mcploop_calls_in_flight") == 0
	})
}

func TestModernDisconnectFromAStreamCancels(t *testing.T) {
	r := start(t, nil)
	g := r.addGate("held")
	server.AddTool(r.Server, mcp.Tool{Name: "tell_and_hold"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			err := req.NotifyProgress(ctx, mcp.ProgressNotificationParams{Progress: 1})
			if err != nil {
				return "", err
			}
			<-ctx.Done()
			g.ended <- context.Cause(ctx)
			return "", context.Cause(ctx)
		})
	c := r.dialHTTP()
	call := strings.Replace(modernCall("1", "tell_and_hold", "{}"), `"_meta":{`,
		`"_meta":{"progressToken":1,`, 1)
	c.send(wirePost(call))
	if line := c.read(); !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Fatalf("got %q", line)
	}
	c.Close()
	g.waitEnded(server.ErrDisconnected)
}

func TestLegacyDisconnectIsNoCancel(t *testing.T) {
	r := start(t, nil)
	g := r.addGate("held")
	id := r.session("2025-11-25")
	f := func(name string, hangUp func(c *peerConn)) {
		t.Helper()
		before := r.metric("mcploop_calls_completed_total")
		c := r.dialHTTP()
		c.send(wirePost(legacyCall("1", "held", "{}"), "Mcp-Session-Id: "+id))
		g.waitEntered()
		hangUp(c)
		g.release <- struct{}{}
		eventually(t, name+": the call completed", func() bool {
			return r.metric("mcploop_calls_completed_total") == before+1
		})
	}
	f("FIN", func(c *peerConn) { c.Close() })
	f("RST", func(c *peerConn) { c.reset() })
	if len(g.ended) > 0 || r.metric("mcploop_calls_cancelled_total") > 0 {
		t.Error("a disconnect cancelled a legacy call")
	}
	if r.pings(id) != 200 {
		t.Error("the session is gone")
	}
}

func TestLegacyHalfCloseStillGetsItsAnswer(t *testing.T) {
	r := start(t, nil)
	g := r.addGate("held")
	c := r.dialHTTP()
	c.send(wirePost(legacyCall("1", "held", "{}"), "Mcp-Session-Id: "+r.session("2025-11-25")))
	g.waitEntered()
	c.closeWrite()
	close(g.release)
	if a := c.answer("POST"); !strings.Contains(a.body, "released") {
		t.Errorf("got %s %s", a.Status, a.body)
	}
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v came behind the answer", rest, err)
	}
}

// cancelWire is the notification that cancels a legacy call, in a POST of its own.
func cancelWire(id, session string) string {
	return wirePost(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+
		id+`,"reason":"no longer"}}`, "Mcp-Session-Id: "+session)
}

func TestLegacyCancelEndsTheResponseWithoutAMessage(t *testing.T) {
	r := start(t, nil)
	g := r.addGate("held")
	session, other := r.session("2025-11-25"), r.session("2025-11-25")
	c, canceller := r.dialHTTP(), r.dialHTTP()
	for _, id := range []string{`"a"`, `7`, `""`} {
		c.send(wirePost(legacyCall(id, "held", "{}"), "Mcp-Session-Id: "+session))
		g.waitEntered()
		for _, miss := range []string{ // neither of these may hit
			cancelWire(`"unknown"`, session), cancelWire(id, other), cancelWire(`null`, session),
			cancelWire(`{}`, session),
		} {
			if a := canceller.exchange(miss); a.StatusCode != 202 || a.body != "" {
				t.Fatalf("got %s %s, want 202", a.Status, a.body)
			}
		}
		if a := canceller.exchange(cancelWire(id, session)); a.StatusCode != 202 {
			t.Fatalf("got %s %s", a.Status, a.body)
		}
		g.waitEnded(server.ErrCancelled)
		if a := c.answer("POST"); strings.Contains(a.body, "jsonrpc") {
			t.Errorf("the cancelled call was answered: %s", a.body)
		}
	}
	if a := c.exchange(livez); a.StatusCode != 200 {
		t.Errorf("the connection does not go on: %s", a.Status)
	}
	late := canceller.exchange(cancelWire(`7`, session))
	if late.StatusCode != 202 {
		t.Errorf("a late cancel: %s", late.Status)
	}
}

func TestSameIDTwiceInASessionIsRefused(t *testing.T) {
	r := start(t, nil)
	g := r.addGate("held")
	session := "Mcp-Session-Id: " + r.session("2025-11-25")
	first, second := r.dialHTTP(), r.dialHTTP()
	first.send(wirePost(legacyCall("1", "held", "{}"), session))
	g.waitEntered()
	if a := second.exchange(wirePost(legacyCall("1", "slow", `{"ms":0}`), session)); code(a.body) !=
		codec.ErrInvalidRequest.Code {
		t.Errorf("the second got %s %s", a.Status, a.body)
	}
	close(g.release)
	if a := first.answer("POST"); !strings.Contains(a.body, "released") {
		t.Errorf("the first got %s %s", a.Status, a.body)
	}
}
