// Package shard splits shared state so that cores do not wait for each other.
//
// Owns:    the sharded table, the bounded ring and its watermarks, the bounded
// workers that drain rings.
//
// Borrows: keys, values and queued items; an item is forgotten when it is popped.
// It never keeps a caller's byte slice.
//
// Never:   does I/O, reads the clock, knows what a key or an item means.
package shard
