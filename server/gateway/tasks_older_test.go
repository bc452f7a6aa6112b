package gateway

import (
	"testing"

	"github.com/mcploop/mcploop/mcp"
)

// TestTaskIsAwaitedAfterASecondTry: a call that becomes a task is one when it is sent once more,
// too, and what is asked for that task is for its client, whoever else calls.
func TestTaskIsAwaitedAfterASecondTry(t *testing.T) {
	x := startTesterWith(t, `,"execution":{"taskSupport":"required"}`)
	c, other := newCaller(t, ""), newCaller(t, "")
	_, id := x.begins(c, mcp.LatestModern)
	x.begins(other, mcp.LatestModern)
	x.say(`"id":%s,"error":{"code":-32020,"message":"a header is missing"}`, id)
	again := await(t, "the second try", x.calls)
	x.say(`"id":%s,"result":{"task":{"taskId":"t","status":"working"}}`, again)
	result := await(t, "the wait for the task", x.calls)
	x.say(`"id":"q","method":"elicitation/create","params":{"message":"?","_meta":{` +
		`"io.modelcontextprotocol/related-task":{"taskId":"t"}}}`)
	need := c.question()
	back := newCaller(t, "")
	x.held.resume(x.Upstream, need.State.(bridged).Held, back, back.request(mcp.LatestModern, need))
	x.wantHeard(`"cancel"`)
	x.answers(result)
	back.wantAnswer()
	if len(other.asked) != 0 {
		t.Error("another client was asked")
	}
}
