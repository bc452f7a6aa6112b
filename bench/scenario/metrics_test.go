package scenario

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/result"
)

func TestMetricsOfOurServerAreFound(t *testing.T) {
	o := serve(t)
	f := mustRun(t, "closed", func(s *Settings) { s.URL = "http://" + o.http + "/mcp" })
	if f.Server.Loops != 2 || f.Server.PID != os.Getpid() || f.Server.Procs == "" {
		t.Errorf("got %+v, want 2 loops of this process", f.Server)
	}
	s := step(t, f, "closed")
	for _, name := range []string{"heap", "goroutines", "threads"} {
		if value(t, s, name) <= 0 {
			t.Errorf("got nothing for %q", name)
		}
	}
}

func TestServerWithoutMetricsIsMeasuredAllTheSame(t *testing.T) {
	addr := fake.HTTP(t, false, nil) // it answers any path, with no metrics
	f := mustRun(t, "closed", func(s *Settings) { s.URL = "http://" + addr })
	for _, m := range step(t, f, "closed").Measures {
		if m.Name == "heap" || m.Name == "GC pause p99" {
			t.Errorf("got %+v of a server that tells nothing", m)
		}
	}
	_, err := Do(t.Context(), quickly(t, "closed", func(s *Settings) {
		s.URL, s.Metrics = "http://"+addr, "http://"+addr+"/metrics"
	}))
	if err == nil {
		t.Error("metrics that were asked for and are not there went unnoticed")
	}
}

func TestGCPausesAreThoseOfTheStep(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		long := 1000 // pauses before the step
		short := 100 * asked.Add(1)
		fmt.Fprintf(w, "go_gc_pauses_seconds_bucket{le=\"0.0005\"} %d\n"+
			"go_gc_pauses_seconds_bucket{le=\"0.5\"} %d\n"+
			"go_gc_pauses_seconds_bucket{le=\"+Inf\"} %[2]d\n", short, short+int64(long))
	}))
	defer s.Close()
	f := mustRun(t, "closed", func(set *Settings) {
		set.TCP, set.Metrics = fake.Lines(t, "tcp", nil), s.URL
	})
	if got := value(t, step(t, f, "closed"), "GC pause p99"); got != 500 {
		t.Errorf("got %v us, want the 500 us of the pauses in the step", got)
	}
}

func TestDescriptorsAreSampled(t *testing.T) {
	tg := &target{}
	tg.opt.PID = os.Getpid()
	w := &watch{t: tg}
	s := result.Sample{At: 1}
	w.second(t.Context(), &s)
	st := result.Step{Load: &result.Load{Timeline: make([]result.Sample, 1)}}
	w.end(t.Context(), &st)
	if n := st.Load.Timeline[0].FDs; n < 3 || float64(n) != value(t, &st, "descriptors") {
		t.Errorf("got %d descriptors in the timeline, %+v", n, st.Measures)
	}
}
