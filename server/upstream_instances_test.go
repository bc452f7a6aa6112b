package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// whichConn answers a call with the address of the connection that it came on.
func whichConn(c *fakeConn, m *fakeMessage) string {
	if m.Method != "tools/call" {
		return well(c, m)
	}
	return fmt.Sprintf(`{"content":[{"type":"text","text":"by %s"}]}`, c.RemoteAddr())
}

func (r *running) ofUp(metric string) float64 {
	r.t.Helper()
	return r.metric("mcploop_upstream_" + metric + `{upstream="up"}`)
}

// instances serves a gateway with that many connections to a legacy upstream over TCP.
func instances(t *testing.T, fake *fakeUpstream, n int, change func(*gateway.Options)) *running {
	t.Helper()
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy}
		o.Instances, o.BackoffMax = n, 20*time.Millisecond
		if change != nil {
			change(o)
		}
	})
	g.has("up__echo", true)
	eventually(t, "all instances are there", func() bool {
		return g.ofUp("instances") == float64(n)
	})
	return g
}

// TestUpstreamLeastLoaded: calls in flight are spread over the instances, and one of these has
// listed the tools.
func TestUpstreamLeastLoaded(t *testing.T) {
	const n, each = 4, 5
	type question struct {
		c *fakeConn
		m *fakeMessage
	}
	lists, held := atomic.Int32{}, make(chan question, n*each)
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		switch m.Method {
		case "tools/list":
			lists.Add(1)
		case "tools/call":
			held <- question{c, m}
			return ""
		}
		return well(c, m)
	})
	g := instances(t, fake, n, nil)
	if got := g.ofUp("instances_max"); got != n {
		t.Errorf("got a limit of %v instances, want %d", got, n)
	}
	if got := lists.Load(); got != 1 {
		t.Errorf("the tools were listed %d times, want once", got)
	}
	c := g.dialTCP()
	c.initialize("2025-11-25")
	count, all := map[*fakeConn]int{}, []question{}
	for id := range n * each {
		c.line(legacyCall(fmt.Sprint(id), "up__echo", "{}"))
		q := wait(t, "the call reaches the upstream", held)
		all = append(all, q)
		count[q.c]++
	}
	for conn, calls := range count {
		if calls != each {
			t.Errorf("%d calls were sent to %v, want %d", calls, conn.RemoteAddr(), each)
		}
	}
	if len(count) != n || g.ofUp("in_flight") != n*each {
		t.Errorf("calls are on %d connections, %v in flight, want %d and %d", len(count),
			g.ofUp("in_flight"), n, n*each)
	}
	for _, q := range all {
		q.c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.m.ID, well(q.c, q.m)))
		c.read()
	}
}

// TestUpstreamInstanceIsLost: as long as one instance is there, its tools are, and calls are
// answered; another one leads; the lost one comes back.
func TestUpstreamInstanceIsLost(t *testing.T) {
	var down atomic.Bool
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "initialize" && down.Load() {
			c.Close()
			return ""
		}
		return whichConn(c, m)
	})
	g := instances(t, fake, 3, func(o *gateway.Options) { o.Grace = time.Nanosecond })
	down.Store(true)
	for left := 2; left >= 1; left-- {
		fake.cutOne()
		eventually(t, "the loss is seen", func() bool {
			return g.ofUp("instances") == float64(left)
		})
		for range 10 {
			got := g.text(g.post(modernCall("1", "up__echo", "{}")))
			if !strings.Contains(got, "by 127.0.0.1") {
				t.Errorf("got %s with %d instances", got, left)
			}
		}
		g.has("up__echo", true)
		if got := g.ofUp("up"); got != 1 {
			t.Errorf("up is %v with %d instances", got, left)
		}
	}
	if text := g.log.String(); !strings.Contains(text, "upstream has lost an instance") ||
		strings.Contains(text, "upstream is not there") {
		t.Errorf("the log says\n%s", text)
	}
	fake.cut()
	g.has("up__echo", false)
	down.Store(false)
	g.has("up__echo", true) // the others follow when this one has held for a while
	if got := g.ofUp("restarts_total"); got < 1 || got != g.ofUp("starts_total")-3 {
		t.Errorf("%v restarts of %v starts, want some, and 3 less", got,
			g.ofUp("starts_total"))
	}
}

// TestUpstreamInstancesTellOfChanges: also when the instance is lost that told of changes before.
func TestUpstreamInstancesTellOfChanges(t *testing.T) {
	var late atomic.Bool
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/list" && late.Load() {
			return strings.ReplaceAll(fakeTools, "echo", "late")
		}
		return well(c, m)
	})
	g := instances(t, fake, 2, nil)
	late.Store(true)
	fake.cutOne() // the first one, which leads
	g.has("up__late", true)
	late.Store(false)
	fake.tell(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	g.has("up__echo", true)
}

// TestUpstreamInstancesLearnHeaders: an instance that has not listed the tools repeats arguments in
// headers as the others do.
func TestUpstreamInstancesLearnHeaders(t *testing.T) {
	const calls = 6
	var inside atomic.Int32
	full := make(chan struct{})
	up := start(t, nil)
	err := up.AddRawTool(mcp.Tool{
		Name: "mirrored", InputSchema: json.RawMessage(mirroredSchema),
	}, func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
		if inside.Add(1) == calls {
			close(full)
		}
		<-full // all at the same time, so that all instances are used
		return mcp.AppendTextResult(dst, []byte("ran")), nil
	}, server.Blocking)
	if err != nil {
		t.Fatal(err)
	}
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "http://" + up.http + "/mcp", Era: client.Modern}
		o.Instances = 3
	})
	g.has("up__mirrored", true)
	eventually(t, "all are there", func() bool { return g.ofUp("instances") == 3 })
	c := g.dialTCP()
	c.initialize("2025-11-25")
	for id := range calls {
		c.line(legacyCall(fmt.Sprint(id), "up__mirrored", `{"region":"eu"}`))
	}
	for range calls {
		if got := c.read(); !strings.Contains(got, "ran") {
			t.Fatalf("got %s", got)
		}
	}
}

// TestUpstreamChildrenAsInstances: several processes serve, and one that is killed is replaced
// while the others go on.
func TestUpstreamChildrenAsInstances(t *testing.T) {
	pids := t.TempDir()
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{Command: []string{
			"/bin/sh", "-c", "touch " + pids + "/$$; exec " + everything(t) + " -stdio",
		}}
		o.Instances, o.Grace = 3, time.Nanosecond
	})
	g.has("up__test_simple_text", true)
	eventually(t, "all are there", func() bool { return g.ofUp("instances") == 3 })
	for round := range 3 {
		killOne(t, pids)
		eventually(t, "it is replaced", func() bool {
			got := g.text(g.post(modernCall("1", "up__test_simple_text", "{}")))
			// A call that was with the one that was killed says so, and none is lost.
			if !strings.Contains(got, "simple text") && code(got) != -31002 {
				t.Errorf("got %s", got)
			}
			return g.ofUp("restarts_total") == float64(round+1) && g.ofUp("instances") == 3
		})
		g.has("up__test_simple_text", true)
	}
}

// killOne kills one of the processes that have left a file of their number, which goes.
func killOne(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	name := files[len(files)-1].Name()
	pid, err := strconv.Atoi(name)
	if err == nil {
		err = os.Remove(filepath.Join(dir, name))
	}
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatal(err)
	}
}
