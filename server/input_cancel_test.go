package server_test

import (
	"context"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// A handler that asks when its call has been cancelled asks nobody, and leaves nothing behind that
// would count as open.
func TestLegacyInputOfACancelledCall(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Input.OpenMax, o.Queue.Workers = 1, 1 },
		func(s *server.Server) {
			addAskers(s)
			server.AddTool(s, mcp.Tool{Name: "ask_late"},
				func(ctx context.Context, _ *mcp.Request, _ struct{}) (string, error) {
					<-ctx.Done()
					return "", &mcp.InputRequired{Requests: mcp.InputRequests{"name": nameForm()}}
				})
		})
	c := r.dialTCP()
	c.initializeWith("2025-11-25", everyCapability)
	for range 3 {
		c.line(legacyCall("1", "ask_late", "{}"))
		c.line(legacyLine("", "notifications/cancelled", `"requestId":1`))
		// The one worker runs this after the other.
		wantIn(t, c.reply(c.ask(legacyCall("2", "ask_name", "{}")), `{"action":"cancel"}`),
			`"id":2`, "cancel")
	}
}
