package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// start runs the peer until the test binary ends and returns its address.
func start(t *testing.T, args ...string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	failed := make(chan error, 1)
	go func() { failed <- run(append(args, "--addr", addr), io.Discard) }()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
		select {
		case err := <-failed:
			t.Fatalf("%q ended: %v", args, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatalf("%q does not listen", args)
	return ""
}

func TestLinePeers(t *testing.T) {
	const call = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":` +
		`{"name":"echo","arguments":{"message":"hi"}}}`
	f := func(name, want string) {
		t.Helper()
		c, err := net.Dial("tcp", start(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, call+"\n")
		got, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || got != want+"\n" {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	f("epoll-echo", call)
	f("netpoll-echo", call)
	f("net-json", `{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"hi"}]}}`)
}

func TestHTTPPeers(t *testing.T) {
	const call = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":` +
		`{"name":"echo","arguments":{"message":"hi"},"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
		`"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},` +
		`"io.modelcontextprotocol/clientCapabilities":{}}}}`
	f := func(want string, size int, args ...string) {
		t.Helper()
		req, err := http.NewRequest("POST", "http://"+start(t, args...)+"/mcp",
			strings.NewReader(call))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("MCP-Protocol-Version", "2026-07-28")
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", "echo")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%q: got %d %q, %v", args, res.StatusCode, b, err)
		}
		if size > 0 && len(b) != size {
			t.Errorf("%q: got %d bytes, want %d", args, len(b), size)
		}
	}
	f(`"text":"00000:10000000"`, 0, "nethttp-fixed")
	f(`"text":"00000:10000000xx`, 300, "nethttp-fixed", "--size", "300")
	f(`"text":"00000:10000000xx`, 300, "fasthttp-fixed", "--size", "300")
	f(`"text":"hi"`, 0, "gosdk", "--stateless", "--json")
	f(`"text":"hi"`, 0, "mcpgo")
}

func TestUnknownPeer(t *testing.T) {
	for _, args := range [][]string{nil, {"nobody"}, {"epoll-echo", "--size", "x"}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}
