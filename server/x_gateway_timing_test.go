package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// BenchmarkGatewayCall is a modern tools/call over HTTP through a gateway to another server, all in
// this process: client and upstream allocate nothing, so what is counted is the gateway's.
func BenchmarkGatewayCall(b *testing.B) {
	call := gatewayCaller(b)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}

// gatewayCaller returns what makes such a call, and allocates nothing.
func gatewayCaller(b testing.TB) (call func()) {
	serve := func(opt server.Options, change func(*server.Server) error) string {
		s, err := server.New(opt)
		if err == nil {
			err = change(s)
		}
		if err == nil {
			err = s.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			hard, cancel := context.WithCancel(context.Background())
			cancel()
			_ = s.Drain(hard)
		})
		return s.Addrs()[0].Addr.String()
	}
	opt := server.Options{
		Name: "bench", HTTP: []string{"127.0.0.1:0"}, Loops: server.Loops{Count: 1},
	}
	up := serve(opt, func(s *server.Server) error {
		return s.AddRawTool(mcp.Tool{
			Name: "echo", InputSchema: json.RawMessage(`{"type":"object"}`),
		}, func(_ context.Context, r *mcp.Request, dst []byte) ([]byte, error) {
			return mcp.AppendRawTextResult(dst, r.Arg("message")), nil
		}, server.Inline)
	})
	addr := serve(opt, func(s *server.Server) error {
		return s.AddUpstream(gateway.Options{
			Name: "up", Client: client.Options{URL: "http://" + up + "/mcp"},
		})
	})
	body := modernRequest("7", "tools/call", `"name":"up__echo","arguments":{"message":"hello"}`)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	request := fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json"+
		"\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"+
		"Mcp-Method: tools/call\r\nMcp-Name: up__echo\r\nContent-Length: %d\r\n\r\n%s",
		addr, len(body), body)
	answer := make([]byte, 4096)
	call = func() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(answer); err != nil && !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
	eventually(b, "a good answer", func() bool {
		call()
		return bytes.Contains(answer, []byte(`"text":"hello"`))
	})
	return call
}
