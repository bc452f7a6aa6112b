package server

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/shard"
)

// health is the snapshot behind /health, taken once a second so that a probe costs nothing.
type health struct {
	body atomic.Pointer[[]byte]

	// What follows belongs to the ticker's goroutine.
	last     time.Time
	messages uint64
	errors   [61]uint64 // totals at the last 61 samples, a ring
	samples  int
}

// sample takes the snapshot.
func (h *health) sample(s *Server, now time.Time) {
	in, out := s.messagesTotal()
	total := s.errorsTotal()
	rate := 0.0
	if !h.last.IsZero() {
		rate = float64(in+out-h.messages) / now.Sub(h.last).Seconds()
	}
	oldest := h.errors[(h.samples+1)%len(h.errors)]
	if h.samples < len(h.errors)-1 {
		oldest = 0
	}
	h.samples++
	h.errors[h.samples%len(h.errors)] = total
	h.last, h.messages = now, in+out
	body := s.healthBody(math.Round(rate), total-oldest)
	h.body.Store(&body)
}

// healthBody are the seven fields of the mission's document.
func (s *Server) healthBody(rate float64, errors uint64) []byte {
	b := fmt.Appendf(nil, `{"status":%q,"connections":%d,"queue_depth":%d,`,
		s.status(), s.group.Served(), s.workers.Len())
	b = fmt.Appendf(b, `"memory_mb":%.1f,"gc_pause_ms":%.3f,`, residentMB(), gcPauseMs())
	return fmt.Appendf(b, `"throughput_msg_sec":%.0f,"errors_1m":%d}`+"\n", rate, errors)
}

// status is healthy, degraded (the queue is above its warn mark) or draining.
func (s *Server) status() string {
	switch {
	case s.draining.Load():
		return "draining"
	case s.workers.Level() != shard.LevelNormal:
		return "degraded"
	}
	return "healthy"
}

// residentMB is the process's resident memory in MB, 0 where /proc is not there.
func residentMB() float64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(string(fields[1]), 64)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// gcPauseMs is the 99th percentile of the collector's pauses since the start, in ms.
func gcPauseMs() float64 {
	sample := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	h := sample[0].Value.Float64Histogram()
	var total, seen uint64
	for _, n := range h.Counts {
		total += n
	}
	for i, n := range h.Counts {
		if seen += n; total > 0 && seen*100 >= total*99 {
			if upper := h.Buckets[i+1]; !math.IsInf(upper, 0) {
				return upper * 1000
			}
			return h.Buckets[i] * 1000
		}
	}
	return 0
}

// operator answers the pages for operators: GET and HEAD.
func (d *httpDoor) operator(hc *httpConn, r *codec.Request) {
	if m := string(r.Method); m != "GET" && m != "HEAD" {
		d.notAllowed(hc, "GET, HEAD")
		return
	}
	switch string(r.Path) {
	case "/livez":
		hc.respond(200, typeText, []byte("ok\n"))
	case "/readyz":
		status, text := 200, "ready\n"
		if d.s.draining.Load() {
			status, text = 503, "draining\n"
		}
		hc.respond(status, typeText, []byte(text))
	case "/health":
		d.healthPage(hc)
	case "/metrics":
		d.metricsPage(hc)
	}
}

func (d *httpDoor) healthPage(hc *httpConn) {
	status := 200
	if d.s.draining.Load() {
		status = 503
	}
	if body := d.s.health.body.Load(); body != nil {
		hc.respond(status, typeJSON, *body)
		return
	}
	hc.respond(status, typeJSON, d.s.healthBody(0, 0)) // before the first sample
}

// metricsPage is made off the loop: it reads /proc and takes up to a millisecond.
func (d *httpDoor) metricsPage(hc *httpConn) {
	hc.expect(nil)
	go func() {
		var page bytes.Buffer
		d.s.WriteMetrics(&page)
		hc.page(200, typeText, page.Bytes())
	}()
}
