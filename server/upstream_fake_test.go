package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fakeUpstream is a legacy MCP server over TCP whose every answer a test decides.
type fakeUpstream struct {
	t     *testing.T
	addr  string
	asked chan string // each method, as it comes
	// answer returns the result of a request; "" leaves it unanswered. It is called on a goroutine
	// of the connection.
	answer func(c *fakeConn, m *fakeMessage) string

	quiet atomic.Bool  // asked is told of nothing
	ended atomic.Int32 // connections that are over

	mu    sync.Mutex // guards conns
	conns []net.Conn // nil: cutOne has ended it
}

// accepted is how many connections there were, open how many there are.
func (f *fakeUpstream) accepted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

func (f *fakeUpstream) open() int { return f.accepted() - int(f.ended.Load()) }

type fakeMessage struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
}

type fakeConn struct {
	net.Conn
	mu sync.Mutex // one line at a time
}

func (c *fakeConn) line(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintln(c.Conn, text) // who has gone does not read it
}

const fakeInitialize = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},` +
	`"serverInfo":{"name":"fake","version":"1"}}`

const fakeTools = `{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`

// well answers as a server should; a call's result is its arguments.
func well(_ *fakeConn, m *fakeMessage) string {
	switch m.Method {
	case "initialize":
		return fakeInitialize
	case "tools/list":
		return fakeTools
	case "tools/call":
		var params struct{ Arguments json.RawMessage }
		_ = json.Unmarshal(m.Params, &params)
		return fmt.Sprintf(`{"content":[],"structuredContent":%s}`, params.Arguments)
	}
	return "{}"
}

// startFake serves until the test ends.
func startFake(
	t *testing.T, answer func(c *fakeConn, m *fakeMessage) string,
) *fakeUpstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeUpstream{
		t: t, addr: l.Addr().String(), answer: answer, asked: make(chan string, 100_000),
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, c)
			f.mu.Unlock()
			all.Go(func() { f.serve(&fakeConn{Conn: c}) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		f.cut()
		all.Wait()
	})
	return f
}

// cut ends all connections.
func (f *fakeUpstream) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		if c != nil {
			c.Close()
		}
	}
}

// cutOne ends the oldest connection that is open.
func (f *fakeUpstream) cutOne() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.conns {
		if c != nil {
			c.Close()
			f.conns[i] = nil
			return
		}
	}
	f.t.Fatal("no connection is open")
}

// cutLast ends the newest connection.
func (f *fakeUpstream) cutLast() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns[len(f.conns)-1].Close()
}

// tell sends a line on each connection.
func (f *fakeUpstream) tell(line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		if c != nil {
			_, _ = fmt.Fprintln(c, line) // who has gone does not read it
		}
	}
}

func (f *fakeUpstream) serve(c *fakeConn) {
	defer func() {
		c.Close()
		f.ended.Add(1)
	}()
	in := bufio.NewReader(c)
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var m fakeMessage
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			f.t.Errorf("the gateway sent %q: %v", text, err)
			return
		}
		if !f.quiet.Load() {
			f.asked <- m.Method
		}
		if m.ID == nil {
			continue
		}
		if result := f.answer(c, &m); result != "" {
			c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result))
		}
	}
}

// waitFor waits until the gateway has asked for a method.
func (f *fakeUpstream) waitFor(method string) {
	f.t.Helper()
	for wait(f.t, "the gateway asks for "+method, f.asked) != method {
		continue
	}
}

// silentAt answers well, but for one method not at all.
func silentAt(method string) func(*fakeConn, *fakeMessage) string {
	return func(c *fakeConn, m *fakeMessage) string {
		if m.Method == method {
			return ""
		}
		return well(c, m)
	}
}

// echoes calls a tool named echo of the test tools through the gateway and says what is wrong.
func (r *running) echoes(tool string) string {
	r.t.Helper()
	got := r.text(r.post(modernCall("1", tool, `{"message":"still here"}`)))
	if strings.Contains(got, `"text":"still here"`) {
		return ""
	}
	return fmt.Sprintf("%s was answered %s", tool, got)
}
