// Package hostile opens connections that behave as badly as clients on the internet do, to be put
// beside good ones. It has a process of its own, so that it costs the good clients nothing but what
// the server and the machine let it.
//
// Owns:    its connections; one that the server ends is opened again a second later.
// Borrows: the bytes of a call, from package load.
// Never:   sends more than a trickle, judges an answer, or leaves the server it was told of.
package hostile
