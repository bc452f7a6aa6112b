package server_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestCallStaysUntilItsToolReturns: a call on the loop that somebody has answered, and that was let
// go of, while its tool still runs is not used for another one before that returns; then it is.
func TestCallStaysUntilItsToolReturns(t *testing.T) {
	const calls = 100
	var mu sync.Mutex
	seen := map[*server.Call]bool{}
	r := start(t, nil, func(s *server.Server) {
		must(s.AddReusedTool(mcp.Tool{Name: "quick"}, func(c *server.Call) {
			arguments := string(c.Request.Params.Arguments)
			c.ReplyRaw([]byte(goodResult))
			c.Release()
			if c.Request == nil || string(c.Request.Params.Arguments) != arguments {
				t.Error("the call is somebody else's already")
			}
			mu.Lock()
			seen[c] = true
			mu.Unlock()
		}))
	})
	c := r.dialTCP()
	for range calls {
		c.line(modernCall("1", "quick", `{"message":"hi"}`))
		if got := c.read(); !strings.Contains(got, `"n":1`) {
			t.Fatalf("got %s", got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) > calls/2 {
		t.Errorf("%d calls were made of %d, want fewer than half", len(seen), calls)
	}
}
