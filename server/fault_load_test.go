package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addCrashes offers tools that fail in every way a handler can.
func addCrashes(s *server.Server) {
	server.AddTool(s, mcp.Tool{Name: "exit", Description: "ends its goroutine"},
		func(context.Context, *mcp.Request, struct{}) (string, error) {
			runtime.Goexit()
			return "", nil
		})
	server.AddTool(s, mcp.Tool{Name: "nil_map", Description: "panics of the runtime"},
		func(context.Context, *mcp.Request, struct{}) (string, error) {
			var m map[string]int
			m["x"] = 1 //nolint:staticcheck // it shall panic
			return "", nil
		}, server.Inline)
	server.AddTool(s, mcp.Tool{Name: "no_json", Description: "cannot be encoded"},
		func(context.Context, *mcp.Request, struct{}) (any, error) { return make(chan int), nil })
	err := errors.Join(
		s.AddAsyncTool(mcp.Tool{Name: "crash_async", InputSchema: anyObject}, func(*server.Call) {
			panic("boom")
		}),
		s.AddAsyncTool(mcp.Tool{Name: "late", InputSchema: anyObject}, func(c *server.Call) {
			c.Reply(nil)
			panic("boom after the answer")
		}),
		s.AddRawTool(mcp.Tool{Name: "torn", InputSchema: anyObject},
			func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
				_ = append(dst, `{"content":[{"type":`...)
				panic("boom in the middle of the answer")
			}, server.Inline),
		s.AddRawTool(mcp.Tool{Name: "half", InputSchema: anyObject},
			func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
				return append(dst, `{"content":[`...), nil
			}))
	if err != nil {
		panic(err)
	}
}

var anyObject = map[string]any{"type": "object"}

// A handler that panics, on the loop, on a worker or before an async call is handed on, costs
// exactly one -32603; the session lives, and nobody else notices.
func TestFaultPanicInHandler(t *testing.T) {
	r := start(t, nil, addCrashes)
	r.watch()
	panics := 0
	for _, e := range r.exchanges() {
		for _, tool := range []string{
			"crash", "crash_inline", "crash_async", "exit", "nil_map", "torn", "half", "no_json",
		} {
			for range 3 {
				got := e.answer(e.call(`"c"`, tool, `{}`))
				failed := code(got) == -32603
				if tool == "no_json" {
					failed = strings.Contains(got, `"isError":true`)
				}
				if !failed || replyID(got) != `"c"` {
					t.Errorf("%s: %s was answered %s", e.name, tool, got)
				}
				if tool != "half" && tool != "no_json" {
					panics++
				}
			}
			e.alive() // and no second answer is on its way
		}
	}
	if n := r.value("mcploop_panics_total"); n != float64(panics) {
		t.Errorf("counted %v panics; want %d", n, panics)
	}
	if n := strings.Count(r.log.String(), "boom"); n < panics/2 {
		t.Errorf("the log names %d of %d panics", n, panics)
	}
}

// A panic after the answer changes nothing: the answer stands and is the only one.
func TestFaultPanicAfterTheAnswer(t *testing.T) {
	r := start(t, nil, addCrashes)
	r.watch()
	for _, e := range r.lines() {
		answers, _ := e.say(e.call("1", "late", `{}`))
		if len(answers) != 1 || code(answers[0]) != 0 {
			t.Errorf("%s: answered %q", e.name, answers)
		}
	}
}

// Handlers that hang fill the workers and then the queue; from the reject mark on calls are
// refused in so many words, before they run, and all that needs no worker is served. What was
// accepted is answered when the hang is over.
func TestFaultHandlersThatHang(t *testing.T) {
	const workers, queued, refused = 4, 50, 30
	r, cage := startCaged(t, func(o *server.Options) {
		o.Queue = server.Queue{
			Workers: workers, Max: 2 * queued, RejectPercent: 50, WarnPercent: 25,
		}
	})
	r.watch()
	defer cage.release()
	e := r.peer("tcp", modern)
	call := func(i int) string { return e.call(fmt.Sprint(i), "stuck", `{"message":"m"}`) }
	for i := range workers {
		e.conn.line(call(i))
		wait(t, "a worker hangs", cage.entered)
	}
	goroutines := runtime.NumGoroutine()
	for i := range queued + refused {
		answers, _ := e.say(call(workers + i))
		switch {
		case i < queued && len(answers) != 0:
			t.Fatalf("call %d of %d was answered %q", i, queued, answers)
		case i >= queued && (len(answers) != 1 || code(answers[0]) != -31000):
			t.Fatalf("call %d above the mark was answered %q", i, answers)
		}
	}
	if n := runtime.NumGoroutine(); n > goroutines+goroutineSlack {
		t.Errorf("%d goroutines; there were %d before the flood", n, goroutines)
	}
	resp := r.post(modernCall("1", "slow", `{"ms":0}`))
	if text := r.text(resp); resp.StatusCode != 503 || code(text) != -31000 {
		t.Errorf("over HTTP the overload is %s %s", resp.Status, text)
	}
	r.checkBalance()
	cage.release()
	seen := map[string]bool{}
	for _, got := range e.conn.readLines(workers + queued) {
		seen[replyID(got)] = code(got) == 0
	}
	if len(seen) != workers+queued || cage.runs.Load() != workers+queued {
		t.Errorf("%d answers, %d runs; want %d", len(seen), cage.runs.Load(), workers+queued)
	}
	e.conn.line(e.call("77", "slow", `{"ms":0}`))
	if got := e.conn.read(); code(got) != 0 {
		t.Errorf("after the overload a call is answered %s", got)
	}
}

// A call that outlives CallTimeout is answered once, with an error of its own; what its handler
// says later is dropped and counted.
func TestFaultCallTimeout(t *testing.T) {
	r, cage := startCaged(t, func(o *server.Options) {
		manyWorkers(o)
		o.CallTimeout = 100 * time.Millisecond
	})
	r.watch()
	defer cage.release()
	peers := r.lines()
	for _, tool := range []string{"caged", "stuck"} { // the stuck ones keep their workers
		id := fmt.Sprintf("%q", tool)
		for _, e := range peers {
			e.conn.line(e.call(id, tool, `{"message":"m"}`))
			wait(t, "the call runs", cage.entered)
		}
		for _, e := range peers {
			if got := e.conn.read(); code(got) != -31001 || replyID(got) != id {
				t.Errorf("%s: %s was answered %s", e.name, tool, got)
			}
			e.alive()
		}
	}
	cage.release()
	eventually(t, "late answers are counted", func() bool {
		return r.value("mcploop_calls_late_total") == float64(2*len(peers))
	})
	for _, e := range r.lines() {
		e.alive()
	}
}

// A server that drains takes no new connection and refuses new calls in so many words; calls
// in flight are answered, then the stream ends.
func TestFaultDrainFinishesWhatIsInFlight(t *testing.T) {
	r, cage := startCaged(t, nil)
	defer cage.release()
	idle := r.dialTCP()
	e := r.peer("tcp", modern)
	idle.ask(modernCall("1", "echo", `{"message":"m"}`))
	e.conn.line(e.call("1", "caged", `{"message":"m"}`))
	wait(t, "the call runs", cage.entered)
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(context.Background()) }()
	if text, _ := idle.waitEnd(); text != "" {
		t.Errorf("an idle connection was told %q", text)
	}
	idle.Close()
	eventually(t, "the door is closed", func() bool {
		c, err := net.Dial("tcp", r.tcp)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if got := e.conn.ask(e.call("2", "caged", `{"message":"m"}`)); code(got) != -31000 {
		t.Errorf("a new call was answered %s", got)
	}
	cage.release()
	if got := e.conn.read(); replyID(got) != "1" || code(got) != 0 {
		t.Errorf("the call in flight was answered %s", got)
	}
	if !e.conn.ended() {
		t.Error("the stream does not end with the last answer")
	}
	e.conn.Close()
	if err := wait(t, "the drain ends", drained); err != nil {
		t.Error(err)
	}
	r.checkBalance()
}

// At the hard end of a drain calls are cancelled and connections closed; Drain says so.
func TestFaultDrainHardEnd(t *testing.T) {
	r, cage := startCaged(t, func(o *server.Options) { o.Queue.Workers = 1 })
	defer cage.release()
	e := r.peer("tcp", modern)
	e.conn.line(e.call("1", "caged", `{"message":"m"}`))
	e.conn.line(e.call("2", "caged", `{"message":"m"}`))
	wait(t, "the call runs", cage.entered)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := r.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain = %v; want the deadline's error", err)
	}
	cage.waitCause(t, server.ErrDisconnected)
	e.conn.waitEnd()
	r.checkBalance()
	if n := r.value("mcploop_calls_in_flight"); n != 0 {
		t.Errorf("%v calls are in flight", n)
	}
}
