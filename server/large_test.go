package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestLargeAnswersAtOnceAreNotCut: a peer that reads gets every answer, though all were ready
// before it read the first and together they are far above the outbox's limit.
func TestLargeAnswersAtOnceAreNotCut(t *testing.T) {
	const size, calls, rounds = 1536 << 10, 6, 2
	large := strings.Repeat("x", size)
	r := start(t, nil, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: "large", Description: "large"},
			func(context.Context, *mcp.Request, struct{}) (string, error) { return large, nil })
	})
	c := r.dialTCP()
	for round := range rounds {
		var lines []string
		for i := range calls {
			lines = append(lines, modernCall(fmt.Sprint(round*calls+i), "large", "{}"))
		}
		c.line(strings.Join(lines, "\n"))
		eventually(t, "all answers are ready", func() bool {
			return r.metric("mcploop_calls_completed_total") == float64((round+1)*calls)
		})
		for range calls {
			if got := c.read(); len(got) < size {
				t.Fatalf("round %d: an answer of %d bytes", round, len(got))
			}
		}
	}
}
