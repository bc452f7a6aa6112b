package client_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestAside: a call that lasts takes neither a connection nor a place among the calls in flight.
func TestAside(t *testing.T) {
	s, _ := startServer(t, server.Options{HTTP: []string{"127.0.0.1:0"}})
	c := connect(t, client.Options{
		URL: urls(s)["http"], Era: client.Modern, HTTPConnsMax: 1, InFlightMax: 1,
	})
	defer c.Close()
	said, ended := make(chan string, 8), make(chan error, 1)
	call := &client.Call{
		Method: "subscriptions/listen", Aside: true,
		Params:   []byte(`{"notifications":{"toolsListChanged":true}}`),
		Notified: func(_ *client.Call, method string, _ []byte) { said <- method },
		Done:     func(_ *client.Call, a client.Answer) { ended <- a.Err },
	}
	if err := c.Mux().Start(call); err != nil {
		t.Fatal(err)
	}
	if got := await(t, "the acknowledgement", said); got != mcp.NotifyAcknowledged {
		t.Errorf("got %s", got)
	}
	if err := c.Ping(testContext(t)); err != nil {
		t.Errorf("a call beside it: %v", err)
	}
	if n := c.Stats().InFlight; n != 0 {
		t.Errorf("%d in flight, want none", n)
	}
	c.Mux().Cancel(call, client.ErrClosed)
	if err := await(t, "its end", ended); !errors.Is(err, client.ErrClosed) {
		t.Errorf("got %v, want why it was cancelled", err)
	}
}

// TestListsTakeNoPlace: no call is refused because the server is asked for its lists, and these are
// not because there are calls.
func TestListsTakeNoPlace(t *testing.T) {
	arrived := make(chan string, 8)
	c := scripted(t, client.Options{InFlightMax: 1}, func(_ io.Writer, _ int, id string) {
		arrived <- id
	})
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 32)
	ask := func(method string) {
		go func() {
			_, err := c.Raw(ctx, method, nil)
			ended <- err
		}()
		await(t, method, arrived)
	}
	ask("tools/list")
	ask("tools/call")
	ask("prompts/list")
	if _, err := c.Raw(ctx, "tools/call", nil); !errors.Is(err, client.ErrOverloaded) {
		t.Errorf("a second call: got %v, want %v", err, client.ErrOverloaded)
	}
	for range 14 {
		ask("ping")
	}
	if _, err := c.Raw(ctx, "ping", nil); !errors.Is(err, client.ErrOverloaded) {
		t.Errorf("one list too many: got %v, want %v", err, client.ErrOverloaded)
	}
	cancel()
	for range 17 {
		if err := await(t, "the end", ended); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	ask2, stop := context.WithCancel(testContext(t))
	for range 3 { // all places are free again
		go func() { _, _ = c.Raw(ask2, "ping", nil) }()
		await(t, "a ping", arrived)
	}
	stop()
}
