// Package codec turns bytes into messages and messages into bytes.
//
// Owns:    the strict JSON scanner and the views it hands out, the JSON-RPC envelope's
// rules, every wire error (errors.go), and the frames: lines, HTTP/1.1, event streams.
//
// Borrows: the caller's buffers. Every view (Message's fields, Lines' line) points into the
// buffer it was cut from, or into the Scanner's scratch when it held an escape. It is valid
// until the caller reuses that buffer or calls Scan again, whichever comes first.
//
// Never:   opens a socket, starts a goroutine, reads the clock, logs, or knows what a method
// means. It never prints fastjson's parse error, which quotes the whole input.
package codec
