//go:build !long

package history

// The size of the run: clientsEach*4 clients for each transport.
const (
	clientsEach = 2
	operations  = 200
)

// The same for the run through the gateway.
const (
	visitorsEach = 1
	visits       = 60
)

// memoryMiB is about twice what the server grows by: 3 to 5 MiB are its workers' stacks, buffers
// of connections and what the collector leaves until it runs next. The ledger and the events kept
// for clients that come back are less than 1 MiB.
const memoryMiB = 10
