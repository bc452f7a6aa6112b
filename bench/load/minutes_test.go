package load

import (
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/result"
)

func TestMinutesAreKept(t *testing.T) {
	l := timeline{begin: int64(5 * time.Second)}
	l.hist, l.minute = result.NewHistogram(), result.NewHistogram()
	for second := 1; second <= 155; second++ { // 5 s of warm-up, two minutes and a half
		latency := time.Millisecond
		if second > 100 && second <= 110 {
			latency = 50 * time.Millisecond
		}
		l.hist.Record(int64(latency))
		l.keep(int64(second) * int64(time.Second))
		l.hist.Reset()
	}
	minutes := l.whole()
	if len(minutes) != 3 {
		t.Fatalf("got %d minutes, want 3", len(minutes))
	}
	for i, want := range []int64{60, 60, 30} {
		if got := minutes[i].Count(); got != want {
			t.Errorf("got %d latencies in minute %d, want %d", got, i, want)
		}
	}
	r := result.Load{Minutes: minutes}
	if worst := r.WorstMinute(); worst < 49e3 || minutes[0].Micros(99) > 2e3 {
		t.Errorf("got %v us for the worst, %v for the first", worst, minutes[0].Micros(99))
	}
}

func TestLatencyByMethod(t *testing.T) {
	o := quick(TransportTCP, fake.Lines(t, "tcp", nil))
	o.Method = []string{MethodCall, MethodList, MethodCall, MethodResources}
	r := runLoad(t, o)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if len(r.ByMethod) != 3 {
		t.Fatalf("got latencies of %q, want 3 methods", r.Methods())
	}
	calls, lists := r.ByMethod[MethodCall].Count(), r.ByMethod[MethodList].Count()
	if calls < 2*lists-20 || calls > 2*lists+20 {
		t.Errorf("got %d calls and %d lists, want twice as many", calls, lists)
	}
	if r = runLoad(t, quick(TransportTCP, o.Addr)); r.ByMethod != nil {
		t.Errorf("got latencies by method of one method: %q", r.Methods())
	}
}
