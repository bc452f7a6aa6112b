//go:build !race

package server_test

import "testing"

// TestUpstreamCallAllocatesNothing: neither does the gateway for a call of a modern HTTP client
// that goes on over HTTP, nor what it has of a client and a server in itself.
func TestUpstreamCallAllocatesNothing(t *testing.T) {
	call := gatewayCaller(t)
	if n := testing.AllocsPerRun(2000, call); n >= 1 {
		t.Errorf("%v allocations for each call, want 0", n)
	}
}
