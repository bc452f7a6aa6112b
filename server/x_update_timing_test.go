package server

import (
	"fmt"
	"testing"

	"github.com/mcploop/mcploop/mcp"
)

// crowdOf is a loop with n GET streams, which nobody carries; each has subscribed to its own uri,
// or all of them to one.
func crowdOf(b *testing.B, n int, uri func(int) string) *loopState {
	s := benchServer(b)
	ls := s.states[0]
	for i := range n {
		p := &peer{version: mcp.V20251125}
		gs := &getStream{stream: stream{legacy: p}, ls: ls, number: 1}
		gs.get, p.get = gs, gs
		gs.view, gs.all = &s.view, ls.crowds.join(&s.view)
		ls.addListener(&gs.stream)
		p.mu.Lock()
		p.hear(&gs.stream)
		p.mu.Unlock()
		p.add(uri(i), 1)
	}
	return ls
}

// BenchmarkUpdateOfOneSubscriber is ResourceUpdated for a resource that one listener of the crowd
// has subscribed to, up to what it is sent.
func BenchmarkUpdateOfOneSubscriber(b *testing.B) {
	for _, n := range []int{1, 15_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ls := crowdOf(b, n, func(i int) string { return fmt.Sprintf("test://%d", i) })
			b.ReportAllocs()
			for b.Loop() {
				ls.news.add(&ls.s.view, 0, "test://0")
				ls.tellNews()
			}
			if got := ls.count.notifications.Load(); got != uint64(b.N) {
				b.Fatalf("%d were told in %d rounds", got, b.N)
			}
		})
	}
}
