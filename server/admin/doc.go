// Package admin is the endpoint on which commands find a running server: mcploop reload and
// mcploop explain.
//
// Owns:    its socket, or its loopback address, and the HTTP server on it.
// Borrows: what it is asked for; a Controls gives the answers.
// Never:   listens where another host, another user or a web page could reach it.
package admin
