// Package links has tests of the gateway over links that toxiproxy breaks: slow ones, those that
// swallow what is sent, and those that end in the middle of a message.
//
// Owns:    nothing; it is a package of the module that may have heavy dependencies.
// Borrows: the server of this checkout, on both sides of the link.
// Never:   is part of a program.
package links
