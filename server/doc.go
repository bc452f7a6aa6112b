// Package server is mcploop's server runtime and its public Go API: it composes the loops, the
// codecs, the meaning of MCP and the sessions into one server that speaks every revision on
// every door.
//
//	s, err := server.New(server.Options{Name: "hello", HTTP: []string{"127.0.0.1:9999"}})
//	server.AddTool(s, mcp.Tool{Name: "greet"}, greet)
//	err = s.Serve(ctx)
//
// Owns:    the doors, the calls in flight, the workers, the metrics of one server.
// Borrows: a handler's answer until it is encoded; a frame until its message was handled.
// Never:   blocks a loop; keeps global state: two servers fit in one process.
package server
