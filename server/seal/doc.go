// Package seal protects what the server hands to a client to be given back later, such as the
// requestState of a request that needs input (2026-07-28, basic/patterns/mrtr). Nothing is stored:
// whoever holds the keys can open what any other node has sealed.
//
// Owns:    the key ring.
// Borrows: what is sealed; it keeps none of it.
// Never:   does I/O, reads the clock, knows what it seals.
package seal
