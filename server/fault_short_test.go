//go:build !long

package server_test

// How hard the tests of many connections try; -tags long tries as hard as FAULTS says.
const (
	churnConns    = 4000
	silentConns   = 200
	floodSessions = 10_000
)
