//go:build !race

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// The figures of the hot path: what a message costs in allocations of ours. A door is driven on
// its loop with a real connection, so nothing but the socket itself is left out.

const allocMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},` +
	`"io.modelcontextprotocol/clientCapabilities":{}}`

const (
	modernEcho = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo",` +
		`"arguments":{"message":"hello, world"},` + allocMeta + `}}`
	legacyEcho = `{"jsonrpc":"2.0","id":"seven","method":"tools/call","params":{"name":"echo",` +
		`"arguments":{"message":"hello, world"}}}`
	modernList     = `{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{` + allocMeta + `}}`
	legacyList     = `{"jsonrpc":"2.0","id":8,"method":"tools/list"}`
	modernDiscover = `{"jsonrpc":"2.0","id":8,"method":"server/discover","params":{` +
		allocMeta + `}}`
	pingMessage  = `{"jsonrpc":"2.0","id":9,"method":"ping"}`
	helloMessage = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{` +
		`"protocolVersion":"2025-11-25","capabilities":{},` +
		`"clientInfo":{"name":"t","version":"1"}}}`
)

// onLoop runs a function with one connection of a door, on its loop.
type onLoop struct {
	loop.Handler
	run  func(c *loop.Conn)
	done chan struct{}
}

func (h *onLoop) Data(c *loop.Conn, buf, out []byte) (int, []byte) {
	h.run(c)
	close(h.done)
	c.Finish()
	return len(buf), out
}

// allocServer is a server that does not listen, with an echo as raw as it gets.
func allocServer(t *testing.T) *Server {
	t.Helper()
	s, err := New(Options{
		Name: "alloc", Loops: Loops{Count: 1}, Log: slog.New(slog.DiscardHandler),
		Queue: Queue{Workers: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.AddRawTool(mcp.Tool{
		Name: "echo",
		InputSchema: json.RawMessage(
			`{"type":"object","properties":{"message":{"type":"string"}}}`),
	}, func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
		args, err := req.Args()
		if err != nil {
			return dst, err
		}
		return mcp.AppendTextResult(dst, args.GetStringBytes("message")), nil
	}, Inline)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Drain(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// withConn runs f on the loop of a connection whose door is h.
func withConn(t *testing.T, s *Server, h loop.Handler, f func(c *loop.Conn)) {
	t.Helper()
	hook := &onLoop{Handler: h, run: f, done: make(chan struct{})}
	s.group.Start()
	l, err := s.group.Listen("tcp", "127.0.0.1:0", hook)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-hook.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the loop never ran")
	}
}

// measure gives one request to a door and counts the allocations of the answer.
func measure(t *testing.T, h loop.Handler, c *loop.Conn, name, request, want string) {
	out := make([]byte, 0, 64<<10)
	wire := []byte(request)
	var n int
	var reply []byte
	allocs := testing.AllocsPerRun(2000, func() { n, reply = h.Data(c, wire, out) })
	if n != len(wire) || !bytes.Contains(reply, []byte(want)) {
		t.Errorf("%s: took %d of %d bytes, answered %q", name, n, len(wire), reply)
	}
	if allocs != 0 {
		t.Errorf("%s: %v allocations, want 0", name, allocs)
	}
}

func TestAllocsOfTheLineDoor(t *testing.T) {
	s := allocServer(t)
	addCheckedTools(t, s)
	door := &lineDoor{s: s, frameTime: time.Minute, idle: time.Hour}
	withConn(t, s, door, func(c *loop.Conn) {
		f := func(name, message, want string) { measure(t, door, c, name, message+"\n", want) }
		f("modern tools/call", modernEcho, `"text":"hello, world"`)
		f("modern tools/list", modernList, `"name":"echo"`)
		f("server/discover", modernDiscover, `"supportedVersions"`)
		f("ping before initialize", pingMessage, `"result":{}`)
		door.Data(c, []byte(helloMessage+"\n"), nil)
		f("legacy tools/call", legacyEcho, `"text":"hello, world"`)
		f("legacy tools/list", legacyList, `"name":"echo"`)
		f("a checked tools/call", checkedCall("checked"), `"text":"abcdefghijklmno"`)
		f("ping", pingMessage, `"result":{}`)
		f("a notification", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, "")
		f("eight calls in one read", strings.Repeat(modernEcho+"\n", 7)+modernEcho, "hello, world")
	})
}

// A call that a worker answers costs one allocation: its context, which may outlive it.
func TestAllocsOfTheHop(t *testing.T) {
	s := allocServer(t)
	err := s.AddRawTool(mcp.Tool{Name: "raw"},
		func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
			return mcp.AppendRawTextResult(dst, req.Arg("message")), nil
		})
	if err != nil {
		t.Fatal(err)
	}
	door := &lineDoor{s: s, frameTime: time.Minute, idle: time.Hour}
	withConn(t, s, door, func(c *loop.Conn) {
		wire := []byte(strings.Replace(modernEcho, `"echo"`, `"raw"`, 1) + "\n")
		out := make([]byte, 0, 64<<10)
		allocs := testing.AllocsPerRun(2000, func() {
			before := s.states[0].count.completed.Load()
			if _, reply := door.Data(c, wire, out); len(reply) > 0 {
				t.Errorf("answered at once: %s", reply)
			}
			for s.states[0].count.completed.Load() == before {
				runtime.Gosched()
			}
		})
		if allocs > 1 {
			t.Errorf("a blocking tools/call: %v allocations, want 1", allocs)
		}
	})
}

// allocPost is a POST with the headers that real clients send.
func allocPost(body string, lines ...string) string {
	head := append([]string{
		"POST /mcp HTTP/1.1", "Host: 127.0.0.1:9999", "User-Agent: test/1.0",
		"Content-Type: application/json", "Accept: application/json, text/event-stream",
		fmt.Sprintf("Content-Length: %d", len(body)), "Accept-Encoding: gzip",
	}, lines...)
	return strings.Join(head, "\r\n") + "\r\n\r\n" + body
}

// A part costs no more than everything, whatever was called on another path before.
func TestAllocsOfAPart(t *testing.T) {
	s := allocServer(t)
	part := s.newPart("one")
	part.tools.Put(s.tools.Get("echo"))
	s.openPart(part)
	door := s.newHTTPDoor()
	withConn(t, s, door, func(c *loop.Conn) {
		call := allocPost(modernEcho, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call",
			"Mcp-Name: echo")
		other := strings.Replace(call, "/mcp", "/mcp/one", 1)
		const want = `"text":"hello, world"`
		measure(t, door, c, "tools/call of a part", other, want)
		measure(t, door, c, "calls of two views", call+other+call+other, want)
		list := allocPost(modernList, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/list")
		measure(t, door, c, "tools/list of a part",
			strings.Replace(list, "/mcp", "/servers/one/mcp", 1), `"name":"echo"`)
	})
	if part.requests.Load() == 0 {
		t.Error("the part was not asked")
	}
}

func TestAllocsOfTheHTTPDoor(t *testing.T) {
	s := allocServer(t)
	door := s.newHTTPDoor()
	withConn(t, s, door, func(c *loop.Conn) {
		f := func(name, request, want string) { measure(t, door, c, name, request, want) }
		const version = "MCP-Protocol-Version: 2026-07-28"
		f("modern tools/call", allocPost(modernEcho, version, "Mcp-Method: tools/call",
			"Mcp-Name: echo"), `"text":"hello, world"`)
		f("modern tools/list", allocPost(modernList, version, "Mcp-Method: tools/list"),
			`"name":"echo"`)
		f("server/discover", allocPost(modernDiscover, version, "Mcp-Method: server/discover"),
			`"supportedVersions"`)
		_, opened := door.Data(c, []byte(allocPost(helloMessage)), nil)
		_, rest, _ := bytes.Cut(opened, []byte("Mcp-Session-Id: "))
		id, _, ok := bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			t.Errorf("initialize answered %q", opened)
			return
		}
		session := "Mcp-Session-Id: " + string(id)
		const legacy = "MCP-Protocol-Version: 2025-11-25"
		f("legacy tools/call", allocPost(legacyEcho, session, legacy), `"text":"hello, world"`)
		f("legacy tools/list", allocPost(legacyList, session, legacy), `"name":"echo"`)
		f("ping", allocPost(pingMessage, session, legacy), `"result":{}`)
		f("a notification", allocPost(`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
			session, legacy), "HTTP/1.1 202")
		f("livez", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "ok\n")
		f("readyz", "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", "ready\n")
	})
}
