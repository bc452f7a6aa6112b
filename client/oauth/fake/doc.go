// Package fake is an authorization server, and an MCP server that takes its tokens alone, for
// tests: over real sockets of this host, with knobs for what goes wrong.
//
// Owns:    two HTTP servers until Close.
//
// Borrows: the MCP server that stands behind, by its address.
//
// Never:   is a server for anybody but tests: its consent is given unasked.
package fake
