//go:build !long

package history

// The size of the run: clientsEach*4 clients for each transport.
const (
	clientsEach = 2
	operations  = 200
)
