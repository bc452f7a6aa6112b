// Package pool keeps what is worth using again.
//
// Owns:    idle byte buffers, and the rule which of them are too large to keep.
//
// Borrows: nothing: a buffer belongs to whoever got it until it is put back, and
// nobody may look at it after that.
//
// Never:   does I/O, reads the clock, knows what the bytes mean.
package pool
