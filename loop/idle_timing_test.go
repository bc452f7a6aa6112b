//go:build !race

package loop

import "testing"

// BenchmarkIdleConn reports the heap bytes of a conn that was served once and
// has a deadline: conn, operator, closures, registry and wheel.
func BenchmarkIdleConn(b *testing.B) {
	for range b.N {
		b.ReportMetric(idleBytes(b, 8000), "heapB/conn")
	}
}
