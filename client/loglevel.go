package client

import (
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// loudness is the severity from which on a legacy server was asked to log in a session, 0 before.
type loudness = atomic.Int32

// LogFrom has a legacy server that can log do so from level on, unless it was asked for as much in
// this session already; then is called when it has answered, or at once when nobody has to be
// asked. It is for who shares the connection among clients: the most verbose one counts. A modern
// server is told with each request (mcp.MetaLogLevel). It does not wait and may be called on a
// loop, then may run there.
func (c *Client) LogFrom(level mcp.LoggingLevel, then func()) {
	f, severity := c.mux.facts.Load(), int32(level.Severity())
	if f.loud == nil || severity == 0 || codec.Find(c.ServerCapabilities(), "logging") == nil {
		then()
		return
	}
	for {
		now := f.loud.Load()
		if now != 0 && now <= severity {
			then()
			return
		}
		if f.loud.CompareAndSwap(now, severity) {
			break
		}
	}
	params := codec.AppendString([]byte(`{"level":`), string(level))
	err := c.mux.start(&Call{
		Method: "logging/setLevel", Params: append(params, '}'), Timeout: c.opt.DialTimeout,
		Done: func(*Call, Answer) { then() }, // who refuses logs as it likes
	}, f)
	if err != nil {
		then()
	}
}
