package client

import (
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/loop"
)

// Call is one request on its way. The caller fills the exported fields, starts it, and leaves it
// alone until Done; it may embed a Call in a struct of its own. A Call may be started again
// after Done when no Cancel of its former use can come any more.
type Call struct {
	Method string
	// Params is a raw JSON object, nil for none. It is read until Start returns. Members of its
	// _meta that speak for the connection (version, client, capabilities) are replaced.
	Params []byte
	// Sound says that Params are known to be an object of valid JSON with members, none of them
	// _meta, and Name to be what Mcp-Name repeats of them where a method has it: then nobody looks.
	Sound bool
	Name  string
	// Headers are whole HTTP header lines as codec.AppendHeader writes them, for this request
	// alone: Mcp-Param-*. Read until Start returns; line wires ignore them.
	Headers []byte
	// Identity are whole header lines (HeaderLines) that this request has in place of
	// Options.Headers: who it is made for. Only where requests have nothing in common but the
	// connection, which is Streamable HTTP in the modern era; elsewhere Start fails with
	// ErrIdentity. Nil: Options.Headers. Read until Start returns.
	Identity []byte
	// Capabilities are a raw JSON object that a modern server is told instead of
	// Options.Capabilities, for this request alone; nil: none of its own. Read until Start returns.
	Capabilities []byte
	// Near is the loop that the answer is wanted on, where the wire has a choice (HTTP): one of
	// Options.Group. Nil: any.
	Near *loop.Loop
	// Aside is for a call that lasts, such as subscriptions/listen: it is none of InFlightMax, and
	// over Streamable HTTP of no connection of HTTPConnsMax. There are 8 others for such calls; one
	// more waits.
	Aside bool
	// Timeout bounds the wait for the answer; 0: none but the caller's own Cancel.
	Timeout time.Duration
	// FirstByte bounds the wait for the first sign of the answer, BetweenBytes that from each sign
	// to the next one, so that a server that has stopped is told from one that is slow; 0: Timeout
	// alone bounds them. A sign is a byte of the HTTP answer, and progress on the other wires. That
	// the first sign was the last one is noticed up to BetweenBytes late.
	FirstByte, BetweenBytes time.Duration
	// Done gets the answer: exactly once after Start returned nil, never when it returned an
	// error, possibly before it returned. It runs on a loop, or where Cancel, Close or the
	// timeout run; it must not block.
	Done func(*Call, Answer)
	// Progress is told of every notifications/progress of this call, on a loop, before Done; it
	// must not block. params is raw JSON, valid until it returns. Nil: no progress is asked for.
	// A Cancel from another goroutine may run Done while Progress still runs.
	Progress func(c *Call, params []byte)
	// Notified is told, in the same manner, of the other notifications that belong to this call:
	// those on its own stream over Streamable HTTP, except changes of lists and resources; those
	// with its id as subscriptionId; and log messages that come where all calls share a stream,
	// while it is known whose they are, as of Ask.Call. Nil: Options.OnNotification is told.
	Notified func(c *Call, method string, params []byte)
	// Tag is the caller's own; Ask.Call brings it back.
	Tag any
	// Party says for whom the call is made: the same text is the same client, "" another one each
	// time. Where the server does not say which call it asks for, see Ask.Among, that tells whom.
	Party string
	// Task is the task whose result it waits for, "" for none: what the server asks for the sake of
	// that task (2025-11-25, basic/utilities/tasks, "Related Task Metadata") is for this call.
	Task string

	id      uint64
	limit   time.Duration // Timeout, or what SetTimeout made of it; as of table.slots
	began   int64         // by Mux.clock
	sign    atomic.Int64  // the last one, by Mux.clock; 0: none yet
	endless bool          // SetTimeout has said so; as of table.slots
	asked   atomic.Bool   // an Ask points to it
	verb    verb
}

// Asked tells whether the server has asked something on behalf of c: then an Ask may still point to
// it after Done.
func (c *Call) Asked() bool { return c.asked.Load() }

// verb says what kind of message a Call is; only this package makes others than requests.
type verb uint8

const (
	verbRequest verb = iota
	verbNotify       // no answer is wanted; over HTTP its refusal is
	verbReply        // Params is the whole message, an answer to the server
	verbDelete       // the HTTP request that ends a session
	verbListen       // the HTTP request for the stream that belongs to no call
)

// Answer is the outcome of a call: exactly one of Result, Error and Err is set, none of them
// when no answer was wanted. Result and Error are valid until Done returns.
type Answer struct {
	Result []byte // raw JSON
	Error  []byte // raw JSON-RPC error object
	Err    error  // the connection failed, or HTTP refused (*HTTPError), or it was cancelled

	Status    int    // of HTTP, 0 elsewhere
	SessionID string // Mcp-Session-Id of the answer to initialize, "" elsewhere
	// RetryAfter is when HTTP wants to be asked again that has refused the call with Error; that of
	// an *HTTPError is there.
	RetryAfter time.Duration
}
