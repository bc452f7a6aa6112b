// Package load makes load from one thread: connections of one transport to one server, calls on
// them in a closed or an open loop, every answer checked by id and text.
//
// Owns:    its sockets, and the server that it starts for a stdio load.
// Borrows: the pid of a server that somebody else runs; it only reads about it.
// Never:   uses package client or loop: the tool that measures must not share the code that
// is measured.
package load
