package prom

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const page = `# HELP go_goroutines how many
# TYPE go_goroutines gauge
go_goroutines 8
wakeups_total{loop="0",kind="a b"} 3
wakeups_total{loop="1",kind="x"} 4 1795780308000
other_total{loop="7"} 1e3
go_gc_pauses_seconds_bucket{le="0.0001"} 10
go_gc_pauses_seconds_bucket{le="0.001"} 15
go_gc_pauses_seconds_bucket{le="+Inf"} 20
`

func mustParse(t *testing.T, text string) *Page {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPage(t *testing.T) {
	p := mustParse(t, page)
	if v, ok := p.Value("go_goroutines"); !ok || v != 8 {
		t.Errorf("got %v, %v for the gauge, want 8", v, ok)
	}
	if _, ok := p.Value("go_threads"); ok {
		t.Error("got a value that nobody told")
	}
	if n := p.Labels("wakeups_total", "loop"); n != 2 {
		t.Errorf("got %d loops, want 2", n)
	}
	if n := p.Labels("wakeups_total", "oop"); n != 0 {
		t.Errorf("got %d values of half a label's name, want none", n)
	}
}

func TestQuantileIsOfWhatWasCountedBetween(t *testing.T) {
	before := mustParse(t, strings.NewReplacer(" 15", " 10", " 20", " 10").Replace(page))
	after := mustParse(t, page)
	f := func(name string, from *Page, q, want float64) {
		t.Helper()
		if got, ok := Quantile(from, after, "go_gc_pauses_seconds", q); !ok || got != want {
			t.Errorf("%s: got %v, %v, want %v", name, got, ok, want)
		}
	}
	f("median since the start", nil, 0.5, 0.0001)
	f("three quarters since the start", nil, 0.75, 0.001)
	f("all since the start", nil, 1, math.Inf(1))
	f("median between", before, 0.5, 0.001)
	f("p99 between", before, 0.99, math.Inf(1))
	if _, ok := Quantile(after, after, "go_gc_pauses_seconds", 0.99); ok {
		t.Error("got a quantile of nothing")
	}
	if _, ok := Quantile(nil, after, "absent", 0.99); ok {
		t.Error("got a quantile of a histogram that is not there")
	}
}

func TestWhatIsNoMetricsIsAnError(t *testing.T) {
	texts := []string{"", "# nothing\n", "<html>\n<body>404</body>", "{\"a\": 1}", "x"}
	for _, text := range texts {
		if p, err := Parse([]byte(text)); err == nil {
			t.Errorf("got %v for %q, want an error", p, text)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(page))
	}))
	defer s.Close()
	p, err := Get(t.Context(), s.URL+"/metrics")
	if err != nil || p.Labels("wakeups_total", "loop") != 2 {
		t.Errorf("got %v, %v", p, err)
	}
	if _, err := Get(t.Context(), s.URL+"/elsewhere"); err == nil {
		t.Error("got metrics with status 404")
	}
}
