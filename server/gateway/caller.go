package gateway

import (
	"context"

	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// Caller is a client's call that waits for its answer.
type Caller interface {
	// Loop is where it came in.
	Loop() *loop.Loop
	// Context ends when the call is cancelled, timed out or answered. It costs more than OnEnd.
	Context() context.Context
	// OnEnd has w told, instead of who was to be told before, when the call ends otherwise than
	// by ReplyRaw or Fail. False: it has ended, and nobody will be told.
	OnEnd(w EndWatcher) bool
	// Ended tells whether it was cancelled, timed out or answered.
	Ended() bool
	// Release says that the call, and what its request points to, is not used any more; it is
	// called once at most, after the call has ended or was answered. It is another client's from
	// then on, unless Keep was called before.
	Release()
	Keep()
	// ReplyRaw and Fail answer it; the first wins. result may be reused afterwards.
	ReplyRaw(result []byte)
	Fail(err error)
	// Owner names whose it is: the same text for the same credentials, "" without any; for a legacy
	// session one of its own if bySession.
	Owner(bySession bool) string
	// Client is who makes it, to be told of something when it has ended; nil: it can be told
	// nothing then.
	Client() Client
	// Notify sends a notification that belongs to it.
	Notify(method string, params []byte) error
	// ReplyTask answers a tools/call with a task that the upstream has made of it.
	ReplyTask(upstream string, result []byte)
	// RequireInput asks its client for something before there is an answer, and has the item called
	// again with what the client said. It is an answer as those above are where the client is
	// modern: then the next call is another Caller.
	RequireInput(need *mcp.InputRequired)
}

// EndWatcher wants to know when a client's call ends that it works for.
type EndWatcher interface {
	// CallEnded is told why. It runs where the call ends, and must not block.
	CallEnded(cause error)
}
