package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func await[T any](t *testing.T, what string, ch <-chan T) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-ch:
	case <-timer.C:
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

// tester is a legacy upstream of lines, with one tool, that does what a test says.
type tester struct {
	*Upstream
	t      *testing.T
	more   string
	item   *Item
	conn   net.Conn
	calls  chan string // ids of the calls of its tool, as they come
	heard  chan string // what else it hears: our answers and notifications
	catch  atomic.Bool // its questions go to caught, and to nobody else
	caught chan *client.Ask
}

func startTester(t *testing.T) *tester { t.Helper(); return startTesterWith(t, "") }

// startTesterWith is startTester; more are further members of the tool's definition.
func startTesterWith(t *testing.T, more string) *tester {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &tester{
		t: t, more: more, calls: make(chan string, 9), heard: make(chan string, 99),
		caught: make(chan *client.Ask, 9),
	}
	served, ready := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(served)
		if conn, err := l.Accept(); err == nil {
			x.serve(conn)
		}
	}()
	items := make(chan *Item, 1)
	x.Upstream, err = New(Options{
		Name: "up", Client: client.Options{
			URL: "tcp://" + l.Addr().String(), Version: mcp.LatestLegacy.String(),
		},
	}, Host{
		Log: slog.New(slog.DiscardHandler), Offer: func(i *Item) error { items <- i; return nil },
		Withdraw: func(mcp.Kind, string) {}, Ready: func() { ready <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	x.opt.Client.OnRequest = func(a *client.Ask) {
		if x.catch.Load() {
			x.caught <- a
			return
		}
		x.asked(a)
	}
	x.Start()
	x.item = await(t, "the tool", items)
	await(t, "the upstream", ready)
	t.Cleanup(func() {
		x.Close()
		l.Close()
		<-served
	})
	return x
}

func (x *tester) serve(conn net.Conn) {
	x.conn = conn
	defer conn.Close()
	for lines := bufio.NewScanner(x.conn); lines.Scan(); {
		_, id, _ := strings.Cut(lines.Text(), `"id":`)
		id, _, _ = strings.Cut(id, ",")
		switch {
		case strings.Contains(lines.Text(), `"initialize"`):
			x.say(`"id":%s,"result":{"protocolVersion":%q,"capabilities":{"tools":{},`+
				`"tasks":{"requests":{"tools":{"call":{}}}}},`+
				`"serverInfo":{"name":"s","version":"1"}}`, id, mcp.LatestLegacy)
		case strings.Contains(lines.Text(), `"tools/list"`):
			x.say(`"id":%s,"result":{"tools":[{"name":"ask","inputSchema":{"type":"object"}%s}]}`,
				id, x.more)
		case strings.Contains(lines.Text(), `"tools/call"`),
			strings.Contains(lines.Text(), `"tasks/result"`):
			x.calls <- id
		case !strings.Contains(lines.Text(), `notifications/initialized`):
			x.heard <- lines.Text()
		}
	}
}

func (x *tester) say(format string, args ...any) {
	_, _ = fmt.Fprintf(x.conn, `{"jsonrpc":"2.0",`+format+"}\n", args...) // it may have ended
}

// answers ends the call with that id.
func (x *tester) answers(id string) { x.say(`"id":%s,"result":{"content":[]}`, id) }

// asks has the upstream ask its client.
func (x *tester) asks(id, message string) {
	x.say(`"id":%q,"method":"elicitation/create","params":{"message":%q}`, id, message)
}

// catches has the upstream ask, and returns the question, which nobody has got yet.
func (x *tester) catches(id string) *client.Ask {
	x.t.Helper()
	x.catch.Store(true)
	defer x.catch.Store(false)
	x.asks(id, "?")
	return await(x.t, "the question", x.caught)
}

// wantHeard waits for an answer of ours with these in it.
func (x *tester) wantHeard(parts ...string) {
	x.t.Helper()
	for {
		line := await(x.t, "an answer", x.heard)
		if strings.Contains(line, `"method"`) {
			continue
		}
		for _, part := range parts {
			if !strings.Contains(line, part) {
				x.t.Errorf("got %s, want %s in it", line, part)
			}
		}
		return
	}
}

// untilNoneHeld returns when nothing is held.
func (x *tester) untilNoneHeld() {
	x.t.Helper()
	for end := time.Now().Add(patience); x.held.len() > 0; runtime.Gosched() {
		if time.Now().After(end) {
			x.t.Fatalf("%d are held", x.held.len())
		}
	}
}

// begins makes a call of c, of a client of revision v.
func (x *tester) begins(c *caller, v mcp.Version) (f *forward, id string) {
	x.t.Helper()
	x.item.Call(c, c.request(v, nil))
	id = await(x.t, "the call", x.calls)
	return c.watcher.Load().(*forward), id
}

// gated has whatever ends f wait for the channel that is returned. No answer may be on its way.
func gated(f *forward) (reached, open chan struct{}) {
	reached, open = make(chan struct{}), make(chan struct{})
	f.Done = func(_ *client.Call, a client.Answer) {
		close(reached)
		<-open
		f.done(a)
	}
	f.live.Mux().Stats() // takes the lock under which f is found, so that the loop sees it
	return reached, open
}

// caller is a client's call, and holds the gateway to what it promises of one.
type caller struct {
	t        *testing.T
	owner    string
	watcher  atomic.Value
	outcome  chan string             // of ReplyRaw and Fail
	asked    chan *mcp.InputRequired // of RequireInput
	answered atomic.Bool
	onReply  atomic.Value // func() that runs before the call is answered

	mu             sync.Mutex
	kept, released bool
}

func newCaller(t *testing.T, owner string) *caller {
	return &caller{
		t: t, owner: owner, outcome: make(chan string, 9), asked: make(chan *mcp.InputRequired, 9),
	}
}

// request is what c asks, or with responses what it comes back with.
func (c *caller) request(v mcp.Version, need *mcp.InputRequired) *mcp.Request {
	req := &mcp.Request{
		Version: v, Capabilities: []byte(`{"elicitation":{}}`), Params: mcp.CallParams{Name: "ask"},
	}
	if need != nil {
		req.InputResponses = map[string]json.RawMessage{}
		for key := range need.Requests {
			req.InputResponses[key] = json.RawMessage(`{"action":"cancel"}`)
		}
	}
	return req
}

// used fails the test when the call may be another client's by now.
func (c *caller) used(how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released && !c.kept {
		c.t.Errorf("%s of a call that was released", how)
	}
}

func (c *caller) Loop() *loop.Loop         { return nil }
func (c *caller) Context() context.Context { return context.Background() }
func (c *caller) OnEnd(w EndWatcher) bool  { c.used("OnEnd"); c.watcher.Store(w); return true }
func (c *caller) Ended() bool              { c.used("Ended"); return c.answered.Load() }
func (c *caller) Owner(bool) string        { return c.owner }
func (c *caller) Client() Client           { return nil }
func (c *caller) ReplyTask(string, []byte) {}

func (c *caller) Notify(string, []byte) error { c.used("Notify"); return nil }

func (c *caller) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
}

func (c *caller) Keep() {
	c.used("Keep")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = true
}

func (c *caller) ReplyRaw(result []byte) {
	c.used("ReplyRaw")
	if first, ok := c.onReply.Load().(func()); ok {
		first()
	}
	c.answered.Store(true)
	c.outcome <- string(result)
}

func (c *caller) Fail(err error) {
	c.used("Fail")
	c.answered.Store(true)
	c.outcome <- err.Error()
}

func (c *caller) RequireInput(need *mcp.InputRequired) {
	c.used("RequireInput")
	c.asked <- need
}

// question waits until it is asked something.
func (c *caller) question() *mcp.InputRequired {
	c.t.Helper()
	return await(c.t, "the question of "+c.owner, c.asked)
}

func (c *caller) wantAsked() { c.t.Helper(); _ = c.question() }

// wantAnswer waits for the result.
func (c *caller) wantAnswer() {
	c.t.Helper()
	if got := await(c.t, "the answer", c.outcome); got != `{"content":[]}` {
		c.t.Errorf("got %s, want the result", got)
	}
}
