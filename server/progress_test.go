package server_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// everyProgress lets all progress through.
func everyProgress(o *server.Options) { o.Limits.ProgressInterval = -1 }

// burst is what goes out at once.
const burst = 10

// addTeller adds a tool that tells of its progress n times, then does what then says.
func (r *running) addTeller(n int, then func(context.Context, *mcp.Request) error) {
	server.AddTool(r.Server, mcp.Tool{Name: "tell"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			for i := range n {
				p := mcp.ProgressNotificationParams{Progress: float64(i)}
				if err := req.NotifyProgress(ctx, p); err != nil {
					return "", err
				}
			}
			return "told", then(ctx, req)
		})
}

// wants are the parts of the messages that a client gets: a burst, the last progress, more.
func wants(n int, more ...string) (list []string) {
	for i := range burst {
		list = append(list, fmt.Sprintf(`"progress":%d}`, i))
	}
	return append(append(list, fmt.Sprintf(`"progress":%d}`, n-1)), more...)
}

func checkParts(t *testing.T, name string, got, want []string) {
	t.Helper()
	same := len(got) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = strings.Contains(got[i], want[i])
	}
	if !same {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// A flood of progress is thinned; what came last comes before the answer, or before whatever else
// the call says.
func TestProgressIsThinned(t *testing.T) {
	const n = 500
	r := start(t, func(o *server.Options) { o.Limits.ProgressInterval = time.Hour })
	var failing atomic.Bool
	r.addTeller(n, func(ctx context.Context, req *mcp.Request) error {
		if failing.Load() {
			return fmt.Errorf("out of paper")
		}
		return req.Log(ctx, "warning", "", "nearly done")
	})
	modern := strings.Replace(modernCall("1", "tell", "{}"), `"_meta":{`,
		`"_meta":{"progressToken":"p",`, 1)
	session := "Mcp-Session-Id: " + r.session("2025-11-25")
	level := legacyLine("1", "logging/setLevel", `"level":"info"`)
	r.dialHTTP().exchange(wirePost(level, session))
	for _, last := range []string{`"text":"told"`, "out of paper"} {
		more := []string{last}
		got := r.dialHTTP().exchange(wirePost(modern)).messages()
		checkParts(t, "modern", got, wants(n, more...))
		if !failing.Load() {
			more = []string{"nearly done", last} // at no level in the modern era
		}
		line := r.dialTCP()
		line.initialize("2025-06-18")
		line.ask(level)
		line.line(legacyProgressCall("1", "tell"))
		checkParts(t, "line", line.readLines(burst+1+len(more)), wants(n, more...))
		got = r.dialHTTP().exchange(wirePost(legacyProgressCall("2", "tell"), session)).messages()
		checkParts(t, "legacy", got, wants(n, more...))
		failing.Store(true)
	}
	replaced := r.metric("mcploop_progress_replaced_total")
	if want := 2 * 3 * (n - burst - 1); replaced != float64(want) {
		t.Errorf("%v were replaced, want %d", replaced, want)
	}
}

// Held progress comes when it is due, not with the answer alone.
func TestHeldProgressComesInTime(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.ProgressInterval = time.Millisecond })
	g := r.addGate("held")
	r.addTeller(100, func(context.Context, *mcp.Request) error { <-g.release; return nil })
	c := r.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyProgressCall("1", "tell"))
	for !strings.Contains(c.read(), `"progress":99}`) {
	}
	close(g.release)
	if got := c.read(); !strings.Contains(got, "told") {
		t.Errorf("got %s", got)
	}
}

// A cancelled call's held progress is not sent.
func TestCancelledCallDropsHeldProgress(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.ProgressInterval = time.Hour })
	g := r.addGate("held")
	r.addTeller(100, func(ctx context.Context, req *mcp.Request) error {
		g.entered <- req
		<-ctx.Done()
		return context.Cause(ctx)
	})
	c := r.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyProgressCall("1", "tell"))
	c.readLines(burst)
	g.waitEntered()
	c.line(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	if got := c.ask(legacyPing); !strings.Contains(got, `"result":{}`) {
		t.Errorf("got %s", got)
	}
}
