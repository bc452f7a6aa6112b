// Package proc starts processes and reads what processes use, from the kernel.
//
// Owns:    the children it started; they end with it.
// Borrows: the pids of others; it only reads about them.
// Never:   talks to a process.
package proc
