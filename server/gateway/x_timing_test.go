package gateway

import "testing"

// BenchmarkGuard is what a call that succeeds costs beyond being carried: both breakers, the delay,
// the judgement.
func BenchmarkGuard(b *testing.B) {
	opt := Options{Name: "up"}.withDefaults()
	g := newGuard(&opt, nil)
	use := g.newUsage()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, err := g.admit(use, "tool")
			if err != nil {
				b.Error(err)
				return
			}
			g.settle(p, verdictGood, nil)
		}
	})
}
