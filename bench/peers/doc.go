// Command peers holds the reference servers that mcploop is measured against, one binary for
// all of them, so that a comparison builds one thing and starts every server the same way.
//
// Owns:    its own go.mod: no library of a peer ever enters the go.mod of mcploop.
// Borrows: package codec, and only for net-codec and fasthttp-codec, which show what the rest
// of mcploop is worth; no other peer may share code with what it is compared to.
// Never:   is a product; every server here answers one echo and nothing else.
package main
