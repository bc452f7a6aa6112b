package result

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// LatencyMax is the longest latency told apart; a longer one counts as this.
const LatencyMax = 100 * time.Second

// Histogram holds latencies to three digits, 1 microsecond to LatencyMax. The zero value is not
// usable, NewHistogram is; it is not safe for concurrent use. In JSON it is its percentiles, for
// people, and the histogram itself in HdrHistogram's compressed V2 form, base64, from which
// alone it is read.
type Histogram struct {
	h *hdrhistogram.Histogram
}

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(1000, int64(LatencyMax), 3)}
}

// Record adds one latency in nanoseconds; it does not allocate.
func (h *Histogram) Record(nanos int64) {
	// The range is clamped, so that recording cannot fail.
	_ = h.h.RecordValue(min(max(nanos, 0), int64(LatencyMax)))
}

// Merge adds what other holds; nil adds nothing.
func (h *Histogram) Merge(other *Histogram) {
	if other != nil {
		h.h.Merge(other.h)
	}
}

// Reset empties h.
func (h *Histogram) Reset() { h.h.Reset() }

// Count returns how many latencies were recorded.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Micros returns the latency in microseconds below which percent (0..100) of all lie.
func (h *Histogram) Micros(percent float64) float64 {
	return float64(h.h.ValueAtPercentile(percent)) / 1e3
}

// Max returns the longest latency in microseconds.
func (h *Histogram) Max() float64 { return float64(h.h.Max()) / 1e3 }

// Mean returns the mean latency in microseconds.
func (h *Histogram) Mean() float64 { return h.h.Mean() / 1e3 }

// Each calls do with the ranges of latencies, in microseconds, that hold any, in rising order.
func (h *Histogram) Each(do func(low, high float64, count int64)) {
	for _, bar := range h.h.Distribution() {
		if bar.Count > 0 {
			do(float64(bar.From)/1e3, float64(bar.To)/1e3, bar.Count)
		}
	}
}

// histogramJSON is a Histogram in a file; only Raw is read.
type histogramJSON struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_us"`
	P50   float64 `json:"p50_us"`
	P95   float64 `json:"p95_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p999_us"`
	Max   float64 `json:"max_us"`
	Raw   string  `json:"hdr_v2_base64"`
}

// MarshalJSON makes h an object with its percentiles and its raw form.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	raw, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a histogram: %w", err)
	}
	return json.Marshal(histogramJSON{
		Count: h.Count(), Mean: h.Mean(), P50: h.Micros(50), P95: h.Micros(95),
		P99: h.Micros(99), P999: h.Micros(99.9), Max: h.Max(), Raw: string(raw),
	})
}

// UnmarshalJSON reads the raw form.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var j histogramJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("cannot read a histogram: %w", err)
	}
	raw, err := hdrhistogram.Decode([]byte(j.Raw))
	if err != nil {
		return fmt.Errorf("cannot read a histogram: %w", err)
	}
	h.h = raw
	return nil
}
