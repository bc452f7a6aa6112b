package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// A peer that asks for large lists one behind the other gets them all: what one answer leaves in
// the outbox does not make the next one too much.
func TestPipelinedLargeListsAreNotCut(t *testing.T) {
	r := start(t, smallOutbox, func(s *server.Server) {
		for i := range 500 {
			server.AddTool(s, mcp.Tool{
				Name: fmt.Sprintf("tool_%03d", i), Description: strings.Repeat("long ", 200),
			}, slow)
		}
	})
	c := r.dialTCP()
	const asked = 32
	go func() {
		for i := range asked {
			c.line(modernRequest(fmt.Sprint(i), "tools/list", ""))
		}
	}()
	for i := range asked {
		want := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result"`, i)
		if got := c.read(); !strings.HasPrefix(got, want) {
			t.Fatalf("answer %d is %.80s", i, got)
		}
	}
}
