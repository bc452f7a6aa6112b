// Package bench makes load and measures what it costs a server: a closed loop of calls over
// every transport, each reply checked, and the server's CPU and memory read from the kernel.
//
// Owns:    its sockets and threads, the child processes it starts, and the reports.
// Borrows: the pid of a server that somebody else runs; it only reads about it.
// Never:   uses package client or loop: the tool that measures must not share the code that
// is measured. Never leaves 127.0.0.0/8 or unix sockets unless an address says so, and never
// prints a figure without the command, host and commit that made it.
package bench
