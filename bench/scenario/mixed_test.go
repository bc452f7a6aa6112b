package scenario

import (
	"slices"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
)

func TestMixedTellsLatencyByMethod(t *testing.T) {
	f := func(name string, set func(*Settings), want ...string) {
		t.Helper()
		got := step(t, mustRun(t, "mixed", func(s *Settings) {
			set(s)
			// So many calls are due on each connection that every method has its turn.
			s.Connections, s.Rate = 3, 4000
		}), "mixed").Load
		if !slices.Equal(got.Methods(), want) {
			t.Errorf("%s: got %q, want %q", name, got.Methods(), want)
		}
		sum := int64(0)
		for _, h := range got.ByMethod {
			sum += h.Count()
		}
		if sum != got.Latency.Count() || uint64(sum) < got.Calls {
			t.Errorf("%s: got %d latencies by method, %d of all", name, sum, got.Latency.Count())
		}
		for _, m := range want {
			if h := got.ByMethod[m]; h.Count() == 0 {
				t.Errorf("%s: got no latency of %s", name, m)
			}
		}
	}
	// The fake one refuses prompts/list.
	addr := fake.Lines(t, "tcp", nil)
	f("fake", func(s *Settings) { s.TCP = addr },
		"ping", "resources/list", "tools/call", "tools/list")
	f("fake, three processes", func(s *Settings) { s.TCP, s.Processes = addr, 3 },
		"ping", "resources/list", "tools/call", "tools/list")
	o := serve(t)
	f("ours", func(s *Settings) { s.URL = "http://" + o.http + "/mcp" },
		"ping", "prompts/list", "resources/list", "tools/call", "tools/list")
}
