package client_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/loop"
)

// held is a request that was not answered yet.
type held struct {
	conn *net.TCPConn
	with string
}

func (h *held) answer() error {
	_, err := h.conn.Write([]byte(h.with))
	return err
}

// resetNow resets conn, and returns when its peer, a socket of this process, knows.
func resetNow(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	port := func(a net.Addr) uint16 { return a.(*net.TCPAddr).AddrPort().Port() }
	row := fmt.Sprintf(":%04X 0100007F:%04X 01 ", port(conn.RemoteAddr()), port(conn.LocalAddr()))
	if !inTable(t, row) {
		t.Errorf("%s is not connected", conn.RemoteAddr())
	}
	_ = conn.SetLinger(0)
	_ = conn.Close()
	for end := time.Now().Add(patience); inTable(t, row); {
		if time.Now().After(end) {
			t.Errorf("%s is still connected", conn.RemoteAddr())
			return
		}
	}
}

// inTable tells whether the kernel has a connection whose row contains this.
func inTable(t *testing.T, row string) bool {
	t.Helper()
	all, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Error(err)
	}
	return strings.Contains(string(all), row)
}

// TestHTTPResetWhileIdle: a server resets its idle connections, one and all, as a call comes that
// must not run twice. Nothing of that was sent, so it goes on to a new one, be it short or long.
func TestHTTPResetWhileIdle(t *testing.T) {
	const many = 3
	g, err := loop.New(loop.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	g.Start()
	defer func() { _ = g.Drain(testContext(t)) }()
	asked := make(chan *held, many)
	url := rawHTTP(t, func(w net.Conn, r *http.Request, id string) error {
		h := &held{w.(*net.TCPConn), ok(withID(good, id))}
		if r.Header.Get("Mcp-Method") == "again" {
			return h.answer()
		}
		asked <- h
		return nil
	})
	c := connect(t, client.Options{URL: url, Group: g})
	got := make(chan error, many)
	start := func(method, params string) {
		err := c.Mux().Start(&client.Call{
			Method: method, Params: []byte(params),
			Done: func(_ *client.Call, a client.Answer) { got <- a.Err },
		})
		if err != nil {
			t.Error(err)
		}
	}
	for name, params := range map[string]string{
		"short": `{}`, "long": `{"x":"` + strings.Repeat("x", 10<<10) + `"}`,
	} {
		for range many {
			start("first", `{}`)
		}
		var idle []*held
		for range many {
			idle = append(idle, await(t, "a request", asked))
		}
		for _, h := range idle {
			if err := errors.Join(h.answer(), await(t, "an answer", got)); err != nil {
				t.Fatal(err)
			}
		}
		onLoop := func() { // so that it learns of the resets when it has been given the call
			for _, h := range idle {
				resetNow(t, h.conn)
			}
			start("again", params)
		}
		if err := g.Loops()[0].Post(onLoop); err != nil {
			t.Fatal(err)
		}
		if err := await(t, "the answer", got); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
