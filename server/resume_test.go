package server_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// event is the next event of a stream; ok is false at the stream's end.
func (f *feed) event() (id, data string, ok bool) {
	f.t.Helper()
	for {
		line, err := f.r.ReadString('\n')
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case err == io.EOF:
			return "", "", false
		case err != nil:
			f.t.Fatalf("the stream broke: %v", err)
		case line == "\n" && id+data != "":
			return id, data, true
		case name == "id":
			id = value
		case name == "data":
			data = value
		}
	}
}

// expect checks the next events: their ids and a part of their data.
func (f *feed) expect(want ...string) {
	f.t.Helper()
	for i := 0; i < len(want); i += 2 {
		id, data, ok := f.event()
		same := strings.Contains(data, want[i+1]) && (data == "") == (want[i+1] == "")
		if !ok || id != want[i] || !same {
			f.t.Fatalf("got event %q %q (%v), want %q %q", id, data, ok, want[i], want[i+1])
		}
	}
}

// ends checks that nothing comes any more.
func (f *feed) ends() {
	f.t.Helper()
	if id, data, ok := f.event(); ok {
		f.t.Fatalf("got %q %q behind the end", id, data)
	}
}

// addCounter adds a tool that reports progress for each value of the channel and ends with it.
func (r *running) addCounter(name string) chan<- int {
	values := make(chan int, 2000)
	server.AddTool(r.Server, mcp.Tool{Name: name},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			for i := range values {
				p := mcp.ProgressNotificationParams{Progress: float64(i)}
				if err := req.NotifyProgress(ctx, p); err != nil {
					return "", err
				}
			}
			return "counted", nil
		})
	return values
}

func legacyProgressCall(id, tool string) string {
	return strings.Replace(legacyCall(id, tool, "{}"), `"arguments"`,
		`"_meta":{"progressToken":1},"arguments"`, 1)
}

func TestResumeAfterACut(t *testing.T) {
	r := start(t, nil)
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	values, others := r.addCounter("count"), r.addCounter("other")
	values <- 1
	f := r.feed(r.post(legacyProgressCall("1", "count"), session))
	f.expect("1-0", "", "1-1", `"progress":1`)
	f.resp.Body.Close()
	others <- 77
	other := r.feed(r.post(legacyProgressCall("2", "other"), session))
	other.expect("2-0", "", "2-1", `"progress":77`)
	values <- 2
	f = r.feed(r.getStream(session, "Last-Event-ID:1-1"))
	f.expect("1-2", `"progress":2`)
	values <- 3
	f.expect("1-3", `"progress":3`)
	second := r.feed(r.getStream(session, "Last-Event-ID:1-0")) // takes the stream over
	f.ends()
	second.expect("1-1", `"progress":1`, "1-2", `"progress":2`, "1-3", `"progress":3`)
	close(values)
	second.expect("1-4", "counted")
	second.ends()
	f = r.feed(r.getStream(session, "Last-Event-ID:1-3")) // the answer can be had again
	f.expect("1-4", "counted")
	f.ends()
	close(others)
	other.expect("2-2", "counted")
	other.ends()
	if r.metric("mcploop_calls_completed_total") != 2 || r.pings(session[15:]) != 200 {
		t.Error("a call was not completed, or the session is gone")
	}
}

func TestResumeBefore20251125HasIDsButNoPriming(t *testing.T) {
	r := start(t, nil)
	session := "Mcp-Session-Id:" + r.session("2025-06-18")
	values := r.addCounter("count")
	values <- 1
	close(values)
	f := r.feed(r.post(legacyProgressCall("1", "count"), session))
	f.expect("1-1", `"progress":1`, "1-2", "counted")
	f.ends()
	f = r.feed(r.getStream(session, "Last-Event-ID:1-1"))
	f.expect("1-2", "counted")
	f.ends()
}

// A reader is never left with a gap, and never given another session's events.
func TestResumeRefusals(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Sessions.ReplayEvents = 3 })
	id, foreign := r.session("2025-11-25"), r.session("2025-11-25")
	values := r.addCounter("count")
	for i := range 5 {
		values <- i + 1
	}
	close(values)
	_ = r.text(r.post(legacyProgressCall("1", "count"), "Mcp-Session-Id:"+id))
	refused := func(session string, want int, ids ...string) {
		t.Helper()
		for _, last := range ids {
			resp := r.getStream("Mcp-Session-Id:"+session, "Last-Event-ID:"+last)
			if text := r.text(resp); resp.StatusCode != want || code(text) == 0 {
				t.Errorf("%.40q: got %s %s, want %d", last, resp.Status, text, want)
			}
		}
	}
	refused(id, 400, "garbage", "1", "-", "1-", "-1", "1-7", "2-0", "01-3", "1-03", "1-3-3", "+1-3",
		"18446744073709551616-1", strings.Repeat("1", 8000))
	refused(id, 400, "1-0", "1-1", "1-2") // 1-3 has left the log
	refused(foreign, 400, "1-3", "1-6")
	refused("nobody", 404, "1-3")
	refused(id, 431, strings.Repeat("1", 64<<10)) // more than a head may have
	f := r.feed(r.getStream("Mcp-Session-Id:"+id, "Last-Event-ID:1-3"))
	f.expect("1-4", `"progress":4`, "1-5", `"progress":5`, "1-6", "counted")
	f.ends()
	if resp := r.getStream("Mcp-Session-Id:"+id, "Last-Event-ID:1-3", "Accept:text/html"); resp.
		StatusCode != 406 {
		t.Errorf("Accept text/html: %s", resp.Status)
	}
}

// A handler closes its stream; the client polls (SEP-1699).
func TestCloseStream(t *testing.T) {
	r := start(t, nil)
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	g := r.addGate("held")
	server.AddTool(r.Server, mcp.Tool{Name: "polled"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			req.CloseStream(1500 * time.Millisecond)
			req.CloseStream(time.Second) // nothing is open any more
			g.entered <- req
			<-g.release
			return "polled", nil
		})
	c := r.dialHTTP()
	a := c.exchange(wirePost(legacyCall("1", "polled", "{}"), session))
	if a.body != "retry: 1500\nid: 1-0\ndata: \n\n" {
		t.Fatalf("got %s %q", a.Status, a.body)
	}
	g.waitEntered()
	if next := c.exchange(livez); next.StatusCode != 200 { // the connection serves others
		t.Errorf("the next request: %s", next.Status)
	}
	f := r.feed(r.getStream(session, "Last-Event-ID:1-0"))
	close(g.release)
	f.expect("1-1", "polled")
	f.ends()
	for _, call := range []struct{ name, wire string }{
		{"2025-06-18", wirePost(legacyCall("1", "polled", "{}"),
			"Mcp-Session-Id: "+r.session("2025-06-18"))},
		{"modern", wirePost(modernCall("1", "polled", "{}"))},
	} {
		if a := c.exchange(call.wire); !strings.Contains(a.body, `"text":"polled"`) ||
			a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %s %s", call.name, a.Header, a.body)
		}
	}
}

// However often the connection is cut, each event comes once, in order, and so does the answer.
func TestResumeUnderRandomCuts(t *testing.T) {
	const clients, events = 3, 300 // the session's log holds them all
	r := start(t, everyProgress)
	server.AddTool(r.Server, mcp.Tool{Name: "many"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			for i := range events {
				p := mcp.ProgressNotificationParams{Progress: float64(i)}
				if err := req.NotifyProgress(ctx, p); err != nil {
					return "", err
				}
			}
			return "all", nil
		})
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	var done sync.WaitGroup
	for i := range clients {
		done.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(i), 7))
			f := r.feed(r.post(legacyProgressCall(fmt.Sprint(i), "many"), session))
			last, next := "", 0
			for left := dice.IntN(40) + 1; next <= events; left-- {
				if left == 0 {
					f.resp.Body.Close()
					f = r.feed(r.getStream(session, "Last-Event-ID:"+last))
					left = dice.IntN(40) + 1
				}
				id, data, ok := f.event()
				last = id
				switch want := fmt.Sprintf(`"progress":%d}`, next); {
				case !ok:
					t.Errorf("client %d: the stream ended before event %d", i, next)
					return
				case data == "": // the priming event
				case next < events && strings.Contains(data, want),
					next == events && strings.Contains(data, `"text":"all"`):
					next++
				default:
					t.Errorf("client %d: got %s, want event %d", i, data, next)
					return
				}
			}
			f.ends()
		})
	}
	done.Wait()
}
