// Package plan runs servers side by side: round after round each in a process of its own on one
// core, the client on another, so that what a machine does to one it does to all.
//
// Owns:    the servers and clients that it starts.
// Borrows: nothing.
// Never:   prints a figure without its spread.
package plan
