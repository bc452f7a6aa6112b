// Package gateway puts other MCP servers behind this one: it keeps connections to each, lists what
// they offer under names of its own, and carries calls over them, many at a time.
//
// Owns:    the connections to upstreams, the child processes of those that speak over stdio, one
// goroutine for each instance of an upstream that keeps it alive.
// Borrows: the loops that the connections live on; a client's arguments until the call was sent;
// an upstream's answer until it was spliced into ours.
// Never:   starts a goroutine for a call (but for a Provider's), decodes arguments or results,
// repeats a call that may have run, lets one upstream's trouble reach another.
//
// Reading order: upstream.go (what one is), instance.go, supervise.go and gate.go (how it is kept
// alive), tenants.go (instances of single clients), listing.go and items.go (what it offers),
// call.go (the way of one call), splice.go (results between the eras), bridge.go (what upstreams
// ask), feed.go (news of lists, resources and tasks), provider.go (what is no MCP server).
package gateway
