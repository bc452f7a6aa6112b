// Package loop serves sockets on one epoll loop per core. It knows bytes,
// never a protocol: a Handler cuts frames out of what it is handed.
//
// Owns:    the pollers, the sockets, the read buffers, carries, outboxes and
// deadlines; one goroutine per loop and nothing else while it serves.
//
// Borrows: buf and out are lent to a Handler until it returns; what a caller
// hands to Send is copied before Send returns when it cannot be written at once.
//
// Never:   blocks a loop, calls two callbacks of one conn at once or one inside
// another, calls a Handler after Closed, keeps a buffer for an idle conn.
//
// Reading order: loop.go (the wake-up and the hand-over), conn.go (the public
// conn), wake.go (bytes in), outbox.go (bytes out), turn.go (what a conn wants
// next), then listen.go, dial.go, std.go, drain.go. poller.go is the only file
// that knows netpoll.
package loop
