package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// listenCall asks for a stream; filter is the raw value of params.notifications.
func listenCall(id, filter string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"subscriptions/listen","params":{`+
		`"notifications":%s,%s}}`, id, filter, modernMeta)
}

const wantTools = `{"toolsListChanged":true}`

// listen opens a stream over HTTP and returns it behind its acknowledgement.
func (r *running) listen(id, filter string) (*feed, string) {
	r.t.Helper()
	f := r.feed(r.post(listenCall(id, filter)))
	return f, f.next()
}

// drainBeside drains the server while the test goes on; what it returns waits for the end.
func (r *running) drainBeside() (wait func()) {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		done <- r.Drain(ctx)
	}()
	return func() {
		if err := <-done; err != nil {
			r.t.Errorf("Drain: %v", err)
		}
	}
}

// changeTools makes tools/list change.
func (r *running) changeTools(name string) {
	r.t.Helper()
	server.AddTool(r.Server, mcp.Tool{Name: name},
		func(context.Context, *mcp.Request, struct{}) (string, error) { return "", nil })
}

func subscribed(id string) string {
	return `"_meta":{"io.modelcontextprotocol/subscriptionId":` + id + `}`
}

func TestListenOverHTTP(t *testing.T) {
	r := start(t, nil)
	for _, id := range []string{`"s1"`, `17`, `""`, `"7"`, `-9007199254740993`} {
		f, ack := r.listen(id, wantTools)
		h := f.resp.Header
		if h.Get("X-Accel-Buffering") != "no" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("headers %v", h)
		}
		want := `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{` +
			subscribed(id) + `,"notifications":{"toolsListChanged":true}}}`
		if ack != want {
			t.Errorf("id %s:\ngot  %s\nwant %s", id, ack, want)
		}
		r.changeTools("more")
		want = `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{` +
			subscribed(id) + `}}`
		if got := f.next(); got != want {
			t.Errorf("id %s:\ngot  %s\nwant %s", id, got, want)
		}
		f.resp.Body.Close()
	}
}

func TestListenOverTCP(t *testing.T) {
	r := start(t, nil)
	c := r.dialTCP()
	ids := []string{`"s1"`, `1`, `"1"`, `2`}
	for _, id := range ids {
		want := `acknowledged","params":{` + subscribed(id)
		if got := c.ask(listenCall(id, wantTools)); !strings.Contains(got, want) {
			t.Errorf("id %s: %s", id, got)
		}
	}
	if got := c.ask(listenCall(`"quiet"`, `{}`)); !strings.Contains(got, `"notifications":{}`) {
		t.Errorf("empty filter: %s", got)
	}
	r.changeTools("more")
	left := map[string]bool{}
	for range ids {
		got := c.read()
		for _, id := range ids {
			if strings.Contains(got, `list_changed","params":{`+subscribed(id)+`}`) {
				left[id] = true
			}
		}
	}
	if len(left) != len(ids) {
		t.Errorf("told: %v, want all of %v", left, ids)
	}
	// Calls go on beside the streams, and the quiet stream was told nothing.
	if got := c.ask(modernCall("9", "echo", `{"message":"m"}`)); idOf(got) != "9" {
		t.Errorf("got %s", got)
	}
}

// Only who asked for it is told of a changed list.
func TestListenWithoutToolsListChangedIsNotTold(t *testing.T) {
	r := start(t, nil)
	f := func(filter string) {
		t.Helper()
		feed, ack := r.listen("1", filter)
		if !strings.Contains(ack, `"notifications":{}`) {
			t.Errorf("%s: acknowledged %s", filter, ack)
		}
		told, _ := r.listen("2", wantTools)
		r.changeTools("more")
		if got := told.next(); !strings.Contains(got, "list_changed") {
			t.Fatalf("got %s", got)
		}
		defer r.drainBeside()() // the next message is the last one
		if got := feed.next(); !strings.Contains(got, `"result"`) {
			t.Errorf("%s: got %s", filter, got)
		}
		feed.resp.Body.Close()
		told.resp.Body.Close()
	}
	f(`{"promptsListChanged":true,"toolsListChanged":false}`)
	r = start(t, nil)
	f(`{}`)
}

func TestListenFaults(t *testing.T) {
	r := start(t, nil)
	bare := strings.Replace(listenCall("1", "{}"), `"notifications":{},`, "", 1)
	r.faulty("no filter", 200, -32602, "1", bare)
	r.faulty("filter no object", 200, -32602, "1", listenCall("1", `[]`))
	resp := r.post(strings.Replace(listenCall("1", wantTools), modernMeta, `"x":1`, 1),
		"Mcp-Session-Id:"+r.session("2025-11-25"))
	if text := r.text(resp); code(text) != -32601 {
		t.Errorf("legacy: %s %s", resp.Status, text)
	}
	if got := r.metric("mcploop_streams"); got != 0 {
		t.Errorf("%v streams are open", got)
	}
}

func TestListenLimit(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.Streams = 2 })
	c := r.dialTCP()
	first, _ := r.listen("1", wantTools)
	if got := c.ask(listenCall("2", wantTools)); !strings.Contains(got, "acknowledged") {
		t.Fatalf("got %s", got)
	}
	resp := r.post(listenCall("3", wantTools))
	if text := r.text(resp); resp.StatusCode != 503 || code(text) != -31000 {
		t.Errorf("over HTTP: %s %s", resp.Status, text)
	}
	if got := c.ask(listenCall("3", wantTools)); code(got) != -31000 {
		t.Errorf("over TCP: %s", got)
	}
	first.resp.Body.Close()
	eventually(t, "there is room again", func() bool {
		return strings.Contains(c.ask(listenCall("4", wantTools)), "acknowledged")
	})
}

func TestListenManyAtOnce(t *testing.T) {
	r := start(t, nil)
	const count = 100
	feeds := make([]*feed, count)
	for i := range feeds {
		feeds[i], _ = r.listen(fmt.Sprint(i), wantTools)
	}
	if got := r.metric("mcploop_streams"); got != count {
		t.Errorf("%v streams are open, want %d", got, count)
	}
	r.changeTools("more")
	var readers sync.WaitGroup
	for i, f := range feeds {
		readers.Go(func() {
			want := `list_changed","params":{` + subscribed(fmt.Sprint(i)) + `}`
			if got := f.next(); !strings.Contains(got, want) {
				t.Errorf("stream %d got %s", i, got)
			}
		})
	}
	readers.Wait()
	for _, f := range feeds {
		f.resp.Body.Close()
	}
	eventually(t, "the streams of clients that have gone are gone", func() bool {
		return r.metric("mcploop_streams") == 0
	})
}

func TestListenEndsWithItsResultAtDrain(t *testing.T) {
	r := start(t, nil)
	f, _ := r.listen(`"http"`, wantTools)
	c := r.dialTCP()
	c.ask(listenCall(`42`, wantTools))
	defer r.drainBeside()()
	ends := func(door, id, got string) {
		t.Helper()
		want := `{"jsonrpc":"2.0","id":` + id + `,"result":{"resultType":"complete",` +
			subscribed(id) + `}}`
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", door, got, want)
		}
	}
	ends("HTTP", `"http"`, f.next())
	if rest := f.next(); rest != "" {
		t.Errorf("behind the result: %s", rest)
	}
	ends("TCP", `42`, c.read())
	if !c.ended() {
		t.Error("something came behind the result")
	}
	f.resp.Body.Close()
	c.Close()
}

func TestListenIsCancelledWithoutAMessage(t *testing.T) {
	r := start(t, nil)
	c := r.dialTCP()
	c.ask(listenCall(`1`, wantTools))
	c.ask(listenCall(`"1"`, wantTools))
	c.line(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,` +
		modernMeta + `}}`)
	eventually(t, "one stream is left", func() bool { return r.metric("mcploop_streams") == 1 })
	r.changeTools("more")
	if got := c.read(); !strings.Contains(got, subscribed(`"1"`)) {
		t.Errorf("got %s", got)
	}
	if got := c.ask(modernCall("9", "echo", `{"message":"m"}`)); idOf(got) != "9" {
		t.Errorf("the cancelled stream was told: %s", got)
	}
}

func TestListenIsGoneOnDisconnect(t *testing.T) {
	r := start(t, nil)
	f := func(name string, hangUp func(c *peerConn)) {
		t.Helper()
		web, line := r.dialHTTP(), r.dialTCP()
		web.send(wirePost(listenCall("1", wantTools)))
		if got := web.read(); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Fatalf("got %s", got)
		}
		line.ask(listenCall("1", wantTools))
		eventually(t, "both are open", func() bool { return r.metric("mcploop_streams") == 2 })
		hangUp(web)
		hangUp(line)
		eventually(t, name+": both are gone", func() bool {
			return r.metric("mcploop_streams") == 0
		})
	}
	f("FIN", func(c *peerConn) { c.Close() })
	f("RST", func(c *peerConn) { c.reset() })
}

func TestListenStaysWhileItIsQuiet(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.IdleTimeout = 200 * time.Millisecond })
	f, _ := r.listen("1", wantTools)
	idle := r.dialHTTP()
	if a := idle.exchange(livez); a.StatusCode != http.StatusOK {
		t.Fatal(a.Status)
	}
	for range 4 { // several idle times pass
		if idle = r.dialHTTP(); idle.exchange(livez).StatusCode == 200 && !idle.ended() {
			t.Error("an idle connection was told something")
		}
	}
	r.changeTools("more")
	if got := f.next(); !strings.Contains(got, "list_changed") {
		t.Errorf("got %s", got)
	}
}

func TestListenKeepAliveComments(t *testing.T) {
	r := start(t, nil)
	f, _ := r.listen("1", wantTools)
	if line, err := f.r.ReadString('\n'); line != "\n" || err != nil {
		t.Fatalf("got %q %v behind the acknowledgement", line, err)
	}
	r.KeepAliveNow()
	line, err := f.r.ReadString('\n')
	if !strings.HasPrefix(line, ":") || err != nil {
		t.Fatalf("got %q %v, want a comment", line, err)
	}
	r.changeTools("more")
	if got := f.next(); !strings.Contains(got, "list_changed") {
		t.Errorf("after the comment: %s", got)
	}
}
