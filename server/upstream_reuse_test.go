package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// asker is a connection of a client that may go before it has its answer.
type asker struct {
	addr string
	conn net.Conn
	read *bufio.Reader
}

// ask sends a call that echoes text.
func (a *asker) ask(text string) error {
	if a.conn == nil {
		conn, err := net.Dial("tcp", a.addr)
		if err != nil {
			return err
		}
		a.conn, a.read = conn, bufio.NewReader(conn)
	}
	body := modernCall("7", "up__echo", fmt.Sprintf(`{"message":%q}`, text))
	_, err := fmt.Fprintf(a.conn, "POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Type: "+
		"application/json\r\nAccept: application/json, text/event-stream\r\n"+
		"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: up__echo\r\n"+
		"Content-Length: %d\r\n\r\n%s", a.addr, len(body), body)
	return err
}

// answer reads the next one.
func (a *asker) answer() (string, error) {
	resp, err := http.ReadResponse(a.read, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// leave goes without an answer.
func (a *asker) leave() {
	_ = a.conn.Close()
	a.conn = nil
}

// TestUpstreamCallsOfThoseWhoLeave: what a gateway uses again for the next call is not that of a
// client that left while its call was on its way: everybody else gets its own answer.
func TestUpstreamCallsOfThoseWhoLeave(t *testing.T) {
	up := start(t, nil)
	g := start(t, func(o *server.Options) { o.Loops.Count = 2 }, func(s *server.Server) {
		opt := gateway.Options{
			Name: "up", Client: client.Options{URL: "http://" + up.http + "/mcp"},
		}
		if err := s.AddUpstream(opt); err != nil {
			t.Fatal(err)
		}
	})
	g.has("up__echo", true)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			a := &asker{addr: g.http}
			for call := range 200 {
				text := fmt.Sprintf("call %d of %d", call, n)
				if err := a.ask(text); err != nil {
					t.Error(err)
					return
				}
				if call%5 == n%5 {
					a.leave()
					continue
				}
				got, err := a.answer()
				if err != nil || !strings.Contains(got, `"text":"`+text+`"`) {
					t.Errorf("%s: got %s, %v", text, got, err)
					return
				}
			}
			if a.conn != nil {
				a.leave()
			}
		})
	}
	all.Wait()
	eventually(t, "no call is left", func() bool {
		return g.metric(`mcploop_upstream_in_flight{upstream="up"}`) == 0
	})
}
