package links

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// runs counts how often a tool ran for each message.
type runs struct {
	mu   sync.Mutex // guards seen
	seen map[string]int
}

func (r *runs) ran(message string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[message]
}

// addTools adds add, which must not run twice, and look, which may.
func (r *runs) addTools(s *server.Server) {
	run := func(_ context.Context, _ *mcp.Request, in echoInput) (string, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen[in.Message]++
		return in.Message, nil
	}
	server.AddTool(s, mcp.Tool{Name: "add"}, run)
	look := mcp.Tool{Name: "look", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}}
	server.AddTool(s, look, run)
}

// cutWithin ends each connection behind so many bytes of answers: in the middle of one, mostly.
func cutWithin(least, more int) string {
	bytes := least + rand.IntN(more)
	return toxic("limit_data", "downstream", fmt.Sprintf(`"bytes":%d`, bytes))
}

const (
	talkers   = 8
	callsEach = 150
	cutEvery  = 40 // calls
)

// TestCutLink: while the link to one upstream is cut again and again, every call has one end, which
// is its own; what must not run twice does not, what was answered has run; calls of the other
// upstream are all answered; and in the end nothing is in flight.
func TestCutLink(t *testing.T) {
	least := map[string]int{"http": 400, "tcp": 3000} // more than a handshake has
	for door, url := range map[string]string{"http": "http://%s/mcp", "tcp": "tcp://%s"} {
		t.Run(door, func(t *testing.T) {
			r := &runs{seen: map[string]int{}}
			s := newServer(t, "up")
			r.addTools(s)
			up := serve(t, s)
			l := newLink(t, up[door])
			g := newServer(t, "gateway")
			for name, url := range map[string]string{
				"well": "tcp://" + up["tcp"], "sick": fmt.Sprintf(url, l.proxy.Listen),
			} {
				if err := g.AddUpstream(gateway.Options{
					Name: name, Client: client.Options{URL: url}, Timeout: 5 * time.Second,
					Grace: time.Hour, BackoffMin: 10 * time.Millisecond,
					BackoffMax: 50 * time.Millisecond, BreakerOpenFor: 20 * time.Millisecond,
				}); err != nil {
					t.Fatal(err)
				}
			}
			addr := serve(t, g)["tcp"]
			first := connect(t, addr)
			until(t, first, "sick__echo")
			until(t, first, "well__echo")
			ends := make(chan struct{}, talkers*callsEach)
			var all sync.WaitGroup
			var answered, failed atomic.Int64
			for i := range talkers {
				c := connect(t, addr)
				all.Go(func() {
					for n := range callsEach {
						if r.call(t, c, fmt.Sprintf("%d.%d", i, n)) {
							answered.Add(1)
						} else {
							failed.Add(1)
						}
						ends <- struct{}{}
					}
					if strays := c.Stats().Strays; strays != 0 {
						t.Errorf("%d answers came that nobody waited for", strays)
					}
				})
			}
			cuts := 0
			l.poison(cutWithin(least[door], 1))
			for n := range talkers * callsEach {
				if <-ends; n%cutEvery == cutEvery-1 {
					l.heal()
					l.poison(cutWithin(least[door], 3*least[door]))
					cuts++
				}
			}
			all.Wait()
			l.heal()
			t.Logf("%d lengths of connections, %d calls answered, %d failed", cuts, answered.Load(),
				failed.Load())
			if answered.Load() == 0 || failed.Load() == 0 {
				t.Error("the run shows nothing: all calls ended in the same way")
			}
			until(t, first, "sick__echo")
			var metrics strings.Builder
			g.WriteMetrics(&metrics)
			for _, name := range []string{"sick", "well"} {
				want := fmt.Sprintf("mcploop_upstream_in_flight{upstream=%q} 0\n", name)
				if !strings.Contains(metrics.String(), want) {
					t.Errorf("calls of upstream %s are in flight still", name)
				}
			}
		})
	}
}

// call makes one call and checks its end. It reports whether it was answered.
func (r *runs) call(t *testing.T, c *client.Client, message string) bool {
	tool := []string{"sick__add", "sick__look", "well__add"}[rand.IntN(3)]
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	result, err := c.Call(ctx, tool, echoInput{message})
	ran := r.ran(message)
	var fault *mcp.Error
	switch {
	case err == nil && result.Content[0].(*mcp.TextContent).Text != message:
		t.Errorf("%s %s: got another call's answer", tool, message)
	case err == nil && ran == 0, ran > 1 && tool != "sick__look", ran > 2:
		t.Errorf("%s %s: it ran %d times, and ended with %v", tool, message, ran, err)
	case err != nil && tool == "well__add":
		t.Errorf("%s %s: %v", tool, message, err)
	case err != nil && (!errors.As(err, &fault) || fault.Code > -31001 || fault.Code < -31002):
		t.Errorf("%s %s: %v", tool, message, err)
	}
	return err == nil
}
