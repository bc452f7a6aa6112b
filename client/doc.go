// Package client is the MCP client: any transport (Streamable HTTP, HTTP+SSE, WebSocket, newline
// frames over TCP, unix sockets and a child's stdio), both eras, many calls over one connection.
//
// Owns:    the connections to one server, the ids of the calls in flight, the legacy session,
// a child process; and a loop of its own when Options.Group is nil.
//
// Borrows: Options.Group. Params of a call are read until Start returns; the bytes of an Answer
// are lent to Done until it returns.
//
// Never:   starts a goroutine per call or per connection, follows a redirect, repeats a call
// that may have run, answers for a person or a model but by Options, trusts an id that it did not
// issue.
//
// Reading order: client.go and tools.go (the blocking API), connect.go (the eras), mux.go (the
// async core that a gateway uses as it is), then the wires: link.go with line.go, ws.go and sse.go,
// and streamable.go with http_pool.go, http_conn.go, resume.go and ear.go. What servers ask of
// clients is in ask.go and input.go; tokens that change are in auth.go and its neighbours.
package client
