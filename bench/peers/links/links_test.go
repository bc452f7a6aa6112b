package links

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

type echoInput struct {
	Message string `json:"message"`
}

// serve runs s until the test ends and returns the addresses of its doors.
func serve(t *testing.T, s *server.Server) map[string]string {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		hard, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Drain(hard) // what is in flight is cut
	})
	doors := map[string]string{}
	for _, a := range s.Addrs() {
		doors[a.Door] = a.Addr.String()
	}
	return doors
}

func newServer(t *testing.T, name string) *server.Server {
	t.Helper()
	s, err := server.New(server.Options{
		Name: name, HTTP: []string{"127.0.0.1:0"}, TCP: []string{"127.0.0.1:0"},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), DrainTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.AddTool(s, mcp.Tool{Name: "echo"},
		func(_ context.Context, _ *mcp.Request, in echoInput) (string, error) {
			return in.Message, nil
		})
	return s
}

// link is a toxiproxy in front of an upstream.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

func newLink(t *testing.T, upstream string) *link {
	t.Helper()
	registry := toxiproxy.NewMetricsContainer(prometheus.NewRegistry())
	api := toxiproxy.NewServer(registry, zerolog.Nop())
	p := toxiproxy.NewProxy(api, "link", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &link{t, p}
}

// poison adds toxics; each is JSON as toxiproxy's API has it.
func (l *link) poison(toxics ...string) {
	l.t.Helper()
	for _, toxic := range toxics {
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *link) heal() { l.proxy.Toxics.ResetToxics(l.t.Context()) }

const callers = 20

// outcomes has callers call a tool at the same time and counts how the calls end. A call without an
// end in time is a fault.
func outcomes(t *testing.T, c *client.Client, tool string) (answered, failed int) {
	t.Helper()
	ends := make(chan error, callers)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range callers {
		go func() {
			want := fmt.Sprintf("message %d", i)
			r, err := c.Call(ctx, tool, echoInput{want})
			if err == nil && r.Content[0].(*mcp.TextContent).Text != want {
				err = errors.New("another caller's answer")
				t.Error(err)
			}
			ends <- err
		}()
	}
	for range callers {
		var fault *mcp.Error
		switch err := <-ends; {
		case err == nil:
			answered++
		case errors.As(err, &fault) && fault.Code <= -31001 && fault.Code >= -31002:
			failed++
		default:
			t.Errorf("a call ended with %v", err)
		}
	}
	return answered, failed
}

// connect is a client of the server at addr.
func connect(t *testing.T, addr string) *client.Client {
	t.Helper()
	c, err := client.Connect(t.Context(), client.Options{URL: "tcp://" + addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// until calls a tool until it answers.
func until(t *testing.T, c *client.Client, tool string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := c.Call(ctx, tool, echoInput{"x"})
		if err == nil && !r.IsError {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s never answers: %v", tool, err)
		}
	}
}

// toxic is one of toxiproxy's, as its API has it.
func toxic(kind, stream, attributes string) string {
	return fmt.Sprintf(`{"type":"%s","stream":"%s","attributes":{%s}}`, kind, stream, attributes)
}

// ways are how a link is broken, and whether calls are answered over it all the same.
func ways() map[string]struct {
	toxics  []string
	answers bool
} {
	const down, up = "downstream", "upstream" // answers, calls
	type way = struct {
		toxics  []string
		answers bool
	}
	return map[string]way{
		"latency": {[]string{
			toxic("latency", down, `"latency":100,"jitter":50`),
			toxic("latency", up, `"latency":100`),
		}, true},
		"slices": {[]string{
			toxic("slicer", down, `"average_size":7,"size_variation":3,"delay":10`),
			toxic("slicer", up, `"average_size":7,"size_variation":3,"delay":10`),
		}, true},
		"slow close":        {[]string{toxic("slow_close", down, `"delay":2000`)}, true},
		"black hole":        {[]string{toxic("timeout", down, `"timeout":0`)}, false},
		"calls are lost":    {[]string{toxic("timeout", up, `"timeout":0`)}, false},
		"silence, then end": {[]string{toxic("timeout", down, `"timeout":200`)}, false},
		"one byte a second": {[]string{
			toxic("slicer", down, `"average_size":1,"delay":1000000`),
		}, false},
		"cut in an answer": {[]string{toxic("limit_data", down, `"bytes":50`)}, false},
		"cut in a call":    {[]string{toxic("limit_data", up, `"bytes":50`)}, false},
		"reset":            {[]string{toxic("reset_peer", down, `"timeout":0`)}, false},
	}
}

// TestLinks breaks the link to an upstream in one way after the other: each of twenty calls has one
// end, the other upstream answers all of its, and a link that is whole again is used again.
func TestLinks(t *testing.T) {
	up := serve(t, newServer(t, "up"))
	for name, way := range ways() {
		for door, url := range map[string]string{"http": "http://%s/mcp", "tcp": "tcp://%s"} {
			t.Run(name+" "+door, func(t *testing.T) {
				l := newLink(t, up[door])
				g := newServer(t, "gateway")
				for _, o := range []gateway.Options{
					{Name: "well", Client: client.Options{URL: "tcp://" + up["tcp"]}},
					{
						Name: "sick", Client: client.Options{URL: fmt.Sprintf(url, l.proxy.Listen)},
						Timeout: time.Second, StartTimeout: time.Second, Grace: time.Hour,
						BackoffMin: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond,
						BreakerOpenFor: 50 * time.Millisecond,
					},
				} {
					if err := g.AddUpstream(o); err != nil {
						t.Fatal(err)
					}
				}
				c := connect(t, serve(t, g)["tcp"])
				until(t, c, "sick__echo")
				until(t, c, "well__echo")
				l.poison(way.toxics...)
				answered, failed := outcomes(t, c, "sick__echo")
				if way.answers && failed > 0 || !way.answers && answered > 0 {
					t.Errorf("%d calls were answered, %d failed", answered, failed)
				}
				if answered, _ := outcomes(t, c, "well__echo"); answered != callers {
					t.Errorf("the other upstream has answered %d of %d calls", answered, callers)
				}
				l.heal()
				until(t, c, "sick__echo")
			})
		}
	}
}
