// Package callers compares clients: package client and net/http make the same calls to the same
// server, plain or over TLS, and what is measured is this process, not the server's.
//
// Owns:    the calls of a run, and the server of Serve in a process of its own.
// Borrows: the address of a server.
// Never:   shares a core with the server unless the caller has bound both to it.
//
// Reading order: run.go, mux.go and nethttp.go, serve.go.
package callers
