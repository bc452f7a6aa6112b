package server_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestUpstreamMessageBytes: an answer of the size that is allowed passes, on every wire that has
// lines, bodies and events.
func TestUpstreamMessageBytes(t *testing.T) {
	const size = 6 << 20 // above the default, and above what loops carry by default
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/call" {
			return `{"content":[{"type":"text","text":"` + strings.Repeat("x", size) + `"}]}`
		}
		return well(c, m)
	})
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{
			URL: "tcp://" + fake.addr, Era: client.Legacy, MessageBytesMax: size + 1000,
		}
	})
	g.has("up__echo", true)
	if got := g.text(g.post(modernCall("1", "up__echo", "{}"))); len(got) < size {
		t.Errorf("got %d bytes, want %d: %.200s", len(got), size, got)
	}
}

// TestUpstreamDialTimeout: one attempt to connect ends, and another is made, long before
// start_timeout.
func TestUpstreamDialTimeout(t *testing.T) {
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{
			URL: "tcp://" + fullListener(t), Era: client.Legacy, DialTimeout: 20 * time.Millisecond,
		}
	})
	eventually(t, "it is tried a third time", func() bool { return g.ofSick("starts_total") >= 3 })
}

// TestUpstreamProbeTimeout: a server that does not answer what it does not know is a legacy one.
func TestUpstreamProbeTimeout(t *testing.T) {
	fake := startFake(t, silentAt("server/discover"))
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, ProbeTimeout: 20 * time.Millisecond}
		o.StartTimeout = time.Hour
	})
	g.has("up__echo", true)
}

// TestUpstreamIdleTimeout: a connection over HTTP that no call uses is closed.
func TestUpstreamIdleTimeout(t *testing.T) {
	up := start(t, nil)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{
			URL: "http://" + up.http + "/mcp", Era: client.Legacy,
			IdleTimeout: 20 * time.Millisecond,
		}
	})
	g.has("up__echo", true)
	eventually(t, "its connections are closed", func() bool {
		// That of the question itself is left, and the stream on which it tells of changes.
		return up.metric("mcploop_connections") == 2
	})
	if got := g.echoes("up__echo"); got != "" {
		t.Error(got)
	}
}

// TestUpstreamCloseGrace: a child that ends neither with its input nor by SIGTERM is killed after
// so long, twice.
func TestUpstreamCloseGrace(t *testing.T) {
	g := beside(t, func(o *gateway.Options) {
		shell("trap '' TERM; " + everything(t) + " -stdio; while :; do sleep 0.1; done")(o)
		o.Client.CloseGrace = 20 * time.Millisecond
	})
	g.has("sick__test_simple_text", true)
	g.drainBeside()()
}

// TestUpstreamNoiseMax: so many lines that are no message, and no more, are passed over.
func TestUpstreamNoiseMax(t *testing.T) {
	f := func(lines int, want bool) {
		t.Run(fmt.Sprint(lines), func(t *testing.T) {
			g := beside(t, func(o *gateway.Options) {
				noise := fmt.Sprintf("yes noise | head -n %d; ", lines)
				shell(noise + "exec " + everything(t) + " -stdio")(o)
				o.Client.NoiseMax = 50
			})
			if want {
				g.has("sick__test_simple_text", true)
				return
			}
			eventually(t, "it is given up", func() bool { return g.ofSick("starts_total") >= 3 })
			g.has("sick__test_simple_text", false)
		})
	}
	f(50, true)
	f(51, false)
}

// TestUpstreamMemoryLimit: a child that takes more memory than it may ends alone, and the log says
// how it is bound.
func TestUpstreamMemoryLimit(t *testing.T) {
	g := beside(t, func(o *gateway.Options) {
		// The shell keeps what it reads in memory.
		shell("x=$(head -c 200000000 /dev/zero | tr '\\0' x); exec " + everything(t) + " -stdio")(o)
		o.Client.Limits = process.Limits{Memory: 64 << 20}
	})
	eventually(t, "it ends, and is tried again", func() bool {
		g.unharmed()
		return g.ofSick("starts_total") >= 3
	})
	g.has("sick__test_simple_text", false)
	g.logs("memory 67108864 bytes")
}

// TestUpstreamBackoffMin: the first pause is the one that is asked for.
func TestUpstreamBackoffMin(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	g := start(t, nil, func(s *server.Server) {
		err := s.AddUpstream(gateway.Options{
			Name: "sick", BackoffMin: time.Hour, BackoffMax: 2 * time.Hour,
			Client: client.Options{URL: "tcp://" + addr},
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	eventually(t, "it is not there", func() bool {
		return strings.Contains(g.log.String(), "upstream is not there")
	})
	var minutes, seconds float64
	_, retry, _ := strings.Cut(g.log.String(), "retry=")
	if n, _ := fmt.Sscanf(retry, "%fm%fs", &minutes, &seconds); n == 0 &&
		!strings.HasPrefix(retry, "1h") {
		t.Fatalf("the log says %.100s", retry)
	}
	if !strings.HasPrefix(retry, "1h") && minutes < 45 {
		t.Errorf("it is tried again in %v minutes, want 45 to 75", minutes)
	}
}
