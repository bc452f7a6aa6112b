package client_test

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
)

// TestIdentityOfACall: its headers stand in place of those that all calls have, once.
func TestIdentityOfACall(t *testing.T) {
	seen := make(chan http.Header, 10)
	url := rawHTTP(t, func(w net.Conn, r *http.Request, id string) error {
		seen <- r.Header
		_, err := w.Write([]byte(ok(withID(good, id))))
		return err
	})
	c := connect(t, client.Options{
		URL: url, Era: client.Modern,
		Headers: map[string]string{"Authorization": "of all", "X-Other": "of all"},
	})
	f := func(identity map[string]string, want string, other int) {
		t.Helper()
		done := make(chan client.Answer, 1)
		call := &client.Call{
			Method: "tools/call", Params: []byte("{}"),
			Done: func(_ *client.Call, a client.Answer) { done <- client.Answer{Err: a.Err} },
		}
		if identity != nil {
			call.Identity = client.HeaderLines(identity)
		}
		if err := c.Mux().Start(call); err != nil {
			t.Fatal(err)
		}
		h := await(t, "the request", seen)
		if err := await(t, "the answer", done).Err; err != nil {
			t.Error(err)
		}
		if got := h.Values("Authorization"); len(got) != 1 || got[0] != want {
			t.Errorf("got Authorization %q, want %q", got, want)
		}
		if got := h.Values("X-Other"); len(got) != other {
			t.Errorf("got X-Other %q, want %d", got, other)
		}
	}
	f(nil, "of all", 1)
	f(map[string]string{"Authorization": "of one"}, "of one", 0)
	f(nil, "of all", 1)
}

// TestIdentityOfASharedConnection: where calls share more than a connection, none is sent for
// somebody else.
func TestIdentityOfASharedConnection(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	for transport, opt := range transports(t, s) {
		for _, era := range erasOf(transport) {
			if transport == "http" && era == client.Modern {
				continue
			}
			opt.Era = era
			c := connect(t, opt)
			err := c.Mux().Start(&client.Call{
				Method: "tools/list", Identity: client.HeaderLines(map[string]string{"A": "b"}),
				Done: func(*client.Call, client.Answer) { t.Errorf("%s: it was sent", transport) },
			})
			if !errors.Is(err, client.ErrIdentity) {
				t.Errorf("%s %s: got %v, want ErrIdentity", transport, era, err)
			}
		}
	}
}
