package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// cuts ends the connection in place of an answer.
func cuts(*webCall) error { return io.EOF }

// TestBreakerOfATool: five failures in a row open it; what it refuses is not sent, and the other
// tools of its upstream are served. Then three calls may try; they close it, or open it again.
func TestBreakerOfATool(t *testing.T) {
	w := startWeb(t, cuts)
	g := besideWeb(t, w, func(o *gateway.Options) { o.BreakerOpenFor = 50 * time.Millisecond })
	g.fails("bad", 4, -31002, `"state":"ready"`)
	g.succeeds("good")
	g.fails("bad", 1, -31002, `"state":"ready"`)
	refused := g.call("bad")
	for _, want := range []string{
		`"upstream":"sick"`, `"state":"open"`, `"item":"sick__bad"`, `"retryAfterMs":`,
	} {
		if code(refused) != -31002 || !strings.Contains(refused, want) {
			t.Errorf("got %s, want %s in it", refused, want)
		}
	}
	if got := w.calls.Load(); got != 6 {
		t.Errorf("the upstream has seen %d calls, want 6", got)
	}
	g.succeeds("good")
	if open, state := g.ofSick("breaker_items_open"), g.ofSick("breaker_state"); open != 1 ||
		state != 0 {
		t.Errorf("%v breakers of tools are open, that of the upstream is %v", open, state)
	}
	eventually(t, "a call tries it and fails", func() bool {
		return strings.Contains(g.call("bad"), `"state":"ready"`)
	})
	w.answers(answersWell)
	eventually(t, "three calls have closed it", func() bool {
		return strings.Contains(g.call("bad"), `"well"`) && g.ofSick("breaker_items_open") == 0
	})
	if opened, refused := g.ofSick("breaker_items_opened_total"),
		g.ofSick("breaker_items_refused_total"); opened != 2 || refused < 1 {
		t.Errorf("opened %v times, refused %v calls", opened, refused)
	}
	g.unharmed()
}

// TestBreakerOfAnUpstream: failures of several tools in a row, or connections that nobody takes,
// open the upstream's; at most three calls try it then at the same time.
func TestBreakerOfAnUpstream(t *testing.T) {
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	var trying atomic.Bool
	w := startWeb(t, func(c *webCall) error {
		if !trying.Load() {
			return io.EOF
		}
		arrived <- struct{}{}
		<-release
		return answersWell(c)
	})
	g := besideWeb(t, w, func(o *gateway.Options) {
		o.RetryPercent = -1
		o.BreakerOpenFor = 100 * time.Millisecond
	})
	for range 2 {
		g.fails("bad", 1, -31002, "ready")
		g.fails("look", 1, -31002, "ready")
	}
	g.fails("put", 1, -31002, "ready")
	trying.Store(true)
	if got := g.call("good"); !strings.Contains(got, `"state":"open"`) ||
		strings.Contains(got, `"item"`) {
		t.Errorf("got %s, want the upstream's breaker open", got)
	}
	c := g.dialTCP()
	c.initialize("2025-11-25")
	id := 0
	eventually(t, "three calls try it", func() bool {
		id++
		c.line(legacyCall(fmt.Sprint(id), "sick__put", "{}"))
		return len(arrived) >= 3
	})
	if got := g.ofSick("breaker_state"); got != 1 {
		t.Errorf("the breaker's state is %v, want 1, half-open", got)
	}
	if got := g.call("put"); !strings.Contains(got, `"state":"half-open"`) {
		t.Errorf("got %s, want it refused while three calls try", got)
	}
	close(release)
	eventually(t, "it is closed", func() bool { return g.ofSick("breaker_state") == 0 })
	if got := len(arrived); got != 3 {
		t.Errorf("%d calls tried it, want 3", got)
	}
	g.unharmed()
}

// TestBreakerCountsWhatFails: what a caller does wrong opens nothing, what an upstream does does.
func TestBreakerCountsWhatFails(t *testing.T) {
	says := func(status int, kind, body string, headers ...string) func(*webCall) error {
		return func(c *webCall) error {
			return c.raw(status, kind, strings.ReplaceAll(body, "ID", c.id), headers...)
		}
	}
	const refusal = `{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"no"}}`
	for name, c := range map[string]struct {
		call  func(*webCall) error
		opens bool
	}{
		"-32602": {says(200, "application/json", fmt.Sprintf(refusal, -32602)), false},
		"-32601": {says(404, "application/json", fmt.Sprintf(refusal, -32601)), false},
		"isError": {func(c *webCall) error {
			return c.result(`{"resultType":"complete","content":[],"isError":true}`)
		}, false},
		"429":        {says(429, "text/plain", "slower"), false},
		"401":        {says(401, "text/plain", "who"), false},
		"403":        {says(403, "text/plain", "no"), false},
		"503":        {says(503, "text/html", "<h1>busy"), true},
		"500":        {says(500, "application/json", fmt.Sprintf(refusal, -32603)), true},
		"html":       {says(200, "text/html", "<h1>It works!"), true},
		"garbage":    {func(c *webCall) error { return errors.Join(io.EOF, c.garbage()) }, true},
		"no result":  {func(c *webCall) error { return c.result("5") }, true},
		"odd result": {func(c *webCall) error { return c.result(`{"resultType":"odd"}`) }, true},
		"redirect":   {says(302, "text/plain", "", "Location: http://127.0.0.1:1/\r\n"), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := startWeb(t, c.call)
			g := besideWeb(t, w, func(*gateway.Options) {})
			for range 5 {
				g.call("bad")
			}
			got := g.call("bad")
			if opened := strings.Contains(got, `"state":"open"`); opened != c.opens {
				t.Errorf("opened: %v, want %v; the sixth call got %s", opened, c.opens, got)
			}
			g.unharmed()
		})
	}
}

func (c *webCall) garbage() error {
	_, err := c.Write([]byte("SSH-2.0-OpenSSH\r\n\x00\xff\x00"))
	return err
}

// TestRetryAfterIsObeyed: nothing is sent before the time that the upstream has named, and callers
// are told when that is.
func TestRetryAfterIsObeyed(t *testing.T) {
	for _, status := range []int{429, 503} {
		w := startWeb(t, func(c *webCall) error {
			return c.raw(status, "text/plain", "later", "Retry-After: 30\r\n")
		})
		g := besideWeb(t, w, func(*gateway.Options) {})
		g.fails("bad", 1, -31002, `"retryAfterMs":30000`)
		for _, tool := range []string{"bad", "good"} {
			g.fails(tool, 5, -31000, `"state":"delayed","retryAfterMs":29`)
		}
		if calls, delayed := w.calls.Load(), g.ofSick("delayed_total"); calls != 1 ||
			delayed != 10 {
			t.Errorf("%d calls were sent, %v refused; want 1 and 10", calls, delayed)
		}
		g.unharmed()
	}
}

// TestSecondTry: after a loss what may run twice is sent once more, and nothing else is.
func TestSecondTry(t *testing.T) {
	var seen atomic.Int64
	w := startWeb(t, func(c *webCall) error {
		if seen.Add(1)%2 == 1 {
			return io.EOF
		}
		return answersWell(c)
	})
	g := besideWeb(t, w, func(*gateway.Options) {})
	g.succeeds("look") // the first call there is
	g.succeeds("put")
	g.fails("bad", 1, -31002, "server has gone")
	if got := seen.Load(); got != 5 {
		t.Errorf("the upstream has seen %d calls, want 2, 2 and 1", got)
	}
	if got := g.ofSick("retried_total"); got != 2 {
		t.Errorf("%v were retried, want 2", got)
	}
}

// TestSecondTryFails: there is no third one.
func TestSecondTryFails(t *testing.T) {
	w := startWeb(t, cuts)
	g := besideWeb(t, w, func(*gateway.Options) {})
	g.fails("look", 1, -31002, "server has gone")
	if got := w.calls.Load(); got != 2 {
		t.Errorf("the upstream has seen %d calls, want 2", got)
	}
}

// TestRetryBudget: a tenth of the calls at most are sent once more.
func TestRetryBudget(t *testing.T) {
	w := startWeb(t, cuts)
	g := besideWeb(t, w, func(o *gateway.Options) {
		o.BreakerFailures, o.RetryReserve = -1, -1
	})
	g.fails("look", 100, -31002, "server has gone")
	retried, refused := g.ofSick("retried_total"), g.ofSick("retries_refused_total")
	if retried != 10 || refused != 90 || w.calls.Load() != 110 {
		t.Errorf("%v retried, %v not, %d seen; want 10, 90, 110", retried, refused,
			w.calls.Load())
	}
}

// TestBreakerOfAProvider: what is no MCP server is left alone in the same way.
func TestBreakerOfAProvider(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		opens bool
	}{
		"unreachable": {client.ErrUnreachable, true},
		"503":         {&client.HTTPError{Status: 503}, true},
		"404":         {&client.HTTPError{Status: 404}, false},
		"its own":     {errors.New("no such thing"), false},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			p := &fakeProvider{call: func(context.Context, gateway.ProviderCall) ([]byte, error) {
				calls.Add(1)
				return nil, fmt.Errorf("cannot: %w", c.err)
			}}
			g := provided(t, p, func(o *gateway.Options) { o.RetryPercent = -1 })
			var got string
			for range 6 {
				got = g.text(g.post(modernCall("1", "up__do", "{}")))
			}
			opened := strings.Contains(got, `"state":"open"`)
			if opened != c.opens || opened != (calls.Load() == 5) {
				t.Errorf("opened %v after %d calls, want %v; got %s", opened, calls.Load(), c.opens,
					got)
			}
		})
	}
}
