package pool

import "testing"

func BenchmarkBytesGetPut(b *testing.B) {
	p := NewBytes(0)
	payload := make([]byte, 120)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			buf := p.Get()
			buf.B = append(buf.B, payload...)
			p.Put(buf)
		}
	})
}

// BenchmarkBreaker is a call that succeeds, through a breaker that never saw another one.
func BenchmarkBreaker(b *testing.B) {
	breaker := NewBreaker(&BreakerOptions{Failures: 5, Probes: 3})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if p, err := breaker.Allow(); err == nil {
				p.Done(Succeeded)
			}
		}
	})
}
