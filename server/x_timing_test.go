package server

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/mcploop/mcploop/mcp"
)

// benchServer serves a raw inline echo and does not listen.
func benchServer(b testing.TB) *Server {
	b.Helper()
	s, err := New(Options{Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Drain(ctx)
	})
	err = s.AddRawTool(mcp.Tool{
		Name: "echo", Description: "Returns the message.",
		InputSchema: json.RawMessage(`{"type":"object"}`),
	}, func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
		return mcp.AppendRawTextResult(dst, req.Arg("message")), nil
	}, Inline)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

const (
	benchLegacy = `{"jsonrpc":"2.0","id":123456,"method":"tools/call","params":{"name":"echo",` +
		`"arguments":{"message":"abcdefghijklmno"}}}`
	benchModern = `{"jsonrpc":"2.0","id":123456,"method":"tools/call","params":{"name":"echo",` +
		`"arguments":{"message":"abcdefghijklmno"},"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
		`"io.modelcontextprotocol/clientCapabilities":{}}}}`
)

// BenchmarkLineCall is what the line door does with one inline tools/call, from frame to answer.
func BenchmarkLineCall(b *testing.B) {
	for _, c := range []struct{ name, frame string }{
		{"legacy", benchLegacy},
		{"modern", benchModern},
		{"ping", `{"jsonrpc":"2.0","id":1,"method":"ping"}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := benchServer(b)
			d := &lineDoor{s: s}
			lc := &lineConn{ls: s.states[0], peer: &peer{version: mcp.V20251125}}
			out, frame := make([]byte, 0, 4096), []byte(c.frame)
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			for b.Loop() {
				out = d.frame(lc, frame, out[:0])
			}
		})
	}
}

// threeProperties is the schema of the tool whose checked call is compared with an unchecked one.
const threeProperties = `{"type":"object","properties":{"message":{"type":"string",` +
	`"maxLength":64},"limit":{"type":"integer","minimum":1,"maximum":100},` +
	`"verbose":{"type":"boolean"}},"required":["message"],"additionalProperties":false}`

// checkedCall is a call of tool with arguments that fit threeProperties.
func checkedCall(tool string) string {
	return `{"jsonrpc":"2.0","id":123456,"method":"tools/call","params":{"name":"` + tool +
		`","arguments":{"message":"abcdefghijklmno","limit":10,"verbose":true}}}`
}

// addCheckedTools offers the same raw inline tool with that schema and without one.
func addCheckedTools(t testing.TB, s *Server) {
	t.Helper()
	echo := func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
		return mcp.AppendRawTextResult(dst, req.Arg("message")), nil
	}
	for name, schema := range map[string]any{
		"checked": json.RawMessage(threeProperties), "unchecked": nil,
	} {
		tool := mcp.Tool{Name: name, InputSchema: schema}
		if err := s.AddRawTool(tool, echo, Inline); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkCheckedCall is LineCall of a tool with a schema of three properties and without.
func BenchmarkCheckedCall(b *testing.B) {
	for _, name := range []string{"unchecked", "checked"} {
		b.Run(name, func(b *testing.B) {
			s := benchServer(b)
			addCheckedTools(b, s)
			d := &lineDoor{s: s}
			lc := &lineConn{ls: s.states[0], peer: &peer{version: mcp.V20251125}}
			out, frame := make([]byte, 0, 4096), []byte(checkedCall(name))
			b.ReportAllocs()
			for b.Loop() {
				out = d.frame(lc, frame, out[:0])
			}
		})
	}
}
