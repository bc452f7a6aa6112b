package server_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// gate is a blocking tool that tells when it runs, and stays until release is closed or its
// context ends.
type gate struct {
	t       *testing.T
	entered chan *mcp.Request
	ended   chan error // causes of contexts that ended
	release chan struct{}
}

func (r *running) addGate(name string) *gate {
	g := &gate{
		r.t, make(chan *mcp.Request, 100), make(chan error, 100), make(chan struct{}),
	}
	server.AddTool(r.Server, mcp.Tool{Name: name, Description: "waits"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			g.entered <- req
			select {
			case <-ctx.Done():
				g.ended <- context.Cause(ctx)
				return "", context.Cause(ctx)
			case <-g.release:
				return "released", nil
			}
		})
	return g
}

func (g *gate) waitEntered() *mcp.Request {
	g.t.Helper()
	select {
	case req := <-g.entered:
		return req
	case <-time.After(patience):
		g.t.Fatal("the tool was never called")
		return nil
	}
}

// waitEnded checks why a call's context ended.
func (g *gate) waitEnded(want error) {
	g.t.Helper()
	select {
	case err := <-g.ended:
		if !errors.Is(err, want) {
			g.t.Fatalf("the call ended with %v, want %v", err, want)
		}
	case <-time.After(patience):
		g.t.Fatalf("the call never ended; want %v", want)
	}
}
