package server_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/server"
)

// sample is one line of the metrics page.
type sample struct {
	name, labels string // labels with their braces, "" without
	value        float64
}

type metricsPage []sample

const labelPattern = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`

var sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{` + labelPattern + `(?:, ?` +
	labelPattern + `)*\})? (NaN|[-+]?Inf|[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)$`)

// parseMetrics reads Prometheus text format, strictly.
func parseMetrics(text string) (metricsPage, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end: %.50q", text[max(0, len(text)-50):])
	}
	var page metricsPage
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		part := sampleLine.FindStringSubmatch(line)
		if part == nil {
			return nil, fmt.Errorf("line %d is no sample: %q", i+1, line)
		}
		if seen[part[1]+part[2]] {
			return nil, fmt.Errorf("line %d comes twice: %q", i+1, line)
		}
		seen[part[1]+part[2]] = true
		value, err := strconv.ParseFloat(part[3], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		page = append(page, sample{part[1], part[2], value})
	}
	return page, nil
}

// scrape reads the metrics page over its socket.
func (r *running) scrape() metricsPage {
	r.t.Helper()
	resp, err := http.Get("http://" + r.http + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := parseMetrics(r.text(resp))
	if err != nil {
		r.t.Fatal(err)
	}
	return page
}

// family is the name without what a histogram puts behind it.
func (s sample) family() string {
	for _, end := range []string{"_bucket", "_sum", "_count"} {
		if name, ok := strings.CutSuffix(s.name, end); ok {
			return name
		}
	}
	return s.name
}

// total is the sum of the samples of that name, with these labels or any, or a histogram's count.
func (p metricsPage) total(name string) float64 {
	sum := 0.0
	for _, s := range p {
		if s.name == name || s.name+s.labels == name || s.name == name+"_count" {
			sum += s.value
		}
	}
	return sum
}

func (p metricsPage) has(name string) bool {
	for _, s := range p {
		if s.name == name || s.name+s.labels == name || s.family() == name {
			return true
		}
	}
	return false
}

func TestMetricsPageParses(t *testing.T) {
	r := start(t, nil)
	c := r.dialTCP()
	c.ask(modernCall("1", "slow", `{"ms":0}`))
	for range 200 {
		c.ask(modernCall("1", "echo", `{"message":"m"}`))
	}
	a := r.get("/metrics")
	if a.StatusCode != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("got %s %s", a.Status, a.Header.Get("Content-Type"))
	}
	page, err := parseMetrics(a.body)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"go_goroutines", "process_resident_memory_bytes", "process_cpu_seconds_total",
	} {
		if !page.has(name) {
			t.Errorf("%s is missing", name)
		}
	}
	var direct bytes.Buffer
	r.WriteMetrics(&direct)
	if _, err := parseMetrics(direct.String()); err != nil {
		t.Error(err)
	}
}

// TestFurtherMetrics: what an embedder writes stands on the page, and a panic there costs no more
// than its own lines.
func TestFurtherMetrics(t *testing.T) {
	var bad atomic.Bool
	r := start(t, func(o *server.Options) {
		o.Metrics = func(w io.Writer) {
			fmt.Fprintf(w, "mine{a=\"b\"} 7\n")
			if bad.Load() {
				panic("of an embedder")
			}
		}
	})
	if got := r.scrape().total(`mine{a="b"}`); got != 7 {
		t.Errorf("got %v, want 7", got)
	}
	bad.Store(true)
	if page := r.scrape(); page.has("mine") || !page.has("mcploop_connections") {
		t.Error("a panic of Options.Metrics took other lines, or left half of its own")
	}
	if got := r.scrape().total("mcploop_panics_total"); got == 0 {
		t.Error("the panic was not counted")
	}
}

var boundLabel = regexp.MustCompile(`,?le="([^"]*)"`)

func TestHistogramsAreCumulative(t *testing.T) {
	r := start(t, nil)
	c := r.dialTCP()
	for _, ms := range []string{"0", "1", "3", "12", "25"} {
		c.ask(modernCall("1", "slow", `{"ms":`+ms+`}`))
	}
	for range 200 {
		c.ask(modernCall("1", "echo", `{"message":"m"}`))
	}
	type state struct{ bound, count float64 }
	last := map[string]state{}
	page := r.scrape()
	for _, s := range page {
		if !strings.HasPrefix(s.name, "mcploop_") || !strings.HasSuffix(s.name, "_bucket") {
			continue
		}
		bound, err := strconv.ParseFloat(boundLabel.FindStringSubmatch(s.labels)[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		series := s.family() + boundLabel.ReplaceAllString(s.labels, "")
		before, ok := last[series]
		if ok && (bound <= before.bound || s.value < before.count) {
			t.Errorf("%s%s %v comes behind %+v", s.name, s.labels, s.value, before)
		}
		last[series] = state{bound, s.value}
	}
	if len(last) < 2 {
		t.Fatalf("histograms: %v", last)
	}
	used := 0
	for series, end := range last {
		name, labels, _ := strings.Cut(series, "{")
		count := page.total(name + "_count{" + labels)
		if !math.IsInf(end.bound, 1) || end.count != count {
			t.Errorf("%s ends with %+v, its count is %v", series, end, count)
		}
		sum := page.total(name + "_sum{" + labels)
		if !page.has(name+"_sum{"+labels) || sum > 0 != (count > 0) {
			t.Errorf("%s has the count %v and the sum %v", series, count, sum)
		}
		if count > 0 {
			used++
		}
	}
	if used != 2 { // all calls, and those of slow
		t.Errorf("%d histograms have counted, want 2", used)
	}
}
