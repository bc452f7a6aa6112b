package client_test

import (
	"context"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// benchServer serves one inline tool, so that the client is most of what is measured.
func benchServer(b *testing.B) map[string]string {
	s, _ := startServer(b, server.Options{})
	err := s.AddRawTool(mcp.Tool{Name: "quick"},
		func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
			return append(dst, `{"content":[]}`...), nil
		}, server.Inline)
	if err != nil {
		b.Fatal(err)
	}
	return urls(s)
}

// BenchmarkCall is one caller who waits, on each transport.
func BenchmarkCall(b *testing.B) {
	for transport, url := range benchServer(b) {
		b.Run(transport, func(b *testing.B) {
			c := connect(b, client.Options{URL: url})
			params := &mcp.CallToolParams{Name: "quick"}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.CallToolRaw(b.Context(), params); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMux keeps 64 calls in flight on one connection without a waiting goroutine.
func BenchmarkMux(b *testing.B) {
	for transport, url := range benchServer(b) {
		b.Run(transport, func(b *testing.B) {
			c := connect(b, client.Options{URL: url, HTTPConnsMax: 64})
			run := &muxRun{mux: c.Mux(), left: b.N, ended: make(chan struct{})}
			b.ReportAllocs()
			b.ResetTimer()
			run.begin(b, min(64, b.N))
			<-run.ended
		})
	}
}

// muxRun starts a call again from its own Done until enough were made. Its counters belong to
// the loop once begin has returned.
type muxRun struct {
	mux   *client.Mux
	left  int
	open  int
	ended chan struct{}
}

func (r *muxRun) begin(b *testing.B, depth int) {
	r.left -= depth
	r.open = depth
	ready := make(chan struct{}) // no answer is counted before the last call is out
	for range depth {
		c := &client.Call{Method: "tools/call", Params: []byte(`{"name":"quick","arguments":{}}`)}
		c.Done = func(c *client.Call, a client.Answer) {
			<-ready
			r.next(c, a)
		}
		if err := r.mux.Start(c); err != nil {
			b.Fatal(err)
		}
	}
	close(ready)
}

func (r *muxRun) next(c *client.Call, a client.Answer) {
	if a.Err == nil && r.left > 0 {
		r.left--
		if r.mux.Start(c) == nil {
			return
		}
	}
	if r.open--; r.open == 0 {
		close(r.ended)
	}
}
