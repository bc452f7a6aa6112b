// Package mcp is the meaning of MCP, the Model Context Protocol: its revisions, its methods,
// the types of its messages, the tool catalogue with its pre-encoded lists, and the rules that
// tell the eras apart. Client and server share it.
//
// Owns:    the method table, the version columns, the encoded lists.
// Borrows: frames and spans of the codec; it keeps none after a call returns.
// Never:   touches a socket, starts a goroutine, reads the clock.
package mcp
