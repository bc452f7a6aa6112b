//go:build long

package history

// The size of the run: clientsEach*4 clients for each transport.
const (
	clientsEach = 8
	operations  = 3000
)

// The same for the run through the gateway.
const (
	visitorsEach = 3
	visits       = 600
)

// memoryMiB is about twice what the server grows by. The ledger has some 300,000 values at the end.
const memoryMiB = 80
