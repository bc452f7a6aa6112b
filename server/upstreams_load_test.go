package server_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestUpstreamsChangeUnderLoad: clients call without a pause while upstreams are replaced, added
// and removed from several sides; no call is dropped.
func TestUpstreamsChangeUnderLoad(t *testing.T) {
	one, two := startFake(t, well), startFake(t, well)
	for _, f := range []*fakeUpstream{one, two} {
		f.quiet.Store(true)
	}
	g := gatewayOf(t, named("up", one.addr))
	g.has("up__echo", true)
	stop := make(chan struct{})
	var callers, changers sync.WaitGroup
	counts := make([]int, 4)
	for i := range counts {
		c := g.dialTCP()
		c.initialize("2025-11-25")
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				counts[i]++
				c.line(legacyCall(fmt.Sprint(counts[i]), "up__echo", `{"a":1}`))
				got := c.nextAnswer()
				if !strings.Contains(got, `"structuredContent":{"a":1}`) {
					t.Errorf("got %s", got)
					return
				}
			}
		})
	}
	changers.Go(func() {
		for i := range 100 {
			addr := []string{two.addr, one.addr}[i%2]
			if err := g.UpdateUpstream(named("up", addr)); err != nil {
				t.Error(err)
			}
			eventually(t, "the new one serves", func() bool {
				return g.Upstreams()[0].Next == ""
			})
		}
	})
	for n := range 2 {
		changers.Go(func() {
			name := fmt.Sprint("more", n)
			for range 100 {
				if err := g.AddUpstream(named(name, one.addr)); err != nil {
					t.Error(err)
				}
				if err := g.RemoveUpstream(name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	changers.Wait()
	close(stop)
	callers.Wait()
	for i, n := range counts {
		if n == 0 {
			t.Errorf("caller %d made no call", i)
		}
	}
	eventually(t, "one connection is left", func() bool { return one.open()+two.open() == 1 })
}
