package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// Upstreams of BenchmarkManyUpstreams and the tools of each.
const (
	manyUpstreams = 150
	toolsOfEach   = 67
)

// listOfTools is the answer of an upstream to tools/list, with definitions of 500 bytes and more.
func listOfTools() string {
	var all []string
	for i := range toolsOfEach {
		all = append(all, fmt.Sprintf(`{"name":"tool_%02d","title":"Tool %d","description":"%s",`+
			`"inputSchema":{"type":"object","properties":{"query":{"type":"string","description":`+
			`"What to look for."},"limit":{"type":"integer","minimum":1,"maximum":100}},`+
			`"required":["query"]},"annotations":{"readOnlyHint":true}}`, i, i,
			strings.Repeat("Does what it says. ", 12)))
	}
	return `{"tools":[` + strings.Join(all, ",") + `]}`
}

// holding serves upstreams that answer tools/list when release is closed; asked has an element for
// each that was asked.
func holding(b *testing.B) (addr string, asked chan struct{}, release chan struct{}) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	asked, release = make(chan struct{}, manyUpstreams), make(chan struct{})
	tools := listOfTools()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { holdTools(c, tools, asked, release) })
		}
	})
	b.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String(), asked, release
}

func holdTools(c net.Conn, tools string, asked chan<- struct{}, release <-chan struct{}) {
	defer c.Close()
	for in := bufio.NewReader(c); ; {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var m fakeMessage
		_ = json.Unmarshal(text, &m)
		if m.ID == nil {
			continue
		}
		result := "{}"
		switch m.Method {
		case "initialize":
			result = fakeInitialize
		case "tools/list":
			asked <- struct{}{}
			<-release
			result = tools
		}
		fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", m.ID, result)
	}
}

// BenchmarkManyUpstreams: 150 upstreams with 10,050 tools answer at the same moment. How long until
// all of their tools are offered, how long the first page of tools/list takes then, and how long
// when it was encoded before.
func BenchmarkManyUpstreams(b *testing.B) {
	for b.Loop() {
		addr, asked, release := holding(b)
		s, err := server.New(server.Options{Name: "many", HTTP: []string{"127.0.0.1:0"}})
		if err != nil {
			b.Fatal(err)
		}
		for i := range manyUpstreams {
			if err := s.AddUpstream(gateway.Options{
				Name:   fmt.Sprintf("up%03d", i),
				Client: client.Options{URL: "tcp://" + addr, Era: client.Legacy},
			}); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.AddView(server.ViewOptions{Name: "all"}); err != nil {
			b.Fatal(err)
		}
		if err := s.Start(); err != nil {
			b.Fatal(err)
		}
		for range manyUpstreams {
			<-asked
		}
		began := time.Now()
		close(release)
		for !allReady(s) {
			runtime.Gosched()
		}
		ready := time.Since(began)
		c := newLister(b, s.Addrs()[0].Addr.String(), "/mcp")
		first := c.list(`"name":"up000__tool_00"`)
		again := c.list(`"name":"up000__tool_00"`)
		if err := s.RemoveUpstream("up000"); err != nil {
			b.Fatal(err)
		}
		changed := c.list(`"name":"up001__tool_00"`)
		other := newLister(b, s.Addrs()[0].Addr.String(), "/mcp/up149").list(`"name":"tool_00"`)
		b.ReportMetric(float64(ready.Milliseconds()), "ready-ms")
		b.ReportMetric(float64(first.Microseconds()), "first-us")
		b.ReportMetric(float64(again.Microseconds()), "again-us")
		b.ReportMetric(float64(changed.Microseconds()), "changed-us")
		b.ReportMetric(float64(other.Microseconds()), "part-us")
		hard, cancel := context.WithTimeout(context.Background(), patience)
		_ = s.Drain(hard)
		cancel()
	}
}

func allReady(s *server.Server) bool {
	tools := 0
	for _, u := range s.Upstreams() {
		if u.State != "ready" {
			return false
		}
		tools += u.Tools
	}
	return tools == manyUpstreams*toolsOfEach
}

// lister asks for the first page of tools/list over one connection.
type lister struct {
	b       *testing.B
	conn    net.Conn
	request []byte
	answer  []byte
}

func newLister(b *testing.B, addr, path string) *lister {
	b.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	body := modernRequest("7", "tools/list", "")
	l := &lister{b: b, conn: c, answer: make([]byte, 4<<20)}
	l.request = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json"+
		"\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"+
		"Mcp-Method: tools/list\r\nContent-Length: %d\r\n\r\n%s", path, addr, len(body), body)
	return l
}

// list returns how long the first page took that begins with want.
func (l *lister) list(want string) time.Duration {
	l.b.Helper()
	began := time.Now()
	if _, err := l.conn.Write(l.request); err != nil {
		l.b.Fatal(err)
	}
	n := 0
	for !strings.HasSuffix(string(l.answer[max(0, n-4):n]), "}}}}") {
		m, err := l.conn.Read(l.answer[n:])
		if err != nil {
			l.b.Fatal(err)
		}
		n += m
	}
	took := time.Since(began)
	if !strings.Contains(string(l.answer[:min(n, 4096)]), want) {
		l.b.Fatalf("got %.300s, want %s", l.answer[:n], want)
	}
	return took
}
