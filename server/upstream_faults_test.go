package server_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// beside serves a gateway with a healthy upstream, well, and a sick one, sick.
func beside(t *testing.T, sick func(*gateway.Options)) *running {
	t.Helper()
	healthy := start(t, nil)
	g := start(t, nil, func(s *server.Server) {
		opt := gateway.Options{
			Name: "sick", BackoffMin: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond,
		}
		sick(&opt)
		for _, o := range []gateway.Options{
			{Name: "well", Client: client.Options{URL: "http://" + healthy.http + "/mcp"}}, opt,
		} {
			if err := s.AddUpstream(o); err != nil {
				t.Fatal(err)
			}
		}
	})
	g.has("well__echo", true)
	return g
}

// unharmed fails when a call to another upstream, or a tool of the gateway's own, is not answered.
func (r *running) unharmed() {
	r.t.Helper()
	for _, tool := range []string{"well__echo", "echo"} {
		if fault := r.echoes(tool); fault != "" {
			r.t.Error(fault)
		}
	}
	if got := r.metric(`mcploop_upstream_up{upstream="well"}`); got != 1 {
		r.t.Errorf("the other upstream is up: %v, want 1", got)
	}
}

func (r *running) ofSick(metric string) float64 {
	r.t.Helper()
	return r.metric("mcploop_upstream_" + metric + `{upstream="sick"}`)
}

// TestUpstreamHangsAtStart: an upstream that stops answering at any step of the start is tried
// again and again; its tools are not offered and nobody else hears of it.
func TestUpstreamHangsAtStart(t *testing.T) {
	f := func(name, addr string) {
		t.Run(name, func(t *testing.T) {
			g := beside(t, func(o *gateway.Options) {
				o.Client = client.Options{URL: "tcp://" + addr, Era: client.Legacy}
				o.StartTimeout = 50 * time.Millisecond
			})
			eventually(t, "it is tried a third time", func() bool {
				g.unharmed()
				return g.ofSick("starts_total") >= 3
			})
			g.has("sick__echo", false)
			if up, in := g.ofSick("up"), g.ofSick("in_flight"); up != 0 || in != 0 {
				t.Errorf("got up %v, in flight %v, want none", up, in)
			}
			if n := strings.Count(g.log.String(), "upstream is not there"); n != 1 {
				t.Errorf("the log tells of it %d times, want once:\n%s", n, g.log)
			}
		})
	}
	f("connect", fullListener(t))
	f("initialize", startFake(t, silentAt("initialize")).addr)
	f("tools/list", startFake(t, silentAt("tools/list")).addr)
}

// fullListener is an address where connects hang: nobody accepts, and the queue is full.
func fullListener(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	any := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(fd, any); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // more than fit
		c, err := syscall.Socket(syscall.AF_INET,
			syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(c) })
		if err := syscall.Connect(c, name); err != nil && err != syscall.EINPROGRESS {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// TestUpstreamHangsInACall: the call ends by its timeout and says whose it was; the upstream hears
// that it is cancelled.
func TestUpstreamHangsInACall(t *testing.T) {
	fake := startFake(t, silentAt("tools/call"))
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy}
		o.Timeout = 100 * time.Millisecond
	})
	g.has("sick__echo", true)
	c := g.dialTCP()
	c.initialize("2025-11-25")
	for id := range 20 {
		c.line(legacyCall(fmt.Sprint(id), "sick__echo", "{}"))
	}
	fake.waitFor("tools/call")
	g.unharmed()
	seen := map[string]bool{}
	for range 20 {
		got := c.read()
		seen[replyID(got)] = true
		if code(got) != -31001 || !strings.Contains(got, `"upstream":"sick"`) ||
			!strings.Contains(got, "100ms") {
			t.Errorf("got %s, want a timeout that names the upstream", got)
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d of 20 calls were answered", len(seen))
	}
	fake.waitFor("notifications/cancelled")
	g.unharmed()
}

// TestUpstreamGoesWithoutACall: the end of a connection that nobody uses is seen, and its calls are
// refused until it is back.
func TestUpstreamGoesWithoutACall(t *testing.T) {
	down := make(chan struct{})
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		select {
		case <-down:
			c.Close()
			return ""
		default:
			return well(c, m)
		}
	})
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy}
	})
	g.has("sick__echo", true)
	eventually(t, "it is up", func() bool { return g.ofSick("up") == 1 })
	close(down)
	fake.cut()
	eventually(t, "it is down", func() bool { return g.ofSick("up") == 0 })
	if got := g.text(g.post(modernCall("1", "sick__echo", "{}"))); code(got) != -31002 {
		t.Errorf("got %s, want -31002", got)
	}
	g.unharmed()
}

// TestUpstreamAddedTwice: a name stands for one upstream.
func TestUpstreamAddedTwice(t *testing.T) {
	up := start(t, nil)
	opt := gateway.Options{Name: "up", Client: client.Options{URL: "tcp://" + up.tcp}}
	g := start(t, nil, func(s *server.Server) {
		if err := s.AddUpstream(opt); err != nil {
			t.Fatal(err)
		}
	})
	err := g.AddUpstream(opt)
	if err == nil || !strings.Contains(err.Error(), `"up"`) {
		t.Errorf("got %v, want it refused by name", err)
	}
	opt.Name = "late"
	if err := g.AddUpstream(opt); err != nil {
		t.Fatal(err)
	}
	g.has("late__echo", true)
	g.has("up__echo", true)
	g.drainBeside()()
	opt.Name = "later"
	if err := g.AddUpstream(opt); err == nil {
		t.Error("a server that has ended took another upstream")
	}
}
