// Package scenario has the ways in which bench loads a server, by name. Each runs against any MCP
// server over any transport, in steps, ends by itself and leaves a result.File.
//
// Owns:    the client processes, and the server when its command was given.
// Borrows: a server that runs already; of its process it only reads what the kernel tells.
// Never:   leaves 127.0.0.0/8 or unix sockets unless an address says so, and never calls a step a
// measurement whose answers were not all right.
package scenario
