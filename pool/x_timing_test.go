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
