package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

// heavyCall is a call of a request of more than size bytes.
func heavyCall(id, tool string, size int) string {
	pad := `"pad":"` + strings.Repeat("a", size) + `","arguments"`
	return strings.Replace(modernCall(id, tool, "{}"), `"arguments"`, pad, 1)
}

// bounded is a server that keeps 1 MiB of requests in flight.
func bounded(t *testing.T, workers int) (*running, *gate) {
	t.Helper()
	r := start(t, func(o *server.Options) {
		o.WebSocket.Compression, o.Queue.Workers = true, workers
		o.Limits.MessageBytes, o.Limits.InFlightBytes = 256<<10, 1<<20
	})
	return r, r.addGate("held")
}

const bytesInFlight = "mcploop_in_flight_bytes"

// Compressed requests of a few hundred bytes become large ones that stay until their calls end: how
// many may is bounded, for one connection and for all, and small calls go on.
func TestFaultCompressedRequestsInFlight(t *testing.T) {
	r, g := bounded(t, 16)
	const size = 100 << 10
	var conns []wsDeflated
	for range 5 {
		c := wsDeflated{r.dialWS(wsDeflate)}
		for _, id := range []string{"1", "2"} {
			c.send(heavyCall(id, "held", size))
			g.waitEntered()
		}
		wantIn(t, c.ask(heavyCall("3", "held", size)), `"id":3`, "-31000", "in_flight_bytes")
		conns = append(conns, c)
	}
	last := wsDeflated{r.dialWS(wsDeflate)}
	wantIn(t, last.ask(heavyCall("1", "held", size)), "-31000", "in_flight_bytes")
	wantIn(t, last.ask(modernCall("2", "echo", `{"message":"small"}`)), "small")
	if n := r.value(bytesInFlight); n < 10*size || n > 1<<20 {
		t.Errorf("%v bytes are in flight", n)
	}
	close(g.release)
	for i := range conns {
		answers := conns[i].next() + conns[i].next()
		wantIn(t, answers, `"id":1`, `"id":2`, "released")
	}
	eventually(t, "nothing is in flight", func() bool { return r.value(bytesInFlight) == 0 })
	for i := range 20 {
		wantIn(t, conns[0].ask(heavyCall(fmt.Sprint(i), "held", size)), "released")
	}
}

// A cancelled call whose handler has not let go of its request counts until it has.
func TestCancelledRequestsInFlightCount(t *testing.T) {
	r, g := bounded(t, 1)
	c := r.dialTCP()
	c.line(modernCall("1", "held", "{}"))
	g.waitEntered()
	c.line(heavyCall("2", "held", 100<<10)) // it waits for the worker
	c.line(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2,` +
		modernMeta + `}}`)
	eventually(t, "it is cancelled", func() bool {
		return r.value("mcploop_calls_cancelled_total") == 1
	})
	if n := r.value(bytesInFlight); n < 100<<10 {
		t.Errorf("%v bytes are in flight, but the queue holds the request", n)
	}
	close(g.release)
	eventually(t, "nothing is in flight", func() bool { return r.value(bytesInFlight) == 0 })
}
