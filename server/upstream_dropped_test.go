package server_test

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// dropped is what nobody gets of what an upstream sends.
type dropped struct{ strays, noise, tooLarge float64 }

// times is what so many callers get as much of.
func (d dropped) times(n float64) dropped {
	return dropped{n * d.strays, n * d.noise, n * d.tooLarge}
}

// hasDropped waits until the counters of the sick upstream are these.
func (r *running) hasDropped(want dropped) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%+v are counted", want), func() bool {
		got := dropped{
			r.ofSick("strays_total"), r.ofSick("noise_total"), r.ofSick("too_large_total"),
		}
		if got.strays > want.strays || got.noise > want.noise || got.tooLarge > want.tooLarge {
			r.t.Fatalf("counted %+v, want %+v", got, want)
		}
		return got == want
	})
}

// TestUpstreamDroppedStaysCounted: what an upstream has sent that nobody gets stays counted when
// its connection ends, also when that never was ready.
func TestUpstreamDroppedStaysCounted(t *testing.T) {
	var begun atomic.Int64
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		switch m.Method {
		case "initialize":
			c.line("DEBUG: started")
			c.line(fmt.Sprintf(lineAnswer, "5"))
			if begun.Add(1) == 1 {
				c.Close()
			}
		case "tools/call":
			c.Close()
			return ""
		}
		return well(c, m)
	})
	g := beside(t, overTCP(fake.addr))
	g.has("sick__echo", true)
	g.hasDropped(dropped{strays: 2, noise: 2})
	if got := g.callSick(); code(got) != -31002 {
		t.Errorf("got %s, want -31002", got)
	}
	g.hasDropped(dropped{strays: 3, noise: 3})
	eventually(t, "it is back", func() bool { return g.ofSick("up") == 1 })
	g.unharmed()
}
