// Package tunnel carries connections of a unix socket on to a server over TLS, so that a load,
// whose engine has raw descriptors on one thread, can be put on a server that speaks nothing else.
//
// Owns:    the socket and the connections of a run.
// Borrows: nothing.
// Never:   looks at what it carries; what it costs is the client's, and in the latency.
package tunnel
