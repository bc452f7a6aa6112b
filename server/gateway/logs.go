package gateway

import (
	"bytes"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Log messages of a call (notifications/message) go to the client whose call it is, if it wants
// that level. A modern upstream is told the level with the call, a legacy one by logging/setLevel
// for the most verbose client of its connection.

// hearLogs has f pass on log messages of that severity or a higher one; 0: none.
func (f *forward) hearLogs(level int) {
	if f.level = level; level > 0 {
		f.caller.Keep() // a message may still come while the client cancels
		f.Notified = f.notified
	}
}

// begin is start behind what makes the upstream log as the client wants.
func (f *forward) begin() {
	if f.level == 0 { // Fast path.
		f.start()
		return
	}
	f.live.LogFrom(mcp.LevelNamed(f.level), f.start)
}

// notified is told of what else an upstream says that belongs to the call, on a loop.
func (f *forward) notified(_ *client.Call, method string, params []byte) {
	u := f.item.up
	if method != mcp.NotifyMessage {
		u.notified(method, params)
		return
	}
	if mcp.LevelOf(codec.Find(params, "level")) < f.level {
		return
	}
	c := f.recipient().caller
	if c != nil && c.Notify(method, params) == nil { // else it was answered, or has gone
		u.count.logs.Add(1)
	}
}

// metaOf is the _meta of a client's request for the upstream: what the protocol does not define,
// and the level that the client wants to be told, which a legacy client has said before.
func metaOf(req *mcp.Request) []byte {
	if req.LogLevel == 0 || codec.Find(req.Meta, mcp.MetaLogLevel) != nil {
		return req.Meta
	}
	b := append(make([]byte, 0, len(req.Meta)+64), `{"`+mcp.MetaLogLevel+`":"`...)
	b = append(append(b, mcp.LevelNamed(req.LogLevel)...), '"')
	rest := bytes.TrimSpace(req.Meta)
	if len(rest) < 2 {
		return append(b, '}')
	}
	return append(append(b, ','), rest[1:]...) // it has members, see Request.Meta
}
