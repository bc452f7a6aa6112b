package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

const routeSchema = `{"type":"object","properties":{"region":{"type":"string",` +
	`"x-mcp-header":"Region"},"deep":{"type":"object","properties":{"n":{"type":"integer",` +
	`"x-mcp-header":"N"}}}}}`

var eras = map[string]struct {
	era  client.Era
	want mcp.Version
}{
	"auto":   {client.Auto, mcp.V20260728},
	"modern": {client.Modern, mcp.V20260728},
	"legacy": {client.Legacy, mcp.V20251125},
}

// everyWay runs a test over every transport in every era.
func everyWay(t *testing.T, s *server.Server, run func(t *testing.T, c *client.Client)) {
	for transport, opt := range transports(t, s) {
		for name, e := range eras {
			if transport == "sse" && name != "legacy" {
				continue // it is older than the modern era
			}
			t.Run(transport+"/"+name, func(t *testing.T) {
				opt.Era = e.era
				c := connect(t, opt)
				if got := c.Version(); got != e.want {
					t.Errorf("got version %s, want %s", got, e.want)
				}
				run(t, c)
				if err := c.Close(); err != nil {
					t.Errorf("got %v from Close", err)
				}
			})
		}
	}
}

// erasOf are the eras that a transport has.
func erasOf(transport string) []client.Era {
	if transport == "sse" {
		return []client.Era{client.Legacy}
	}
	return []client.Era{client.Modern, client.Legacy}
}

func TestBasics(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	everyWay(t, s, func(t *testing.T, c *client.Client) {
		ctx := testContext(t)
		if got := c.ServerInfo(); got.Name != "fixture" || got.Version != "1.2.3" {
			t.Errorf("got server %+v", got)
		}
		if err := c.Ping(ctx); err != nil {
			t.Errorf("got %v from Ping", err)
		}
		tools, err := c.ListTools(ctx)
		if err != nil || len(tools) != 5 || tools[0].Name != "echo" {
			t.Errorf("got tools %+v, %v", tools, err)
		}
		message := "grüß dich\n\"you\"\u2028\x00"
		r, err := c.Call(ctx, "echo", echoInput{message})
		wantText(t, r, err, message)
		r, err = c.Call(ctx, "fail", nil)
		if err != nil || !r.IsError || !strings.Contains(text(t, r), "out of paper") {
			t.Errorf("got %+v, %v; want isError", r, err)
		}
		_, err = c.Call(ctx, "no-such-tool", nil)
		var fault *mcp.Error
		if !errors.As(err, &fault) || fault.Code != -32602 {
			t.Errorf("got %v, want -32602", err)
		}
		_, err = c.Raw(ctx, "no/such/method", nil)
		if !errors.As(err, &fault) || fault.Code != -32601 {
			t.Errorf("got %v, want -32601", err)
		}
		r, err = c.Call(ctx, "route", map[string]any{
			"region": " östlich ", "deep": map[string]any{"n": 12},
		})
		wantText(t, r, err, `{"deep":{"n":12},"region":" östlich "}`)
	})
}

// TestNilArguments sends nil of every kind as no arguments.
func TestNilArguments(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	everyWay(t, s, func(t *testing.T, c *client.Client) {
		for _, none := range []any{
			nil, map[string]any(nil),
			map[string]any{},
			(*routeInput)(nil), (*map[string]int)(nil),
			json.RawMessage(nil),
		} {
			r, err := c.Call(testContext(t), "route", none)
			if err != nil || r.IsError {
				t.Errorf("%T: got %+v, %v", none, r, err)
			}
		}
		for _, bad := range []any{[]int{1}, "text", 7, json.RawMessage("[]")} {
			if r, err := c.Call(testContext(t), "route", bad); err == nil {
				t.Errorf("%#v: got %+v", bad, r)
			}
		}
	})
}

// TestMirrorUnlisted calls a tool with x-mcp-header before any tools/list.
func TestMirrorUnlisted(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	c := connect(t, client.Options{URL: urls(s)["http"]})
	r, err := c.Call(testContext(t), "route", routeInput{"west"})
	wantText(t, r, err, `{"region":"west"}`)
}

func TestPages(t *testing.T) {
	s, _ := startServer(t, server.Options{Lists: server.Lists{PageSize: 2}})
	c := connect(t, client.Options{URL: urls(s)["tcp"]})
	tools, err := c.ListTools(testContext(t))
	if err != nil || len(tools) != 5 {
		t.Errorf("got %d tools, %v; want 5", len(tools), err)
	}
}

// TestManyAtOnce has 100 callers share one connection, or four over HTTP.
func TestManyAtOnce(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	for transport, opt := range transports(t, s) {
		for _, era := range erasOf(transport) {
			t.Run(transport+"/"+era.String(), func(t *testing.T) {
				opt.Era, opt.HTTPConnsMax = era, 4
				manyAtOnce(t, connect(t, opt))
			})
		}
	}
}

func manyAtOnce(t *testing.T, c *client.Client) {
	ctx := testContext(t)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			for n := range 10 {
				want := fmt.Sprintf("caller %d call %d", i, n)
				r, err := c.Call(ctx, "echo", echoInput{want})
				wantText(t, r, err, want)
			}
		})
	}
	wg.Wait()
	if got := c.Stats(); got.Calls < 1000 || got.Answers != got.Calls || got.InFlight != 0 ||
		got.Strays != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestProgress(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	everyWay(t, s, func(t *testing.T, c *client.Client) {
		var got []string
		r, err := c.Call(testContext(t), "steps", nil,
			client.OnProgress(func(p mcp.ProgressNotificationParams) {
				got = append(got, fmt.Sprint(p.Progress, "/", p.Total, p.Message))
			}))
		wantText(t, r, err, "done")
		if want := "1/5on 2/5on 3/5on 4/5on 5/5on"; strings.Join(got, " ") != want {
			t.Errorf("got progress %q, want %q", got, want)
		}
	})
}

// TestCancel ends the caller's context and looks whether the tool's context ends too.
func TestCancel(t *testing.T) {
	s, f := startServer(t, server.Options{})
	for transport, url := range urls(s) {
		for _, era := range erasOf(transport) {
			t.Run(transport+"/"+era.String(), func(t *testing.T) {
				c := connect(t, client.Options{URL: url, Era: era})
				ctx, cancel := context.WithCancelCause(testContext(t))
				why := errors.New("the user went away")
				ended := make(chan error, 1)
				go func() {
					_, err := c.Call(ctx, "hang", nil)
					ended <- err
				}()
				await(t, "the tool to run", f.entered)
				cancel(why)
				wantError(t, await(t, "the call to end", ended), why)
				if err := await(t, "the tool to end", f.left); err == nil {
					t.Error("got no cause in the tool's context")
				}
				r, err := c.Call(testContext(t), "echo", echoInput{"still here"})
				wantText(t, r, err, "still here")
				waitUntil(t, "nothing is in flight", func() bool { return c.Stats().InFlight == 0 })
			})
		}
	}
}

func TestTimeout(t *testing.T) {
	s, f := startServer(t, server.Options{})
	c := connect(t, client.Options{URL: urls(s)["tcp"], CallTimeout: 50 * time.Millisecond})
	_, err := c.Call(testContext(t), "hang", nil)
	wantError(t, err, client.ErrTimeout)
	if err := await(t, "the tool to end", f.left); err == nil {
		t.Error("got no cause in the tool's context")
	}
}

// TestServerGone ends the server under calls in flight: all of them fail, and at once.
func TestServerGone(t *testing.T) {
	for _, transport := range []string{"http", "tcp", "unix", "ws", "sse"} {
		for _, era := range erasOf(transport) {
			t.Run(transport+"/"+era.String(), func(t *testing.T) {
				s, f := startServer(t, server.Options{})
				c := connect(t, client.Options{URL: urls(s)[transport], Era: era})
				ended := make(chan error, 10)
				for range cap(ended) {
					go func() {
						_, err := c.Call(testContext(t), "hang", nil)
						ended <- err
					}()
				}
				for range cap(ended) {
					await(t, "the tools to run", f.entered)
				}
				stopServer(s)
				for range cap(ended) {
					if err := await(t, "the calls to end", ended); err == nil {
						t.Error("got an answer of a server that is gone")
					}
				}
				if _, err := c.Call(testContext(t), "echo", echoInput{"x"}); err == nil {
					t.Error("got an answer of a server that is gone")
				}
			})
		}
	}
}

// TestCloseWithCalls closes the client under its own calls.
func TestCloseWithCalls(t *testing.T) {
	s, f := startServer(t, server.Options{})
	for transport, opt := range transports(t, s) {
		t.Run(transport, func(t *testing.T) {
			c := connect(t, opt)
			ended := make(chan error, 1)
			go func() {
				_, err := c.Call(testContext(t), "hang", nil)
				ended <- err
			}()
			if transport == "stdio" {
				waitUntil(t, "the call is out", func() bool { return c.Stats().InFlight == 1 })
			} else {
				await(t, "the tool to run", f.entered)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			wantError(t, await(t, "the call to end", ended), client.ErrClosed)
			_, err := c.Call(testContext(t), "echo", echoInput{"x"})
			wantError(t, err, client.ErrClosed)
		})
	}
}

// TestCancelQueued gives up a call that waits for the only HTTP connection.
func TestCancelQueued(t *testing.T) {
	s, f := startServer(t, server.Options{})
	c := connect(t, client.Options{URL: urls(s)["http"], HTTPConnsMax: 1})
	first, endFirst := context.WithCancel(testContext(t))
	second, endSecond := context.WithCancel(testContext(t))
	call := func(ctx context.Context) <-chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := c.Call(ctx, "hang", nil)
			ended <- err
		}()
		return ended
	}
	firstEnded := call(first)
	await(t, "the tool to run", f.entered)
	secondEnded := call(second)
	waitUntil(t, "two are in flight", func() bool { return c.Stats().InFlight == 2 })
	endSecond()
	wantError(t, await(t, "the second call", secondEnded), context.Canceled)
	third := make(chan error, 1)
	go func() {
		_, err := c.Call(testContext(t), "echo", map[string]any{"message": "x"})
		third <- err
	}()
	waitUntil(t, "two are in flight", func() bool { return c.Stats().InFlight == 2 })
	endFirst()
	wantError(t, await(t, "the first call", firstEnded), context.Canceled)
	if err := await(t, "the third call", third); err != nil {
		t.Error(err)
	}
	if len(f.entered) != 0 {
		t.Error("the tool ran for a call that was given up before it was sent")
	}
}
