package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestLoopIsLetInWhileWorkersCompute counts how often a request gets its answer from the loop while
// half of a queue is run. If Go alone took the core away, each of the eight workers would run some
// ten calls of a millisecond first, and two requests were all.
func TestLoopIsLetInWhileWorkersCompute(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var ran atomic.Int64
	const workers, calls = 8, 400
	r := start(t, func(o *server.Options) {
		o.Queue.Workers, o.Loops.Count = workers, 1
	}, func(s *server.Server) { addBurners(s, &ran) })
	busy, calm := r.dialTCP(), r.dialTCP()
	var all strings.Builder
	for i := range calls {
		all.WriteString(modernCall(strconv.Itoa(i), "burn", "{}") + "\n")
	}
	busy.send(all.String())
	asked := 0
	for ran.Load() < calls/2 {
		calm.ask(modernCall("1", "here", "{}"))
		asked++
	}
	if asked < 4 {
		t.Errorf("the loop was let in %d times while %d calls ran, want 4 at least",
			asked, ran.Load())
	}
}

// addBurners adds a tool that computes for about a millisecond on a worker, counted in ran, and
// one that answers on the loop.
func addBurners(s *server.Server, ran *atomic.Int64) {
	schema := json.RawMessage(`{"type":"object"}`)
	must(s.AddRawTool(mcp.Tool{Name: "burn", InputSchema: schema},
		func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
			var block [64 << 10]byte
			for range 20 {
				sum := sha256.Sum256(block[:])
				copy(block[:], sum[:])
			}
			ran.Add(1)
			return mcp.AppendTextResult(dst, []byte("done")), nil
		}, server.Blocking))
	must(s.AddRawTool(mcp.Tool{Name: "here", InputSchema: schema},
		func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
			return mcp.AppendTextResult(dst, []byte("here")), nil
		}, server.Inline))
}
