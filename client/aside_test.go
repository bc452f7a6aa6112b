package client_test

import (
	"errors"
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
