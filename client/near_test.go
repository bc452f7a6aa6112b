package client_test

import (
	"sync"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/server"
)

// TestNear: a call that says where its answer is wanted goes over a connection of that loop; when
// no more may be opened, over any.
func TestNear(t *testing.T) {
	s, _ := startServer(t, server.Options{HTTP: []string{"127.0.0.1:0"}})
	f := func(conns int, want []uint64) {
		t.Helper()
		g, err := loop.New(loop.Options{Loops: 2})
		if err != nil {
			t.Fatal(err)
		}
		g.Start()
		defer func() { _ = g.Drain(testContext(t)) }()
		c := connect(t, client.Options{
			URL: urls(s)["http"], Group: g, HTTPConnsMax: conns, Era: client.Legacy,
		})
		defer c.Close()
		before := [2]uint64{g.Loops()[0].Stats().Dialed, g.Loops()[1].Stats().Dialed}
		for range 3 {
			for _, l := range g.Loops() {
				var done sync.WaitGroup
				done.Add(1)
				call := &client.Call{
					Method: "ping", Near: l,
					Done: func(_ *client.Call, a client.Answer) {
						if a.Err != nil || a.Error != nil {
							t.Errorf("got %v %s", a.Err, a.Error)
						}
						done.Done()
					},
				}
				if err := c.Mux().Start(call); err != nil {
					t.Fatal(err)
				}
				done.Wait()
			}
		}
		var all uint64
		for i, l := range g.Loops() {
			now := l.Stats().Dialed
			if now < want[i] {
				t.Errorf("%d conns allowed: loop %d has dialed %d, want %d", conns, i, now, want[i])
			}
			all += now - before[i]
		}
		if all > 1 {
			t.Errorf("%d conns allowed: %d were dialed for calls, want 1 at most", conns, all)
		}
	}
	f(8, []uint64{1, 1})
	f(1, []uint64{0, 0})
}
