// Package doctor looks at a Linux host and says what it lacks to serve so many connections and
// so many messages per second, and which command cures it.
//
// Owns:    the checks, and what each wants and why.
// Borrows: /proc, /sys and systemd's unit files, below a root that tests replace.
// Never:   changes anything, opens a socket, starts a program.
package doctor
