//go:build long

package server_test

// How hard the tests of many connections try.
const (
	churnConns    = 100_000
	floodSessions = 100_000
	silentConns   = 7_000 // both ends are in this process: two descriptors each
)
