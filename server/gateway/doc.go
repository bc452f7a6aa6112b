// Package gateway puts other MCP servers behind this one: it keeps a connection to each, lists
// their tools under names of its own, and carries calls over it, many at a time.
//
// Owns:    the connections to upstreams, the child processes of those that speak over stdio, one
// goroutine for each upstream that keeps it alive.
// Borrows: the loops that the connections live on; a client's arguments until the call was sent;
// an upstream's answer until it was spliced into ours.
// Never:   starts a goroutine for a call, decodes arguments or results, repeats a call that may
// have run, lets one upstream's trouble reach another.
//
// Reading order: upstream.go (what one is), supervise.go (how it is kept alive), tools.go (names
// and lists), call.go (the way of one call), splice.go (results between the eras).
package gateway
