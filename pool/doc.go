// Package pool keeps what is worth using again.
//
// Owns:    idle byte buffers, and the rule which of them are too large to keep; breakers, and the
// rule when what has failed is worth another call.
//
// Borrows: nothing: a buffer belongs to whoever got it until it is put back, and
// nobody may look at it after that.
//
// Never:   does I/O, knows what the bytes mean, reads the clock but for a breaker that is open.
package pool
