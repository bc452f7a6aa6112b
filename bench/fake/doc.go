// Package fake has MCP servers for the tests of bench, that answer rightly or, when a test wants
// it, wrongly.
//
// Owns:    its sockets, until the test ends.
// Borrows: standard input and output, when a test binary was started to be a server.
// Never:   is linked into mcploop.
package fake
