// Package history records what clients sent and got while connections were cut, and decides
// afterwards whether the server kept its word: one outcome for each request, no event lost,
// doubled or out of order, nothing of anybody else's, each call run at most once.
//
// Owns:    the events of one run, in the order in which they were seen.
// Borrows: nothing; clients tell it what happened, it opens no connection.
// Never:   knows a transport. Its tests know them all: they run examples/everything.
package history
