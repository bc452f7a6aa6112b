package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
)

func TestOverloadTellsGoodputAndRefusals(t *testing.T) {
	o := serve(t)
	f := mustRun(t, "overload", func(s *Settings) {
		s.TCP, s.Tool, s.Depth = o.tcp, "work", 64
	})
	names := []string{"peak", "1x", "2x", "3x", "4x", "5x", "afterwards"}
	if len(f.Steps) != len(names) {
		t.Fatalf("got %d steps, want %q", len(f.Steps), names)
	}
	peak := step(t, f, "peak").Load.PerSecond
	for i, name := range names[1:6] {
		s := step(t, f, name)
		want := peak * float64(i+1)
		if s.Load.Rate < want*0.999 || s.Load.Rate > want*1.001 {
			t.Errorf("%s: got %v/s offered, want %v", name, s.Load.Rate, want)
		}
		if value(t, s, "of peak") <= 0 || s.Verdict == "" {
			t.Errorf("%s: got %+v, %q", name, s.Measures, s.Verdict)
		}
	}
	value(t, step(t, f, "afterwards"), "of peak")
}

// refusing refuses two of three calls.
func refusing() fake.Spoiler {
	id := regexp.MustCompile(`"id":(\d+)`)
	return func(n int64, answer string) string {
		if n%3 == 0 {
			return answer
		}
		return fmt.Sprintf(`{"jsonrpc":"2.0",%s,"error":{"code":-31000,"message":"no"}}`,
			id.FindString(answer))
	}
}

func TestOverloadCountsRefusals(t *testing.T) {
	addr := fake.Lines(t, "tcp", refusing())
	f := mustRun(t, "overload", func(s *Settings) { s.TCP, s.Era = addr, "legacy" })
	s := step(t, f, "3x")
	if s.Load.Refusals["-31000"] == 0 || value(t, s, "refusals") <= 0 ||
		value(t, s, "refusal p50") <= 0 || value(t, s, "refusal p99") <= 0 {
		t.Errorf("got %+v, want refusals with code and latency", s.Load.Refusals)
	}
	if !strings.Contains(s.Verdict, "refused") {
		t.Errorf("got verdict %q", s.Verdict)
	}
}

func TestOverloadFindsAWrongServer(t *testing.T) {
	var calls atomic.Int64
	addr := fake.Lines(t, "tcp", func(_ int64, answer string) string {
		if calls.Add(1) > 50 {
			return strings.Replace(answer, `"text":"0`, `"text":"9`, 1)
		}
		return answer
	})
	f, err := Do(t.Context(), quickly(t, "overload", func(s *Settings) {
		s.TCP, s.Era = addr, "legacy"
	}))
	if err == nil || f.Err() == nil {
		t.Errorf("got %v, %v of a server that answers wrongly", err, f.Err())
	}
}
