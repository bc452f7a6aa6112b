package client

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
)

// TestAskAsItsCallEnds: a request of the server that was found to belong to a call, which is given
// up before the request is among those that end with it, ends for all that.
func TestAskAsItsCallEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			_, id, _ := strings.Cut(lines.Text(), `"id":`)
			id, _, _ = strings.Cut(id, ",")
			switch {
			case strings.Contains(lines.Text(), `"initialize"`):
				fmt.Fprintf(conn, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":`+
					`"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}`+
					"\n", id)
			case strings.Contains(lines.Text(), `"error"`):
				refused <- lines.Text()
			case strings.Contains(lines.Text(), `"tools/call"`):
				fmt.Fprintf(conn, `{"jsonrpc":"2.0","id":%s,"method":"roots/list"}`+"\n", id)
			}
		}
	}()
	asks := make(chan *Ask, 1)
	c, err := Connect(t.Context(), Options{
		URL: "tcp://" + l.Addr().String(), Era: Legacy, OnRequest: func(a *Ask) { asks <- a },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := c.Mux()
	for round := uint64(1); ; round++ {
		call := &Call{Method: "tools/call", Party: "Ada", Done: ignore}
		m.asks.mu.Lock() // the request waits before it is among those that are open
		if err := m.Start(call); err != nil {
			t.Fatal(err)
		}
		for m.count.requests.Load() < round {
			runtime.Gosched()
		}
		for range 100 { // it finds its call meanwhile, if not in this round
			runtime.Gosched()
		}
		m.Cancel(call, context.Canceled)
		m.asks.mu.Unlock()
		select {
		case a := <-asks:
			if a.Call != nil {
				t.Fatal("a request was handed on whose call had ended")
			}
			_ = a.Answer([]byte("{}"))
		case line := <-refused:
			if !strings.Contains(line, "has ended") || m.asks.len() != 0 {
				t.Errorf("got %s, and %d are open", line, m.asks.len())
			}
			return
		}
	}
}
