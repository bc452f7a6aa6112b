package loop

import (
	"net"
	"sync"
	"testing"
	"time"
)

// BenchmarkEcho sends messages of 118 bytes over 64 conns; each keeps P of them
// in flight. The clients are in the same process: see the CPU profile for the
// loop's own share.
func BenchmarkEcho(b *testing.B) {
	for _, p := range []struct {
		name string
		n    int
	}{{"P=1", 1}, {"P=16", 16}} {
		b.Run(p.name, func(b *testing.B) { benchEcho(b, 64, p.n) })
	}
}

func benchEcho(b *testing.B, conns, pipeline int) {
	g := start(b, Options{Loops: 1})
	addr := serve(b, g, new(hooks))
	msg := make([]byte, 118*pipeline)
	b.SetBytes(118)
	b.ReportAllocs()
	var wg sync.WaitGroup
	clients := make([]net.Conn, conns)
	for i := range clients {
		clients[i] = connect(b, addr)
		_ = clients[i].SetDeadline(time.Time{})
	}
	b.ResetTimer()
	for _, c := range clients {
		wg.Go(func() {
			buf := make([]byte, len(msg))
			for range b.N/conns/pipeline + 1 {
				mustWrite(b, c, msg)
				for got := 0; got < len(buf); {
					n, err := c.Read(buf[got:])
					if err != nil {
						b.Error(err)
						return
					}
					got += n
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	s := g.Stats()
	b.ReportMetric(float64(s.Reads)/float64(b.N), "reads/op")
}

func BenchmarkSetDeadline(b *testing.B) {
	g := start(b, Options{Loops: 1})
	h := new(hooks)
	_ = connect(b, serve(b, g, h))
	c := h.opened(b)
	b.ReportAllocs()
	if err := c.loop.do(func() {
		for range b.N {
			c.SetDeadline(30 * time.Second)
		}
	}); err != nil {
		b.Error(err)
	}
}

func BenchmarkPost(b *testing.B) {
	g := start(b, Options{Loops: 1})
	l := g.Loops()[0]
	var wg sync.WaitGroup
	wg.Add(b.N)
	done := func() { wg.Done() }
	b.ReportAllocs()
	for range b.N {
		for l.Post(done) != nil {
		}
	}
	wg.Wait()
	b.ReportMetric(float64(g.Stats().Signals)/float64(b.N), "signals/op")
}

// BenchmarkAccept is one connect, one message, one orderly end.
func BenchmarkAccept(b *testing.B) {
	g := start(b, Options{Loops: 1})
	addr := serve(b, g, &hooks{data: lines})
	b.ReportAllocs()
	for range b.N {
		if err := churnOne(addr, 3); err != nil {
			b.Fatal(err)
		}
	}
}
